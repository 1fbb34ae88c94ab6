/** The export of a collection's states: into a folder beside the wanted one, which takes its place once it is whole. */
import { randomInt } from 'node:crypto'
import { mkdir, open, readdir, rename, rm, rmdir, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { setImmediate as others } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { exportStatesSettings, type ExportStatesSettings } from '../../contract/collect.ts'
import { StudioError } from '../../contract/errors.ts'
import { readJson, statOf, syncToDisk } from '../files.ts'
import type { JobContext, JobWork } from '../jobs/runner.ts'
import { ownShard } from '../project/own-files.ts'
import type { Project } from '../project/project.ts'
import type { StoredResponse } from '../project/responses.ts'
import { BadFile } from '../tensors/bad-file.ts'
import { safetensorsHeader } from '../tensors/safetensors.ts'
import { readBytes } from '../tensors/tensor.ts'
import { unfinishedBeside } from '../unfinished.ts'
import { version } from '../version.ts'
import { indexFile, indexSchema, rewardPrefix, shardFile, textsFile, type Index, type ResponseRow } from './layout.ts'

/** What file systems and people still like to copy. */
const usualShardBytes = 2e9
const batchBytes = 4 * 1024 * 1024

export function exportStatesWork(shardBytes = usualShardBytes): JobWork<ExportStatesSettings> {
  return {
    unit: 'responses',
    title: ({ collection, directory }, project) => `Export the states of ${project.collections.get(collection).datasetName} to ${basename(directory)}`,

    async run(stored, project, job, subject) {
      const { collection, directory: path } = exportStatesSettings.parse(stored)
      const directory = resolve(path)
      if (subject !== null && isExport(directory, subject)) return // killed between its last rename and its row
      await checkTarget(directory)
      const number = subject ?? job.made(randomInt(1, 2 ** 48 - 1))
      const part = unfinishedBeside(directory)
      try {
        await mkdir(part)
        await new Exporter(project, collection, part, job, shardBytes).write(number)
        syncToDisk(part)
        if (statOf(directory) !== undefined) await rmdir(directory) // empty, as checked; renaming over it is not allowed everywhere
        await rename(part, directory)
        syncToDisk(dirname(directory))
      } catch (error) {
        throw explained(error, directory)
      } finally {
        await rm(part, { recursive: true, force: true })
      }
    },

    discard: () => undefined
  }
}

/** @throws StudioError 'bad-request' or 'not-found' */
async function checkTarget(directory: string): Promise<void> {
  const found = statOf(directory)
  if (found !== undefined && (!found.isDirectory() || (await readdir(directory)).length > 0)) throw new StudioError('bad-request', `${directory} is there already; choose a new or an empty folder`)
  if (statOf(dirname(directory))?.isDirectory() !== true) throw new StudioError('not-found', `there is no folder ${dirname(directory)}`)
}

/** Whether the folder is there because of the export of this number. */
function isExport(directory: string, number: number): boolean {
  try {
    return indexSchema.parse(readJson(join(directory, indexFile))).export === number
  } catch {
    return false // none of ours; what is there instead is said by checkTarget
  }
}

class Exporter {
  readonly #project: Project
  readonly #collection: number
  readonly #directory: string
  readonly #job: JobContext
  readonly #shardBytes: number
  readonly #inputDim: number

  constructor(project: Project, collection: number, directory: string, job: JobContext, shardBytes: number) {
    this.#project = project
    this.#collection = project.collections.get(collection).id
    this.#directory = directory
    this.#job = job
    this.#shardBytes = shardBytes
    this.#inputDim = project.collections.inputDim(collection)
  }

  /** @param number of this export, which its index tells */
  async write(number: number): Promise<void> {
    const { collections, responses, rewards } = this.#project
    const all = responses.storedStates(this.#collection)
    if (all.length === 0) throw new StudioError('bad-request', `collection ${this.#collection} has no responses to export`)
    this.#job.phase('Writing the states', { done: 0, total: all.length })
    const shards = this.#divided(all)
    const written: Index['shards'] = []
    let done = 0
    for (const [i, shard] of shards.entries()) {
      const file = shardFile(i + 1, shards.length)
      const sums = await this.#file(file, (put) => this.#writeShard(shard, put, (count) => this.#job.progress((done += count))))
      written.push({ file, responses: shard.length, states: sum(shard), ...sums })
    }
    this.#job.phase('Writing the texts', { done, total: all.length })
    const texts = await this.#file(textsFile, (put) => this.#writeTexts(all, put))
    const index: Index = {
      format: 're-control states', version: 1, export: number,
      name: collections.get(this.#collection).datasetName,
      inputDim: this.#inputDim,
      responses: all.length,
      states: sum(all),
      settings: collections.get(this.#collection).settings,
      manifest: collections.manifest(this.#collection),
      rewards: rewards.labellings(this.#collection).map(({ name, source, settings }) => ({ name, source, settings })),
      shards: written,
      texts: { file: textsFile, ...texts }
    }
    await this.#file(indexFile, (put) => put(Buffer.from(`${JSON.stringify(index, null, 2)}\n`)))
  }

  /** Whole responses a shard, and at least one. */
  #divided(all: StoredResponse[]): StoredResponse[][] {
    const shards: StoredResponse[][] = []
    let bytes = Infinity
    for (const one of all) {
      const own = one.states * this.#inputDim * 2
      if (bytes + own > this.#shardBytes) {
        shards.push([])
        bytes = 0
      }
      shards.at(-1)?.push(one)
      bytes += own
    }
    return shards
  }

  async #writeShard(shard: StoredResponse[], put: Put, wrote: (responses: number) => void): Promise<void> {
    const labellings = this.#project.rewards.labellings(this.#collection)
    const rows = sum(shard)
    const metadata = {
      format: 'pt', kind: 're-control states', version: '1', studio: version,
      model: this.#project.collections.manifest(this.#collection).model,
      collection: JSON.stringify(this.#project.collections.get(this.#collection).settings)
    }
    await put(safetensorsHeader([
      { name: 'lengths', dtype: 'I64', shape: [shard.length] },
      { name: 'offsets', dtype: 'I64', shape: [shard.length] },
      ...labellings.map(({ name }) => ({ name: `${rewardPrefix}${name}`, dtype: 'F32' as const, shape: [shard.length] })),
      { name: 'tokens', dtype: 'I32', shape: [rows] },
      { name: 'states', dtype: 'F16', shape: [rows, this.#inputDim] }
    ], metadata))
    const offsets = new BigInt64Array(shard.length)
    for (let i = 1; i < shard.length; i++) offsets[i] = (offsets[i - 1] as bigint) + BigInt((shard[i - 1] as StoredResponse).states)
    await put(bytesOf(BigInt64Array.from(shard, ({ states }) => BigInt(states))))
    await put(bytesOf(offsets))
    for (const { id: labelling } of labellings) {
      const values = new Map(this.#project.rewards.labels(labelling).map(({ response, value }) => [response, value]))
      await put(bytesOf(Float32Array.from(shard, ({ id }) => values.get(id) ?? NaN)))
    }
    for (const { id, states } of shard) {
      const { tokens } = this.#project.responses.whole(id)
      await put(bytesOf(tokens.length === states ? tokens : new Int32Array(states).fill(-1)))
    }
    let input = null as { shard: string; handle: FileHandle } | null
    try {
      for (const one of shard) {
        if (input?.shard !== one.shard) {
          await input?.handle.close()
          input = null
          input = { shard: one.shard, handle: await this.#openShard(one.shard) }
        }
        await put(await statesOf(input.handle, one, this.#inputDim))
        wrote(1)
      }
    } finally {
      await input?.handle.close()
    }
  }

  async #openShard(shard: string): Promise<FileHandle> {
    try {
      return await open(ownShard(this.#project.statesDirectory, shard))
    } catch (error) {
      throw new StudioError('project-damaged', `${shard} cannot be read; nothing was exported`, { cause: error })
    }
  }

  async #writeTexts(all: StoredResponse[], put: Put): Promise<void> {
    for (const { id } of all) {
      const { example, sample, seed, promptText, text, finish } = this.#project.responses.whole(id)
      const { prompt, messages, line, split, chosen, rejected, columns } = this.#project.datasets.task(example)
      const [only] = messages
      const plain = messages.length === 1 && only?.role === 'user' && only.content === prompt
      const row: Partial<ResponseRow> = {
        prompt, response: text, example: line, sample, split, finish, seed, rendered: promptText,
        ...(plain ? {} : { messages }), ...(chosen === null ? {} : { chosen }), ...(rejected === null ? {} : { rejected }), ...(Object.keys(columns).length === 0 ? {} : { columns })
      }
      await put(Buffer.from(`${JSON.stringify(row)}\n`))
    }
  }

  /** @returns its length and checksum, once it is on the disk */
  async #file(name: string, write: (put: Put) => Promise<void>): Promise<{ bytes: number; crc32: number }> {
    const handle = await open(join(this.#directory, name), 'wx')
    let [bytes, sum] = [0, 0]
    let batch: Buffer[] = []
    let waiting = 0
    const flush = async (): Promise<void> => {
      const piece = Buffer.concat(batch)
      sum = crc32(piece, sum)
      bytes += piece.length
      await handle.appendFile(piece)
      batch = []
      waiting = 0
      await others()
      this.#job.signal.throwIfAborted()
    }
    try {
      await write(async (piece) => {
        batch.push(piece)
        waiting += piece.length
        if (waiting >= batchBytes) await flush()
      })
      await flush()
      await handle.sync()
    } finally {
      await handle.close()
    }
    return { bytes, crc32: sum }
  }
}

type Put = (bytes: Buffer) => Promise<void>

async function statesOf(handle: FileHandle, { id, shard, offset, states, crc32: expected }: StoredResponse, inputDim: number): Promise<Buffer> {
  try {
    const bytes = await readBytes(handle, offset, states * inputDim * 2)
    if (crc32(bytes) === expected) return bytes
  } catch (error) {
    if (!(error instanceof BadFile)) throw error
  }
  throw new StudioError('project-damaged', `the states of response ${id} are damaged (${shard}, byte ${offset}); nothing was exported`)
}

function sum(responses: readonly { states: number }[]): number {
  return responses.reduce((total, { states }) => total + states, 0)
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array | Int32Array | BigInt64Array): Buffer {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength)
}

function explained(error: unknown, directory: string): unknown {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOSPC') return new StudioError('disk-full', `the disk is full: ${directory} was not written`, { cause: error })
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return new StudioError('not-usable', `${directory} cannot be written (${code})`, { cause: error })
  return error
}
