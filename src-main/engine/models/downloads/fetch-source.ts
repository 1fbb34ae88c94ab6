/** The bytes of an entry of the queue: from npm's registry for the catalogue's models, from the hub for the others. */
import { existsSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import { explained, usualPatience, type Patience } from '../../data/hub/connection.ts'
import type { FetchContext } from '../../data/hub/download.ts'
import { expectedOf, fileUrl } from '../../data/hub/expected.ts'
import { fetchTo } from '../../data/hub/fetch-to.ts'
import { isCommit, isSafePath, type HubFile } from '../../data/hub/name.ts'
import { Part } from '../../data/hub/part.ts'
import { StudioError } from '../../../contract/errors.ts'
import type { ModelSource } from '../../../contract/models.ts'
import { catalogueEntry, isPresent, modelPath } from '../catalogue.ts'
import { discardFetched, fetchedOf, fetchModel } from '../fetch.ts'
import { discardBackend, fetchBackend, fetchedOfBackend } from '../fetch-backend.ts'
import { backendPackage, kinds } from '../further-backends.ts'
import { hubModelPath, modelCommit, parseModelName } from '../hub-model.ts'
import type { KeptDownload } from './queue-file.ts'

export interface SourceDirectories {
  cacheDirectory: string
  resourcesDirectory: string
}

type Asked = Pick<KeptDownload, 'source' | 'expected'>

/** As it is kept and compared, and how it is called. @throws StudioError 'bad-request' or 'not-found' for one that cannot be */
export function checkedSource(source: ModelSource, { resourcesDirectory }: SourceDirectories): { source: ModelSource; title: string } {
  if (source.kind === 'catalogue') return { source, title: catalogueEntry(source.id, resourcesDirectory).title }
  if (source.kind === 'backend') return { source: { kind: 'backend', id: backendPackage(source.id, resourcesDirectory).id }, title: `${kinds[source.id].title} backend` }
  const { name, revision } = parseModelName(source.revision === null ? source.name : `${source.name}@${source.revision}`)
  if (!isSafePath(source.path) || !/\.gguf$/i.test(source.path)) throw new StudioError('bad-request', `"${source.path.slice(0, 200)}" is not a GGUF file of ${name}`)
  return { source: { kind: 'hub', name, revision, path: source.path }, title: `${name}: ${basename(source.path)}` }
}

/**
 * @param asked is told what the hub said of the file, before its first byte
 * @returns where the model is, whole and checked
 * @throws StudioError, or the signal's reason; what has come stays for the next time
 */
export async function fetchSource({ source, expected }: Asked, asked: (expected: KeptDownload['expected']) => void, { cacheDirectory, resourcesDirectory }: SourceDirectories, job: FetchContext, patience: Patience = usualPatience): Promise<string> {
  if (source.kind === 'catalogue') return fetchModel(source.id, cacheDirectory, resourcesDirectory, job, patience)
  if (source.kind === 'backend') return fetchBackend(source.id, { cacheDirectory, resourcesDirectory }, job, patience)
  const { name, path } = source
  try {
    const known = expected ?? (await ask(source, job, patience))
    asked(known)
    const file: HubFile = { name, revision: known.commit, path }
    const place = hubModelPath(file, cacheDirectory)
    if (!existsSync(place)) await fetchTo(place, { url: fileUrl('model', file), name: basename(path) }, known, job, patience)
    return place
  } catch (error) {
    throw explained(error, `${name}/${path}`, job.signal)
  }
}

/** Bytes that are here and bytes of all, as far as that is known. */
export function fetchedSource({ source, expected }: Asked, { cacheDirectory, resourcesDirectory }: SourceDirectories): { done: number; total: number | null } {
  if (source.kind === 'catalogue') {
    if (isPresent(source.id, cacheDirectory, resourcesDirectory)) {
      const { size } = statSync(modelPath(source.id, cacheDirectory, resourcesDirectory))
      return { done: size, total: size }
    }
    return fetchedOf(source.id, cacheDirectory, resourcesDirectory)
  }
  if (source.kind === 'backend') return fetchedOfBackend(source.id, { cacheDirectory, resourcesDirectory })
  if (expected === null) return { done: 0, total: null }
  const place = placeOf(source, expected.commit, cacheDirectory)
  return { done: existsSync(place) ? expected.bytes : new Part(place, expected).bytes, total: expected.bytes }
}

/** Deletes what has come of a model that is not whole. */
export function discardSource({ source, expected }: Asked, { cacheDirectory, resourcesDirectory }: SourceDirectories): void {
  if (source.kind === 'catalogue') discardFetched(source.id, cacheDirectory, resourcesDirectory)
  else if (source.kind === 'backend') discardBackend(source.id, { cacheDirectory, resourcesDirectory })
  else if (expected !== null) new Part(placeOf(source, expected.commit, cacheDirectory), expected).discard()
}

function placeOf({ name, path }: Extract<ModelSource, { kind: 'hub' }>, commit: string, cacheDirectory: string): string {
  return hubModelPath({ name, revision: commit, path }, cacheDirectory)
}

async function ask({ name, revision, path }: Extract<ModelSource, { kind: 'hub' }>, job: FetchContext, patience: Patience): Promise<NonNullable<KeptDownload['expected']>> {
  job.phase('Asking the hub for it', { done: 0, total: null })
  const commit = isCommit(revision) ? (revision as string) : (await modelCommit({ name, revision }, { signal: job.signal, patience })).commit
  const { bytes, checksum } = await expectedOf('model', { name, revision: commit, path }, job.signal, patience)
  if (checksum.algorithm === 'sha512') throw new Error('the hub names no checksum of its own kinds')
  return { commit, bytes, checksum: { algorithm: checksum.algorithm, hex: checksum.hex } }
}
