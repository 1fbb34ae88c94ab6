/** Of the program itself: its updates, and the licences of what it is made of. */
import { app, shell, type MenuItemConstructorOptions } from 'electron'
import { join } from 'node:path'
import { updateItems } from './updates.ts'

export function programItems(): MenuItemConstructorOptions[] {
  const notices = join(process.resourcesPath, 'THIRD-PARTY-NOTICES.txt') // packages have it, a checkout has node_modules
  return [...updateItems(), { label: 'Licences', visible: app.isPackaged, click: () => void shell.openPath(notices) }]
}
