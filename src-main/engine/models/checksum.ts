/** SHA-256 of model files, remembered by size and time of change so that gigabytes are read once. */
import { createHash } from 'node:crypto'
import { createReadStream, statSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { keepIfPossible, readKept } from '../kept-json.ts'

const memory = z.record(z.string(), z.string())

/** @param progress is told how many bytes were read */
export async function checksumOf(file: string, cacheDirectory: string, progress?: (done: number) => void): Promise<string> {
  const known = knownChecksum(file, cacheDirectory)
  if (known !== null) return known
  const sha256 = await sha256Of(file, progress)
  const list = listOf(cacheDirectory)
  keepIfPossible(list, { ...readKept(list, memory, {}), [keyOf(file)]: sha256 })
  return sha256
}

/** null when the file, as it is now, was not read yet. */
export function knownChecksum(file: string, cacheDirectory: string): string | null {
  return readKept(listOf(cacheDirectory), memory, {})[keyOf(file)] ?? null
}

const listOf = (cacheDirectory: string): string => join(cacheDirectory, 'checksums.json')

function keyOf(file: string): string {
  const { size, mtimeMs } = statSync(file)
  return `${file} ${size} ${mtimeMs}`
}

export async function sha256Of(file: string, progress: (done: number) => void = () => {}): Promise<string> {
  const hash = createHash('sha256')
  let done = 0
  for await (const piece of createReadStream(file, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
    hash.update(piece)
    progress((done += piece.length))
  }
  return hash.digest('hex')
}
