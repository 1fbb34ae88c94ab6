/**
 * The import of collected states. Everything is read and checked before anything is made; what is then made goes again
 * if it is stopped or fails, and a run after a crash begins again. The same content is imported once.
 */
import { createHash } from 'node:crypto'
import { basename, resolve } from 'node:path'
import { setImmediate as others } from 'node:timers/promises'
import type { Manifest } from '../../contract/device.ts'
import { collectSettings, importStatesSettings, type CollectSettings, type ImportStatesSettings } from '../../contract/collect.ts'
import { StudioError } from '../../contract/errors.ts'
import { deleteShards, ShardWriter } from '../collect/shards.ts'
import { statOf } from '../files.ts'
import type { JobContext, JobWork } from '../jobs/runner.ts'
import { checksumOf } from '../models/checksum.ts'
import { inspectModel } from '../models/inspect.ts'
import type { Project } from '../project/project.ts'
import { imported as importedReward } from '../reward/imported.ts'
import { BadFile, naming } from '../tensors/bad-file.ts'
import { version } from '../version.ts'
import { openStates } from './open.ts'
import { Prompts } from './prompts.ts'
import type { ForeignResponse, ForeignStates } from './source.ts'

export function importStatesWork(cacheDirectory: string, warn: (text: string) => void): JobWork<ImportStatesSettings> {
  return {
    unit: 'responses',
    title: ({ path }) => `Import the states of ${basename(path)}`,

    async run(stored, project, job, subject) {
      const path = resolve(importStatesSettings.parse(stored).path)
      project.atomically(() => {
        if (subject !== null) discard(subject, project, job.id)
        job.subject(null)
      })
      await naming(path, async () => {
        const source = await openStates(path)
        try {
          await refuseOtherModel(source, path, project, cacheDirectory, warn)
          const { fingerprint, samples } = await check(source, job)
          const known = project.collections.imported(fingerprint)
          if (known !== null) {
            warn(`The same states are here already, as collection ${known}; nothing was imported`)
            job.subject(known)
            return
          }
          await take(source, { path, fingerprint, samples }, project, job)
        } finally {
          await source.close()
        }
      })
    },

    discard
  }
}

/** Of a collection that was here already the job is no owner. */
function discard(collection: number, project: Project, job: number): void {
  if (!project.collections.list().some(({ id }) => id === collection)) return // deleted by a process that was then killed
  const imported = project.collections.manifest(collection).settings?.['imported'] as { job: number } | undefined
  if (imported?.job !== job) return
  const { dataset } = project.collections.get(collection)
  project.collections.delete(collection)
  deleteShards(project.statesDirectory, collection)
  project.datasets.delete(dataset)
}

/** Of another length they are of no use; of another file with the same length they may be meant, e.g. of the unquantised model. */
async function refuseOtherModel({ inputDim, model }: ForeignStates, path: string, project: Project, cacheDirectory: string, warn: (text: string) => void): Promise<void> {
  const { modelFile } = project
  if (modelFile === null || statOf(modelFile) === undefined) return
  const { embeddingLength } = await inspectModel(modelFile)
  if (embeddingLength !== inputDim) throw new StudioError('not-usable', `${path} has states of ${inputDim} numbers, but those of this project's model have ${embeddingLength}`)
  if (model !== null && model !== (await checksumOf(modelFile, cacheDirectory))) warn(`These states are of another model file than this project's; a value function trained on them fits ${basename(modelFile)} only as far as the two agree`)
}

/** Reads everything once. @returns the SHA-256 of its content, and the most samples that a prompt has */
async function check(source: ForeignStates, job: JobContext): Promise<{ fingerprint: string; samples: number }> {
  job.phase('Checking', { done: 0, total: source.responses })
  if (source.responses === 0) throw new BadFile('it has no responses')
  await source.check(job.signal)
  const hash = createHash('sha256').update(JSON.stringify([source.inputDim, source.rewards.map(({ name }) => name)]))
  const prompts = new Prompts()
  let done = 0
  for await (const batch of source.read(job.signal)) {
    for (const { states, tokens, rewards, row } of batch) {
      prompts.place(row)
      hash.update(JSON.stringify([rewards, tokens.length, states.length, row])).update(tokens).update(states)
    }
    job.progress((done += batch.length))
    await others()
  }
  return { fingerprint: hash.digest('hex'), samples: prompts.mostSamples }
}

