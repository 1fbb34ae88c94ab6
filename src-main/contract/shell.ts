/** What belongs to the window's shell: recent projects, preferences of this machine, and the commands of the native menu. */
import { z } from 'zod'
import { stageName } from './project.ts'

export const recentProject = z.object({
  name: z.string(),
  path: z.string(),
  /** its folder is no longer there, or holds no project */
  gone: z.boolean(),
  /** that was in front when it was used last */
  stage: stageName.nullable()
})
export type RecentProject = z.infer<typeof recentProject>

/** Of this machine, not of a project. */
export const preferences = z.object({
  /** tell the desktop when a long job ended and the window is not in front */
  notifications: z.boolean().default(true)
})
export type Preferences = z.infer<typeof preferences>

/** What the native menu asks of the page. */
export const menuCommand = z.enum([
  ...stageName.options, 'new-project', 'open-project', 'open-sample', 'close-project', 'palette', 'run', 'stop', 'settings', 'help', 'shortcuts', 'about'
])
export type MenuCommand = z.infer<typeof menuCommand>
