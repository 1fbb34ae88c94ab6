/** SHA-256 of model files, remembered by size and time of change so that gigabytes are read once. */
import { createHash } from 'node:crypto'
import { createReadStream, statSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { StudioError } from '../../contract/errors.ts'
import { keepIfPossible, readKept } from '../kept-json.ts'
import { modelBytes, partFilesOf } from './split.ts'

const memory = z.record(z.string(), z.string())

export interface Reading {
  /** is told how many bytes were read, and how many there are */
  progress?: (done: number, total: number) => void
  signal?: AbortSignal
}

/**
 * What a model is known by: the checksum of its file or, where it has several, of their checksums.
 * @throws StudioError 'cancelled' by the signal; the files that were read to their ends are remembered
 */
export async function checksumOf(file: string, cacheDirectory: string, reading: Reading = {}): Promise<string> {
  return combined(await partChecksums(file, cacheDirectory, reading))
}

/** Of each file of a model, the first one first. @throws as checksumOf */
export async function partChecksums(file: string, cacheDirectory: string, { progress = () => {}, signal }: Reading = {}): Promise<string[]> {
  const total = modelBytes(file)
  const checksums: string[] = []
  let before = 0
  for (const part of partFilesOf(file)) {
    const known = knownOf(part, cacheDirectory)
    const sha256 = known ?? (await sha256Of(part, { progress: (done) => progress(before + done, total), signal }))
    if (known === null) {
      const list = listOf(cacheDirectory)
      keepIfPossible(list, { ...readKept(list, memory, {}), [keyOf(part)]: sha256 })
    }
    checksums.push(sha256)
    before += statSync(part).size
  }
  return checksums
}

/** null when a file of it, as it is now, was not read yet. */
export function knownChecksum(file: string, cacheDirectory: string): string | null {
  const checksums = partFilesOf(file).map((part) => knownOf(part, cacheDirectory))
  return checksums.every((one) => one !== null) ? combined(checksums) : null
}

/** As `sha256sum` would give it for the lines of the parts' checksums. */
export function combined(checksums: string[]): string {
  if (checksums.length === 1) return checksums[0] as string
  return createHash('sha256').update(checksums.map((one) => `${one}\n`).join('')).digest('hex')
}

const listOf = (cacheDirectory: string): string => join(cacheDirectory, 'checksums.json')

const knownOf = (file: string, cacheDirectory: string): string | null => readKept(listOf(cacheDirectory), memory, {})[keyOf(file)] ?? null

function keyOf(file: string): string {
  const { size, mtimeMs } = statSync(file)
  return `${file} ${size} ${mtimeMs}`
}

/** @throws StudioError 'cancelled' by the signal */
export async function sha256Of(file: string, { progress = () => {}, signal }: Reading = {}): Promise<string> {
  const hash = createHash('sha256')
  const { size } = statSync(file)
  let done = 0
  try {
    for await (const piece of createReadStream(file, { highWaterMark: 1 << 20, signal }) as AsyncIterable<Buffer>) {
      hash.update(piece)
      progress((done += piece.length), size)
    }
  } catch (error) {
    throw signal?.aborted === true ? new StudioError('cancelled', 'the checksum was not computed to its end') : error
  }
  return hash.digest('hex')
}