async function take(source: ForeignStates, content: { path: string; fingerprint: string; samples: number }, project: Project, job: JobContext): Promise<void> {
  job.phase('Importing', { done: 0, total: source.responses })
  const { dataset, collection } = project.atomically(() => {
    const dataset = project.datasets.create(source.name, content.path, 'prompts')
    const settings = settingsOf(source, dataset, content.samples)
    return { dataset, collection: job.made(project.collections.create(settings, manifestOf(source, { ...content, job: job.id }), source.responses, source.inputDim)) }
  })
  const shards = new ShardWriter(project.statesDirectory, collection, [])
  try {
    const writer = new Writer(project, dataset, collection, shards, source, basename(content.path))
    let done = 0
    for await (const batch of source.read(job.signal)) {
      writer.write(batch)
      job.progress((done += batch.length))
      await others()
      job.signal.throwIfAborted()
    }
  } catch (error) {
    shards.close()
    project.atomically(() => {
      discard(collection, project, job.id)
      job.subject(null)
    })
    throw error
  }
  shards.close()
}

class Writer {
  readonly #project: Project
  readonly #dataset: number
  readonly #collection: number
  readonly #shards: ShardWriter
  readonly #prompts = new Prompts()
  /** id of the example of each line */
  readonly #examples = new Map<number, number>()
  readonly #labellings: number[]

  constructor(project: Project, dataset: number, collection: number, shards: ShardWriter, { rewards }: ForeignStates, file: string) {
    this.#project = project
    this.#dataset = dataset
    this.#collection = collection
    this.#shards = shards
    this.#labellings = rewards.map(({ name, from }) => project.rewards.choose(collection, name, importedReward.name, { file, from }))
  }

  /** Examples, states, rows, rewards: each only once what it points to is on the disk. */
  write(batch: ForeignResponse[]): void {
    const { datasets, responses, rewards } = this.#project
    const places = batch.map(({ row }) => this.#prompts.place(row))
    const examples = places.flatMap(({ example }) => (example === null ? [] : [example]))
    datasets.add(this.#dataset, examples, []).forEach((id, i) => this.#examples.set(examples[i]?.line as number, id))
    const stored = this.#shards.appendAll(batch.map(({ states }) => states))
    const inputDim = this.#project.collections.inputDim(this.#collection)
    const ids = responses.addAll(batch.map(({ states, tokens, row }, i) => {
      const { line, sample } = places[i] as (typeof places)[number]
      return {
        collection: this.#collection, example: this.#examples.get(line) as number, sample, seed: row.seed, promptText: row.rendered, text: row.response, tokens, finish: row.finish,
        states: states.length / inputDim, ...(stored[i] as (typeof stored)[number])
      }
    }))
    this.#labellings.forEach((labelling, which) => {
      rewards.add(labelling, batch.flatMap((one, i) => {
        const value = one.rewards[which] ?? null
        return value === null ? [] : [{ response: ids[i] as number, value, failure: null }]
      }))
    })
  }
}

/** As the file says where it came from this studio; for others only what can be seen. */
function settingsOf({ settings }: ForeignStates, dataset: number, samples: number): CollectSettings {
  const own = collectSettings.safeParse({ ...settings, dataset })
  const base = own.success ? own.data : collectSettings.parse({ dataset })
  return { ...base, split: null, limit: null, samples: Math.min(64, samples) }
}

function manifestOf({ manifest, model }: ForeignStates, { path, fingerprint, job }: { path: string; fingerprint: string; job: number }): Manifest {
  const unknown = { modelFile: 'unknown', backend: 'unknown', device: 'unknown', llamaCpp: 'unknown', threads: 0 }
  return { ...(manifest ?? { ...unknown, studio: version, model: model ?? 'unknown' }), settings: { ...manifest?.settings, imported: { path, fingerprint, job } } }
}
