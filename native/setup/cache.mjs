// The user's cache directory: what was downloaded and verified once, shared by all checkouts.
import { homedir } from 'node:os'
import path from 'node:path'

const name = 're-control-studio'

export function cacheDirectory() {
  const { LOCALAPPDATA, XDG_CACHE_HOME } = process.env
  if (process.platform === 'win32') return path.join(LOCALAPPDATA || path.join(homedir(), 'AppData', 'Local'), name, 'Cache')
  if (process.platform === 'darwin') return path.join(homedir(), 'Library', 'Caches', name)
  // The XDG specification says to ignore a relative path.
  return path.join(XDG_CACHE_HOME && path.isAbsolute(XDG_CACHE_HOME) ? XDG_CACHE_HOME : path.join(homedir(), '.cache'), name)
}
