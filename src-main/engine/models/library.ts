/**
 * The models on this machine: of the studio's own folder, of folders that the person added, and files that were chosen.
 * Headers are read one after the other beside everything else, and remembered as long as their files do not change.
 */
import { existsSync, rmSync } from 'node:fs'
import { basename, join, resolve, sep } from 'node:path'
import { z } from 'zod'
import type { DeviceCandidate, DeviceChoice } from '../../contract/device.ts'
import { type LibraryModel, modelFacts, type ModelFacts, type ModelFit, type ModelLibrary } from '../../contract/models.ts'
import { StudioError, toFailure } from '../../contract/errors.ts'
import { statOf, versionOf } from '../files.ts'
import { keep, keepIfPossible, readKept } from '../kept-json.ts'
import { backendTitles } from './backends.ts'
import { findModels } from './find-files.ts'
import { inspectModel } from './inspect.ts'
import { planLoad } from './plan.ts'
import { byModel, modelBytes, partFilesOf, partNamesOf } from './split.ts'

const listed = z.object({ folders: z.array(z.string()), files: z.array(z.string()) })
/** what a header said: facts, or why it is no model's */
const header = z.object({ version: z.string(), facts: modelFacts.nullable(), problem: z.string().nullable() })
type Header = z.infer<typeof header>
const headers = z.record(z.string(), header)

const tellEveryMs = 500

export interface LibraryDirectories {
  cacheDirectory: string
  dataDirectory: string
}

/** What the fit of a model depends on. */
export interface Machine {
  choice: DeviceChoice
  candidates: DeviceCandidate[]
}

export class Library {
  readonly #directories: LibraryDirectories
  readonly #machine: () => Promise<Machine>
  readonly #changed: (library: ModelLibrary) => void
  /** the reading that goes on; another listing ends it */
  #reading: AbortController | null = null

  constructor(directories: LibraryDirectories, machine: () => Promise<Machine>, changed: (library: ModelLibrary) => void) {
    this.#directories = directories
    this.#machine = machine
    this.#changed = changed
  }

  /** What is there now, with what is known of it; headers that were not read yet come through `changed`. */
  async list(): Promise<ModelLibrary> {
    const { found, unread } = await this.#look()
    if (unread.length > 0) void this.#read(found, unread)
    return found
  }

  /** The same when every header was read. */
  async whole(signal: AbortSignal): Promise<ModelLibrary> {
    const { found, unread } = await this.#look()
    const machine = await this.#machine()
    await this.#readAll(unread, machine, signal, () => {})
    return { ...found, reading: false }
  }

