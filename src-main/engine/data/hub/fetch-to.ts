/** A file over the network to its place: it appears there whole, and only when its checksum holds. */
import { createHash } from 'node:crypto'
import { createReadStream, renameSync, rmSync, statfsSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { StudioError } from '../../../contract/errors.ts'
import type { Patience } from './connection.ts'
import { download, type FetchContext } from './download.ts'
import { Part, type Expected } from './part.ts'

export interface Address {
  url: string
  /** for messages */
  name: string
  /** see `download` */
  fixed?: boolean
  anonymous?: boolean
}

/** @throws StudioError or Error; what has come stays beside the place for the next time, unless it is wrong */
export async function fetchTo(place: string, { url, name, ...how }: Address, expected: Expected, job: FetchContext, patience: Patience): Promise<void> {
  const part = new Part(place, expected)
  refuseFullDisk(dirname(place), expected.bytes - part.bytes)
  job.phase(`Fetching ${name}`, { done: part.bytes, total: expected.bytes })
  await download(url, part, { bytes: expected.bytes, name, ...how }, job, patience)
  job.phase(`Checking ${name}`)
  await refuseOther(part.path, name, expected, job.signal)
  const handle = await open(part.path)
  await handle.sync()
  await handle.close()
  renameSync(part.path, place)
  part.discard()
}

/** Deletes a file that is not the one that was expected, as far as that is known. @throws StudioError 'download-failed' then */
export async function refuseOther(path: string, name: string, { bytes, checksum }: Expected, signal: AbortSignal): Promise<void> {
  if (checksum === null) return
  const hex = await checksumOf(path, bytes, checksum, signal)
  if (hex === checksum.hex) return
  for (const one of [path, `${path}.etag`]) rmSync(one, { force: true })
  throw new StudioError('download-failed', `${name} is not the file that was published: its checksum is ${hex}, not ${checksum.hex}; what had come was thrown away`, { retryable: true })
}

/** @throws StudioError 'disk-full' where so many bytes have no room */
export function refuseFullDisk(directory: string, needed: number): void {
  const { bavail, bsize } = statfsSync(directory)
  if (bavail * bsize < needed) throw new StudioError('disk-full', `the file needs ${Math.ceil(needed / 1e6)} MB in ${directory}, where ${Math.floor((bavail * bsize) / 1e6)} MB are free`, { retryable: true })
}

async function checksumOf(path: string, bytes: number, checksum: NonNullable<Expected['checksum']>, signal: AbortSignal): Promise<string> {
  const hash = createHash(checksum.algorithm === 'git-sha1' ? 'sha1' : checksum.algorithm)
  if (checksum.algorithm === 'git-sha1') hash.update(`blob ${bytes}\0`)
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash, { signal })
  return hash.digest('hex')
}
