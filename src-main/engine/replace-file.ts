/**
 * Files that are replaced whole: the old bytes or the new ones, after a kill, a power cut or on a full disk. Our own, as
 * write-file-atomic takes what a full disk wrote of a file for all of it, and puts that in the place of the whole one.
 */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncToDisk } from './files.ts'
import { unfinishedBeside } from './unfinished.ts'

/** @throws what the system says, ENOSPC for a full disk; then the file is as it was */
export function replaceFile(file: string, bytes: Uint8Array): Promise<void> {
  return replaceByPieces(file, (put) => put(bytes))
}

/** As replaceFile. @param write puts the pieces of the file; where it throws, nothing is left */
export async function replaceByPieces(file: string, write: (put: (bytes: Uint8Array | string) => Promise<void>) => Promise<void>): Promise<void> {
  const part = unfinishedBeside(file)
  try {
    const handle = await open(part, 'wx')
    try {
      await write(async (bytes) => void (bytes.length > 0 && (await handle.appendFile(bytes))))
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(part, file)
    syncToDisk(dirname(file))
  } catch (error) {
    await rm(part, { force: true })
    throw error
  }
}

/** As replaceFile, for small ones. @param mode of a new file */
export function replaceFileSync(file: string, text: string, mode = 0o666): void {
  const part = unfinishedBeside(file)
  try {
    const handle = openSync(part, 'wx', mode)
    try {
      writeFileSync(handle, text)
      fsyncSync(handle)
    } finally {
      closeSync(handle)
    }
    renameSync(part, file)
    syncToDisk(dirname(file))
  } catch (error) {
    rmSync(part, { force: true })
    throw error
  }
}