  /** @throws StudioError 'not-found' or 'not-usable' */
  addFolder(directory: string): void {
    const folder = resolve(directory)
    const stat = statOf(folder)
    if (stat === undefined) throw new StudioError('not-found', `there is no folder ${folder}`)
    if (!stat.isDirectory()) throw new StudioError('not-usable', `${folder} is not a folder`)
    const { folders, files } = this.#listed()
    if (!folders.includes(folder) && folder !== this.#own) this.#keep({ folders: [...folders, folder], files })
  }

  /** A file that was chosen by itself, and is to be found again. */
  remember(file: string): void {
    const { folders, files } = this.#listed()
    const path = resolve(file)
    if (files.includes(path) || [this.#own, ...folders].some((folder) => isWithin(path, folder))) return
    this.#keep({ folders, files: [...files, path] })
  }

  /** Of a folder or a file; nothing is deleted. */
  forget(path: string): void {
    const { folders, files } = this.#listed()
    this.#keep({ folders: folders.filter((folder) => folder !== path), files: files.filter((file) => file !== path) })
  }

  /** @throws StudioError 'bad-request' for one that is not the studio's own, 'not-found' */
  delete(file: string): void {
    const path = resolve(file)
    if (!isWithin(path, this.#own) || !/\.gguf$/i.test(path)) throw new StudioError('bad-request', `${path} was not downloaded by the studio, so it is not deleted; take it out of the list instead`)
    if (!existsSync(path)) throw new StudioError('not-found', `${path} is not there any more`)
    for (const part of partFilesOf(path)) rmSync(part)
  }

  get #own(): string {
    return join(this.#directories.cacheDirectory, 'models')
  }

  async #look(): Promise<{ found: ModelLibrary; unread: LibraryModel[] }> {
    this.#reading?.abort()
    this.#reading = null
    const { folders, files } = this.#listed()
    const known = readKept(this.#headersFile, headers, {})
    const machine = await this.#machine()
    const found: ModelLibrary = { folders: [], models: [], reading: false }
    const seen = new Set<string>()
    const unread: LibraryModel[] = []
    const add = (file: string, folder: string | null): void => {
      if (seen.has(file)) return
      seen.add(file)
      const model: LibraryModel = { file, bytes: modelBytes(file), parts: partNamesOf(file).length, folder, downloaded: folder === this.#own, facts: null, problem: null, fit: null }
      const read = known[file]
      if (read?.version === versionOfModel(file)) describe(model, read, machine)
      else unread.push(model)
      found.models.push(model)
    }
    for (const directory of [this.#own, ...folders]) {
      const own = directory === this.#own
      const inside = own && !existsSync(directory) ? { files: [], truncated: false, problem: null } : await findModels(directory)
      found.folders.push({ directory, own, problem: inside.problem, truncated: inside.truncated })
      for (const { name } of byModel(inside.files.sort((a, b) => a.file.localeCompare(b.file)), ({ file }) => file)) add(name, directory)
    }
    for (const file of files) {
      if (statOf(file)?.isFile() === true) add(file, null)
      else found.models.push({ file, bytes: 0, parts: 1, folder: null, downloaded: false, facts: null, problem: 'it is not there any more', fit: null })
    }
    found.reading = unread.length > 0
    return { found, unread }
  }

  async #read(found: ModelLibrary, unread: LibraryModel[]): Promise<void> {
    const reading = new AbortController()
    this.#reading = reading
    let told = performance.now()
    await this.#readAll(unread, await this.#machine(), reading.signal, () => {
      if (performance.now() - told < tellEveryMs) return
      told = performance.now()
      this.#changed({ ...found, models: [...found.models] })
    })
    if (!reading.signal.aborted) this.#changed({ ...found, reading: false })
  }

  async #readAll(unread: LibraryModel[], machine: Machine, signal: AbortSignal, one: () => void): Promise<void> {
    const read: Record<string, Header> = {}
    for (const model of unread) {
      if (signal.aborted) break
      const version = versionOfModel(model.file)
      try {
        read[model.file] = { version, facts: await inspectModel(model.file), problem: null }
      } catch (error) {
        read[model.file] = { version, facts: null, problem: reasonOf(error, model.file) }
      }
      describe(model, read[model.file] as Header, machine)
      one()
    }
    if (unread.length === 0) return
    const known = Object.entries({ ...readKept(this.#headersFile, headers, {}), ...read }).filter(([file]) => existsSync(file))
    keepIfPossible(this.#headersFile, Object.fromEntries(known))
  }

  get #headersFile(): string {
    return join(this.#directories.cacheDirectory, 'headers.json')
  }

  get #listFile(): string {
    return join(this.#directories.dataDirectory, 'models.json')
  }

  #listed(): z.infer<typeof listed> {
    return readKept(this.#listFile, listed, { folders: [], files: [] })
  }

  #keep(list: z.infer<typeof listed>): void {
    keep(this.#listFile, list)
  }
}

function describe(model: LibraryModel, { facts, problem }: Header, machine: Machine): void {
  model.problem = problem
  if (facts === null) return
  const { name, architecture, parameters, quantization, contextLength, licence } = facts
  model.facts = { name, architecture, parameters, quantization, contextLength, licence }
  model.fit = fitOf(facts, machine)
}

/** Whether it could be loaded now, beside nothing else. */
export function fitOf(facts: ModelFacts, { choice, candidates }: Machine): ModelFit {
  try {
    const { backend, contextTokens, memoryNeeded, memoryAvailable, fits, gpuLayers, layers, smallerContext } = planLoad(facts, null, choice, candidates, '')
    const device = backend === 'cpu' ? 'the processor' : gpuLayers === layers ? backendTitles[backend] : `${backendTitles[backend]} and the processor`
    return { verdict: !fits ? 'none' : smallerContext ? 'smaller-context' : 'fits', contextTokens, device, memoryNeeded, memoryAvailable, reason: null }
  } catch (error) {
    return { verdict: 'none', contextTokens: 0, device: '', memoryNeeded: facts.memoryNeeded, memoryAvailable: facts.memoryAvailable, reason: toFailure(error).message }
  }
}

/** A file of it that changes, comes or goes makes it another. */
function versionOfModel(file: string): string {
  return partNamesOf(file).map(versionOf).join('; ')
}

function isWithin(path: string, folder: string): boolean {
  return path.startsWith(folder + sep)
}

/** Its path stands beside it in the list. */
function reasonOf(error: unknown, file: string): string {
  return toFailure(error).message.replace(`${file} is not usable as a model: `, '').replaceAll(file, basename(file))
}
