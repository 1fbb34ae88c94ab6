/** Which shared libraries this machine's loader would find, without opening any: a driver's own code does not run for it. */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const askMs = 10_000

/** @returns whether a library of that name is there; null where that cannot be known */
export type HasLibrary = (name: string) => boolean | null

/** As things are now. */
export function systemLibraries(): HasLibrary {
  if (process.platform === 'win32') return inFolders([join(process.env['SystemRoot'] ?? 'C:\\Windows', 'System32'), ...pathOf('PATH')])
  if (process.platform !== 'linux') return () => null
  const cached = loaderCache()
  const beside = inFolders(pathOf('LD_LIBRARY_PATH'))
  return (name) => beside(name) || (cached === null ? null : cached.has(name))
}

/** The names in the loader's cache; null on systems that have none. */
function loaderCache(): Set<string> | null {
  for (const ldconfig of ['/sbin/ldconfig', '/usr/sbin/ldconfig']) {
    if (!existsSync(ldconfig)) continue
    try {
      const listed = execFileSync(ldconfig, ['-p'], { encoding: 'utf8', timeout: askMs, stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 64 * 1024 * 1024 })
      return new Set(listed.split('\n').map((line) => line.trim().split(' ')[0] ?? ''))
    } catch {
      return null
    }
  }
  return null
}

function inFolders(folders: string[]): (name: string) => boolean {
  return (name) => folders.some((folder) => existsSync(join(folder, name)))
}

const pathOf = (variable: string): string[] => (process.env[variable] ?? '').split(delimiter).filter((folder) => folder !== '')
