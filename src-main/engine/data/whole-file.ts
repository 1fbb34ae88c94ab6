/** A file that is there whole or not at all: written beside the wanted place, which it takes at the end. */
import { dirname, resolve } from 'node:path'
import { StudioError } from '../../contract/errors.ts'
import { statOf } from '../files.ts'
import { replaceByPieces } from '../replace-file.ts'

/** @throws StudioError 'bad-request' or 'not-found' where nothing can be written */
export function checkTarget(path: string): string {
  const file = resolve(path)
  const found = statOf(file)
  if (found !== undefined && !found.isFile()) throw new StudioError('bad-request', `${file} is there already and is not an ordinary file`)
  if (statOf(dirname(file))?.isDirectory() !== true) throw new StudioError('not-found', `there is no folder ${dirname(file)}`)
  return file
}

/**
 * @param write puts its pieces; where it throws, nothing is left
 * @throws StudioError 'disk-full' or 'not-usable'
 */
export async function writeWhole(file: string, write: Parameters<typeof replaceByPieces>[1]): Promise<void> {
  try {
    await replaceByPieces(file, write)
  } catch (error) {
    throw explained(error, file)
  }
}

function explained(error: unknown, file: string): unknown {
  const code = (error as NodeJS.ErrnoException).code
  if (code === 'ENOSPC') return new StudioError('disk-full', `the disk is full: ${file} was not written`, { cause: error })
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return new StudioError('not-usable', `${file} cannot be written (${code})`, { cause: error })
  return error
}
