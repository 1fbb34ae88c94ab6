/** What a path names, as the checks before reading need it. */
import { statSync, type Stats } from 'node:fs'

/** undefined where there is nothing, or where nothing can be: a name that is too long, a file used as a folder. */
export function statOf(path: string): Stats | undefined {
  try {
    return statSync(path)
  } catch {
    return undefined
  }
}

/** Changes with the file's contents, as far as size and date tell. */
export function versionOf(path: string): string {
  const stat = statOf(path)
  return stat === undefined ? '' : `${stat.size} ${stat.mtimeMs}`
}
