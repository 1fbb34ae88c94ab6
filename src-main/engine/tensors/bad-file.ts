/** Files of tensors that cannot be used. */
import { StudioError } from '../../contract/errors.ts'

/** What is wrong with a file that somebody gave; the message completes "v.pth cannot be used: ...". */
export class BadFile extends Error {}

/** @throws StudioError 'not-usable' with the file's name for a BadFile, and everything else as it is */
export async function naming<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof BadFile) throw new StudioError('not-usable', `${file} cannot be used: ${error.message}`, { cause: error })
    throw error
  }
}
