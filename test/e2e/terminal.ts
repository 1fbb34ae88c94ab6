/** The built terminal, for projects that a test begins with. */
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'

const electron = createRequire(import.meta.url)('electron') as unknown as string
const entry = resolve(import.meta.dirname, '..', '..', 'out', 'main', 'cli.js')

/** Runs commands in `folder`, with a home below it that is not the window's. The command throws where its exit code is not 0. */
export function terminalIn(folder: string): (...words: string[]) => void {
  const home = join(folder, 'terminal')
  mkdirSync(home, { recursive: true })
  const own = { HOME: home, XDG_CACHE_HOME: join(home, 'cache'), XDG_DATA_HOME: join(home, 'data'), LOCALAPPDATA: join(home, 'cache'), APPDATA: join(home, 'data') }
  return (...words) => void execFileSync(electron, [entry, ...words], { cwd: folder, env: { ...process.env, ...own, ELECTRON_RUN_AS_NODE: '1' }, stdio: 'pipe' })
}
