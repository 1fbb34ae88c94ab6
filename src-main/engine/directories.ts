/** Where the studio keeps what belongs to the person and not to one project. */
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'

export { cacheDirectory } from '../../native/setup/cache.mjs'

const name = 're-control-studio'

/** The sample project, the list of recent projects, how models are to run here; the same for window and terminal. */
export function dataDirectory(): string {
  const { APPDATA, XDG_DATA_HOME } = process.env
  if (process.platform === 'win32') return join(APPDATA || join(homedir(), 'AppData', 'Roaming'), name)
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Application Support', name)
  return join(XDG_DATA_HOME && isAbsolute(XDG_DATA_HOME) ? XDG_DATA_HOME : join(homedir(), '.local', 'share'), name)
}
