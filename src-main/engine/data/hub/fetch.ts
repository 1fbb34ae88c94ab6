/**
 * Fetches one file of the hub into the cache. What has come stays in a .part file beside its place, so that the next
 * fetch goes on from there; the file appears at its place when it is whole and its checksum holds.
 */
import { pathsInfo } from '@huggingface/hub'
import { createHash } from 'node:crypto'
import { createReadStream, existsSync, renameSync, statfsSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { z } from 'zod'
import { StudioError } from '../../../contract/errors.ts'
import type { JobWork } from '../../jobs/runner.ts'
import { accessToken, askWith, explained, hubUrl, usualPatience, type Patience } from './connection.ts'
import { download, type FetchContext } from './download.ts'
import { commitOf } from './list.ts'
import { fetchedFile } from './local-file.ts'
import { cachedPath, isCommit, parseHubFile, type HubFile } from './name.ts'
import { Part, type Expected } from './part.ts'

export function fetchDataWork(cacheDirectory: string): JobWork<{ file: string }> {
  return {
    unit: 'bytes',
    title: ({ file }) => `Fetch ${basename(file)}`,
    run: async ({ file }, _project, job) => void (await fetchFile(file, cacheDirectory, job)),
    discard: () => {}
  }
}

/**
 * Does nothing, and asks nobody, when the file is here.
 * @returns where it is
 * @throws StudioError 'bad-request', 'not-found' or 'download-failed'; a .part file may stay for the next time
 */
export async function fetchFile(file: string, cacheDirectory: string, job: FetchContext, patience = usualPatience): Promise<string> {
  const known = fetchedFile(file, cacheDirectory)
  if (known !== null) return known
  const wanted = parseHubFile(file)
  job.phase(`Asking for ${basename(wanted.path)}`, { done: 0, total: null })
  const commit = isCommit(wanted.revision) ? (wanted.revision as string) : (await commitOf(wanted, cacheDirectory, { signal: job.signal, patience })).commit
  const place = cachedPath(wanted.name, commit, wanted.path, cacheDirectory)
  if (existsSync(place)) return place
  try {
    const expected = await expectedOf({ ...wanted, revision: commit }, job.signal, patience)
    await fetchTo(place, { ...wanted, revision: commit }, expected, job, patience)
    return place
  } catch (error) {
    throw explained(error, file, job.signal)
  }
}

const pathInfo = z.object({ type: z.string(), path: z.string(), size: z.number().min(0), oid: z.string(), lfs: z.object({ oid: z.string(), size: z.number().min(0) }).optional() })

async function expectedOf({ name, revision, path }: HubFile, signal: AbortSignal, patience: Patience): Promise<Expected> {
  const repo = { type: 'dataset', name } as const
  const answer = await pathsInfo({ repo, paths: [path], revision: revision ?? undefined, hubUrl: hubUrl(), accessToken: accessToken(), fetch: askWith({ signal, patience }) })
  const found = answer.find((info) => info.path === path)
  if (found === undefined) throw new StudioError('not-found', `the data set ${name} has no file "${path}"`)
  const { type, size, oid, lfs } = pathInfo.parse(found)
  if (type !== 'file') throw new StudioError('not-usable', `"${path}" of the data set ${name} is a folder`)
  const checksum = lfs === undefined ? ({ algorithm: 'git-sha1', hex: oid } as const) : ({ algorithm: 'sha256', hex: lfs.oid } as const)
  if (!(lfs === undefined ? /^[0-9a-f]{40}$/ : /^[0-9a-f]{64}$/).test(checksum.hex)) throw new Error('it names no checksum')
  return { bytes: lfs?.size ?? size, checksum }
}

async function fetchTo(place: string, file: HubFile, expected: Expected, job: FetchContext, patience: Patience): Promise<void> {
  const part = new Part(place, expected)
  const url = `${hubUrl()}/datasets/${file.name}/resolve/${encodeURIComponent(file.revision ?? 'main')}/${file.path.split('/').map(encodeURIComponent).join('/')}`
  refuseFullDisk(dirname(place), expected.bytes - part.bytes)
  job.phase(`Fetching ${basename(file.path)}`, { done: part.bytes, total: expected.bytes })
  await download(url, part, { bytes: expected.bytes, name: file.path }, job, patience)
  job.phase(`Checking ${basename(file.path)}`)
  const hex = await checksumOf(part.path, expected)
  job.signal.throwIfAborted()
  if (hex !== expected.checksum.hex) {
    part.discard()
    throw new Error(`its checksum is ${hex}, not ${expected.checksum.hex}; what had come was thrown away`)
  }
  const handle = await open(part.path)
  await handle.sync()
  await handle.close()
  renameSync(part.path, place)
  part.discard()
}

async function checksumOf(path: string, { bytes, checksum }: Expected): Promise<string> {
  const hash = createHash(checksum.algorithm === 'sha256' ? 'sha256' : 'sha1')
  if (checksum.algorithm === 'git-sha1') hash.update(`blob ${bytes}\0`)
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash)
  return hash.digest('hex')
}

function refuseFullDisk(directory: string, needed: number): void {
  const { bavail, bsize } = statfsSync(directory)
  if (bavail * bsize < needed) throw new StudioError('disk-full', `the file needs ${Math.ceil(needed / 1e6)} MB in ${directory}, where ${Math.floor((bavail * bsize) / 1e6)} MB are free`, { retryable: true })
}
