/** The bytes of an entry of the queue: from npm's registry for the catalogue's models, from the hub or an address for the others. */
import { existsSync, rmSync, statSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { explained, usualPatience, type Patience } from '../../data/hub/connection.ts'
import type { FetchContext } from '../../data/hub/download.ts'
import { expectedOf, fileUrl } from '../../data/hub/expected.ts'
import { fetchTo, refuseFullDisk } from '../../data/hub/fetch-to.ts'
import { isCommit, isSafePath } from '../../data/hub/name.ts'
import { Part } from '../../data/hub/part.ts'
import { statOf } from '../../files.ts'
import { StudioError, toFailure } from '../../../contract/errors.ts'
import type { ModelSource } from '../../../contract/models.ts'
import { addressFiles, bytesAt, checkedAddress, type AddressFile } from '../address-model.ts'
import { catalogueEntry, isPresent, modelPath } from '../catalogue.ts'
import { discardFetched, fetchedOf, fetchModel } from '../fetch.ts'
import { discardBackend, fetchBackend, fetchedOfBackend } from '../fetch-backend.ts'
import { backendPackage, kinds } from '../further-backends.ts'
import { hubModelPath, modelCommit, parseModelName } from '../hub-model.ts'
import { inspectModel } from '../inspect.ts'
import { firstPartOf, partNamesOf } from '../split.ts'
import type { ExpectedFiles, KeptDownload } from './queue-file.ts'

export interface SourceDirectories {
  cacheDirectory: string
  resourcesDirectory: string
}

type Asked = Pick<KeptDownload, 'source' | 'expected'>
type Remote = Extract<ModelSource, { kind: 'hub' | 'address' }>

/** As it is kept and compared, and how it is called. @throws StudioError 'bad-request' or 'not-found' for one that cannot be */
export function checkedSource(source: ModelSource, { resourcesDirectory }: SourceDirectories): { source: ModelSource; title: string } {
  if (source.kind === 'catalogue') return { source, title: catalogueEntry(source.id, resourcesDirectory).title }
  if (source.kind === 'backend') return { source: { kind: 'backend', id: backendPackage(source.id, resourcesDirectory).id }, title: `${kinds[source.id].title} backend` }
  if (source.kind === 'address') {
    const url = checkedAddress(source.url)
    return { source: { kind: 'address', url }, title: `${new URL(url).host}: ${titleOf(addressFiles(url, '')[0]?.name ?? '')}` }
  }
  const { name, revision } = parseModelName(source.revision === null ? source.name : `${source.name}@${source.revision}`)
  if (!isSafePath(source.path) || !/\.gguf$/i.test(source.path)) throw new StudioError('bad-request', `"${source.path.slice(0, 200)}" is not a GGUF file of ${name}`)
  const path = firstPartOf(source.path)
  return { source: { kind: 'hub', name, revision, path }, title: `${name}: ${titleOf(path)}` }
}

/**
 * @param asked is told what the hub or the host said of the files, before the first byte
 * @returns where the model is, whole and as far as can be checked; of several files the first
 * @throws StudioError, or the signal's reason; what has come stays for the next time
 */
export async function fetchSource({ source, expected }: Asked, asked: (expected: KeptDownload['expected']) => void, { cacheDirectory, resourcesDirectory }: SourceDirectories, job: FetchContext, patience: Patience = usualPatience): Promise<string> {
  if (source.kind === 'catalogue') return fetchModel(source.id, cacheDirectory, resourcesDirectory, job, patience)
  if (source.kind === 'backend') return fetchBackend(source.id, { cacheDirectory, resourcesDirectory }, job, patience)
  const host = source.kind === 'address' ? new URL(source.url).host : undefined
  try {
    // an address may have another file tomorrow; a commit has not
    const known = source.kind === 'address' ? await askHost(source.url, job, patience) : (expected ?? (await askHub(source, job, patience)))
    asked(known)
    const files = filesOf(source, known, cacheDirectory)
    const first = files[0]?.place ?? ''
    const total = known.files.reduce((sum, { bytes }) => sum + bytes, 0)
    if (files.length > 1) refuseFullDisk(folderOf(first), total - fetchedBytes(files))
    let before = 0
    for (const [i, { place, url, name, bytes, checksum }] of files.entries()) {
      const of: FetchContext = {
        signal: job.signal,
        phase: (words, progress) => job.phase(files.length === 1 ? words : `${words}, file ${i + 1} of ${files.length}`, progress && { done: before + progress.done, total }),
        progress: (done) => job.progress(before + done)
      }
      if (!isHere(place, bytes)) await fetchTo(place, { url, name, anonymous: source.kind === 'address' }, { bytes, checksum }, of, patience)
      before += bytes
    }
    if (source.kind === 'address') await refuseUnreadable(files)
    return first
  } catch (error) {
    throw explained(error, source.kind === 'address' ? source.url : `${source.name}/${source.path}`, job.signal, host)
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
  const files = filesOf(source, expected, cacheDirectory)
  return { done: fetchedBytes(files), total: files.reduce((sum, { bytes }) => sum + bytes, 0) }
}

/** Deletes what has come of a model that is not whole. */
export function discardSource({ source, expected }: Asked, { cacheDirectory, resourcesDirectory }: SourceDirectories): void {
  if (source.kind === 'catalogue') return discardFetched(source.id, cacheDirectory, resourcesDirectory)
  if (source.kind === 'backend') return discardBackend(source.id, { cacheDirectory, resourcesDirectory })
  if (expected === null) return
  const files = filesOf(source, expected, cacheDirectory)
  const whole = files.every(({ place, bytes }) => isHere(place, bytes))
  for (const { place, bytes, checksum } of files) {
    new Part(place, { bytes, checksum }).discard()
    if (!whole) rmSync(place, { force: true })
  }
}

type WantedFile = AddressFile & ExpectedFiles['files'][number]

/** The files of a model with what is known of each. */
function filesOf(source: Remote, { commit, files }: ExpectedFiles, cacheDirectory: string): WantedFile[] {
  const places: AddressFile[] = source.kind === 'address' ? addressFiles(source.url, cacheDirectory) : partNamesOf(source.path).map((path) => {
    const file = { name: source.name, revision: commit, path }
    return { url: fileUrl('model', file), name: basename(path), place: hubModelPath(file, cacheDirectory) }
  })
  return files.flatMap((file, i) => (places[i] === undefined ? [] : [{ ...places[i], ...file }]))
}

const isHere = (place: string, bytes: number): boolean => statOf(place)?.size === bytes

function fetchedBytes(files: WantedFile[]): number {
  return files.reduce((sum, { place, bytes, checksum }) => sum + (isHere(place, bytes) ? bytes : new Part(place, { bytes, checksum }).bytes), 0)
}

/** The nearest folder that there is. */
function folderOf(path: string): string {
  const folder = dirname(path)
  return existsSync(folder) || folder === path ? folder : folderOf(folder)
}

function titleOf(path: string): string {
  const { length } = partNamesOf(path)
  return length === 1 ? basename(path) : `${basename(path).replace(/-\d{5}-of-\d{5}(?=\.gguf$)/i, '')}, ${length} files`
}

/** Nobody says what the bytes should be: at least they must be a model's. @throws StudioError 'not-usable'; then nothing is kept */
async function refuseUnreadable(files: WantedFile[]): Promise<void> {
  try {
    await inspectModel(files[0]?.place ?? '')
  } catch (error) {
    for (const { place } of files) rmSync(place, { force: true })
    throw new StudioError('not-usable', `${toFailure(error).message}; what had come was thrown away`, { cause: error })
  }
}

async function askHost(url: string, job: FetchContext, patience: Patience): Promise<ExpectedFiles> {
  job.phase(`Asking ${new URL(url).host} for it`, { done: 0, total: null })
  const files: ExpectedFiles['files'] = []
  for (const file of addressFiles(url, '')) files.push({ bytes: await bytesAt(file, job.signal, patience), checksum: null })
  return { commit: null, files }
}

async function askHub({ name, revision, path }: Extract<ModelSource, { kind: 'hub' }>, job: FetchContext, patience: Patience): Promise<ExpectedFiles> {
  job.phase('Asking the hub for it', { done: 0, total: null })
  const commit = isCommit(revision) ? (revision as string) : (await modelCommit({ name, revision }, { signal: job.signal, patience })).commit
  const files: ExpectedFiles['files'] = []
  for (const part of partNamesOf(path)) {
    const { bytes, checksum } = await expectedOf('model', { name, revision: commit, path: part }, job.signal, patience)
    if (checksum === null || checksum.algorithm === 'sha512') throw new Error('the hub names no checksum of its own kinds')
    files.push({ bytes, checksum: { algorithm: checksum.algorithm, hex: checksum.hex } })
  }
  return { commit, files }
}
