/** What a path names, as the checks before reading need it; and small files of JSON. */
import { closeSync, fsyncSync, openSync, readFileSync, statSync, type Stats } from 'node:fs'
import { StudioError } from '../contract/errors.ts'

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

/** A file's bytes, or a folder's names, are on the disk when it returns: a new file is there after a power cut only with its folder. */
export function syncToDisk(path: string): void {
  const directory = statSync(path).isDirectory()
  if (directory && process.platform === 'win32') return // it cannot be opened there, and NTFS keeps names in order by itself
  const handle = openSync(path, directory ? 'r' : 'r+')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

/** @throws StudioError 'not-found' or 'bad-request' */
export function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    if (error instanceof SyntaxError) throw new StudioError('bad-request', `${file} is not JSON: ${error.message}`)
    throw new StudioError('not-found', `${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
}
