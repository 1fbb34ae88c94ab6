/**
 * A further backend into the cache: its package's tarball, which is kept until it is whole so that the next fetch goes on
 * where this one ends, checked by its SHA-512, unpacked beside its place, and put there by a rename.
 */
import { closeSync, createReadStream, createWriteStream, existsSync, fstatSync, mkdirSync, openSync, readSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { extract, type Header } from 'tar-stream'
import type { FurtherBackendId } from '../../contract/device.ts'
import { StudioError } from '../../contract/errors.ts'
import { usualPatience, type Patience } from '../data/hub/connection.ts'
import type { FetchContext } from '../data/hub/download.ts'
import { refuseFullDisk, refuseOther } from '../data/hub/fetch-to.ts'
import { isSafePath } from '../data/hub/name.ts'
import { Part } from '../data/hub/part.ts'
import { statOf, syncToDisk } from '../files.ts'
import { expectedOf, fetchPackage } from './fetch.ts'
import { backendFolder, backendPackage, isFetched, kinds, type BackendDirectories, type BackendPackage } from './further-backends.ts'

/**
 * Does nothing when it is here. One process at a time: see lock.ts.
 * @returns its folder
 * @throws StudioError 'not-found', 'download-failed' or 'disk-full'; the tarball stays for the next time unless it is wrong
 */
export async function fetchBackend(id: FurtherBackendId, directories: BackendDirectories, job: FetchContext, patience: Patience = usualPatience): Promise<string> {
  const one = backendPackage(id, directories.resourcesDirectory)
  const place = backendFolder(one, directories.cacheDirectory)
  if (isFetched(one, directories.cacheDirectory)) return place
  const tarball = tarballOf(place)
  const unpacked = `${place}.unpacking`
  try {
    mkdirSync(dirname(place), { recursive: true })
    await fetchTarball(one, tarball, job, patience)
    rmSync(unpacked, { recursive: true, force: true })
    await unpack(tarball, unpacked, job, kinds[id].title)
    putInPlace(unpacked, place)
    rmSync(tarball, { force: true })
    return place
  } catch (error) {
    rmSync(unpacked, { recursive: true, force: true })
    job.signal.throwIfAborted()
    if (error instanceof StudioError || (error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
    const reason = error instanceof Error ? error.message : String(error)
    throw new StudioError('download-failed', `${one.name} could not be fetched: ${reason}`, { retryable: true, cause: error })
  }
}

/** How far a fetch is: what is here of the tarball, and what it has. */
export function fetchedOfBackend(id: FurtherBackendId, { cacheDirectory, resourcesDirectory }: BackendDirectories): { done: number; total: number } {
  const one = backendPackage(id, resourcesDirectory)
  const tarball = tarballOf(backendFolder(one, cacheDirectory))
  const whole = isFetched(one, cacheDirectory) ? one.bytes : statOf(tarball)?.size
  return { done: whole ?? new Part(tarball, pinOf(one)).bytes, total: one.bytes }
}

/** Deletes what has come of one that is not whole. */
export function discardBackend(id: FurtherBackendId, { cacheDirectory, resourcesDirectory }: BackendDirectories): void {
  const one = backendPackage(id, resourcesDirectory)
  const tarball = tarballOf(backendFolder(one, cacheDirectory))
  new Part(tarball, pinOf(one)).discard()
  rmSync(tarball, { force: true })
}

/**
 * Deletes it from the cache, and what only adds to it. @returns the folders that were deleted
 * @throws StudioError 'not-found', and 'busy' where the system does not let go of libraries that are open
 */
export function removeBackend(id: FurtherBackendId, { cacheDirectory, resourcesDirectory }: BackendDirectories): string[] {
  const also = (Object.keys(kinds) as FurtherBackendId[]).filter((other) => other === id || kinds[other].needs === id)
  const folders = also.map((other) => backendFolder(backendPackage(other, resourcesDirectory), cacheDirectory)).filter((folder) => existsSync(folder))
  if (folders.length === 0) throw new StudioError('not-found', `${kinds[id].title} was not fetched, so there is nothing to remove`)
  for (const folder of folders) setAside(folder)
  return folders
}

const tarballOf = (place: string): string => `${place}.tgz`
const pinOf = ({ bytes, sha512 }: BackendPackage): ReturnType<typeof expectedOf> => expectedOf({ bytes, sha512 })

async function fetchTarball(one: BackendPackage, tarball: string, job: FetchContext, patience: Patience): Promise<void> {
  const name = `${one.name}@${one.version}`
  // what an interrupted unpacking left is whole, unless something else has been put there
  if (statOf(tarball)?.size === one.bytes) await refuseOther(tarball, name, pinOf(one), job.signal)
  else await fetchPackage({ package: name, bytes: one.bytes, sha512: one.sha512 }, tarball, job, patience)
}

/** Ordinary files and folders below `package/` only, and not more bytes than the tarball says that it has. */
async function unpack(tarball: string, to: string, job: FetchContext, title: string): Promise<void> {
  const bytes = unpackedBytes(tarball)
  refuseFullDisk(dirname(to), bytes)
  job.phase(`Unpacking ${title}`, { done: 0, total: bytes })
  mkdirSync(to)
  let done = 0
  const counting = new Transform({
    transform(chunk: Buffer, _encoding, next) {
      job.progress((done += chunk.length))
      next(done > bytes ? new Error('its package unpacks to more than it says') : null, chunk)
    }
  })
  const tar = extract()
  const unpacking = pipeline(createReadStream(tarball, { highWaterMark: 1 << 20 }), createGunzip(), counting, tar, { signal: job.signal })
  unpacking.catch(() => {}) // it ends the loop too, and is awaited behind it
  for await (const member of tar) {
    const file = join(to, memberPath(member.header))
    if (member.header.type === 'directory') {
      mkdirSync(file, { recursive: true })
      member.resume()
      continue
    }
    mkdirSync(dirname(file), { recursive: true })
    await pipeline(member, createWriteStream(file, { flags: 'wx', mode: 0o644 }), { signal: job.signal })
    syncToDisk(file)
  }
  await unpacking
  if (!existsSync(join(to, 'bins')) || !existsSync(join(to, 'package.json'))) throw new Error('its package holds no libraries')
}

/** Below the package's own folder. @throws Error for a link, a device, and a path that leads out */
function memberPath({ name, type }: Header): string {
  if (type !== 'file' && type !== 'directory') throw new Error(`its package holds a ${type ?? 'thing of no kind'}, ${name}, which is not unpacked`)
  const path = name.replace(/\/$/, '')
  const [top, ...parts] = path.split('/')
  if (top !== 'package' || !isSafePath(path) || (parts.length === 0 && type === 'file')) throw new Error(`its package names the path ${JSON.stringify(name)}, which leads out of its folder`)
  return parts.join('/')
}

/** gzip's last four bytes: the size of what it holds, of less than 4 GiB. */
function unpackedBytes(tarball: string): number {
  const file = openSync(tarball, 'r')
  try {
    const end = Buffer.alloc(4)
    readSync(file, end, 0, 4, Math.max(0, fstatSync(file).size - 4))
    return end.readUInt32LE()
  } finally {
    closeSync(file)
  }
}

/** A version from before makes room for it. */
function putInPlace(unpacked: string, place: string): void {
  if (existsSync(place)) setAside(place)
  renameSync(unpacked, place)
  syncToDisk(dirname(place))
}

/** Gone at once by its name, then in whole. @throws StudioError 'busy' */
function setAside(folder: string): void {
  const aside = `${folder}.removed`
  try {
    rmSync(aside, { recursive: true, force: true })
    renameSync(folder, aside)
    rmSync(aside, { recursive: true, force: true })
  } catch (error) {
    throw new StudioError('busy', `${folder} cannot be removed (${error instanceof Error ? error.message : String(error)}); close what uses it and try again`, { retryable: true, cause: error })
  }
}
