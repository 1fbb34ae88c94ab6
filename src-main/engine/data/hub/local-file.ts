/** Where a data file is on this machine; a file of the hub is in the cache when it was fetched. */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { StudioError } from '../../../contract/errors.ts'
import { keep, readKept } from '../../kept-json.ts'
import { cachedPath, datasetDirectory, isCommit, isHubFile, parseHubFile } from './name.ts'

/** @throws StudioError 'not-found' for a file of the hub that was not fetched, 'bad-request' for a name that is none */
export function localFile(file: string, cacheDirectory: string): string {
  if (!isHubFile(file)) return resolve(file)
  const local = fetchedFile(file, cacheDirectory)
  if (local === null) throw new StudioError('not-found', `${file} is not on this machine yet; fetch it first`)
  return local
}

/** null when it was not fetched, or not for this revision. @throws StudioError 'bad-request' */
export function fetchedFile(file: string, cacheDirectory: string): string | null {
  const { name, revision, path } = parseHubFile(file)
  const commit = isCommit(revision) ? revision : knownCommit(name, revision, cacheDirectory)
  if (commit === null) return null
  const local = cachedPath(name, commit, path, cacheDirectory)
  return existsSync(local) ? local : null
}

const commits = z.record(z.string(), z.string())
const defaultBranch = 'main'

/** What a branch or tag stood for when it was asked for last. */
function knownCommit(name: string, revision: string | null, cacheDirectory: string): string | null {
  const commit = readKept(revisionsFile(name, cacheDirectory), commits, {})[revision ?? defaultBranch] ?? null
  return isCommit(commit) ? commit : null
}

export function rememberCommit(name: string, revision: string | null, commit: string, cacheDirectory: string): void {
  const file = revisionsFile(name, cacheDirectory)
  keep(file, { ...readKept(file, commits, {}), [revision ?? defaultBranch]: commit })
}

function revisionsFile(name: string, cacheDirectory: string): string {
  return join(datasetDirectory(name, cacheDirectory), 'revisions.json')
}
