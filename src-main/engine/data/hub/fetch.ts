/**
 * Fetches one file of the hub into the cache. What has come stays in a .part file beside its place, so that the next
 * fetch goes on from there; the file appears at its place when it is whole and its checksum holds.
 */
import { existsSync } from 'node:fs'
import { basename } from 'node:path'
import type { JobWork } from '../../jobs/runner.ts'
import { explained, usualPatience } from './connection.ts'
import type { FetchContext } from './download.ts'
import { expectedOf, fileUrl } from './expected.ts'
import { fetchTo } from './fetch-to.ts'
import { commitOf } from './list.ts'
import { fetchedFile } from './local-file.ts'
import { cachedPath, isCommit, parseHubFile, type HubFile } from './name.ts'

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
    const file: HubFile = { ...wanted, revision: commit }
    await fetchTo(place, { url: fileUrl('dataset', file), name: basename(file.path) }, await expectedOf('dataset', file, job.signal, patience), job, patience)
    return place
  } catch (error) {
    throw explained(error, file, job.signal)
  }
}
