/** The preference job: a reward learnt from a data set's own pairs, on the base model's states. */
import { createHash } from 'node:crypto'
import type { Split } from '../../contract/data.ts'
import { preferenceSettings, type PreferenceSettings } from '../../contract/preference.ts'
import { StudioError } from '../../contract/errors.ts'
import type { FinishedEvent, PrefillEvent, PrefillRequest } from '../../model-host/messages/generate.ts'
import { manifestOf } from '../collect/manifest.ts'
import type { JobContext, JobWork } from '../jobs/runner.ts'
import type { HostClient } from '../models/host-client.ts'
import type { Models } from '../models/models.ts'
import type { StoredTask } from '../project/datasets.ts'
import type { Project } from '../project/project.ts'
import { FeatureFile } from './features.ts'
import { trainHead, type PairSet } from './head.ts'

/** of one request to the model; a prompt's keys are shared within one */
const pairsPerRequest = 128
/** Fewer cannot be told from noise, and leave folds without a pair. */
const fewestPairs = 20

export function preferenceWork(models: Models): JobWork<PreferenceSettings> {
  return {
    unit: 'pairs',
    title: ({ dataset }, project) => `Learn the preferences of ${project.datasets.get(dataset).name}`,

    async run(stored, project, job, subject) {
      if (subject !== null) return // killed between its last two rows: the head is there
      const settings = preferenceSettings.parse(stored)
      const dataset = project.datasets.get(settings.dataset)
      const train = chosenPairs(project, settings, 'train')
      const heldOut = chosenPairs(project, settings, 'held-out')
      if (train.length < fewestPairs) throw new StudioError('bad-request', `${dataset.name} has ${train.length} pairs of answers to train on; a preference head needs at least ${fewestPairs}`)
      const wanted = [...train, ...heldOut]
      job.phase('Loading the model', { done: 0, total: wanted.length })

      await models.withHost(
        project,
        async (host, progressed) => {
          const { sha256, stateSize } = host.loaded
          const features = new FeatureFile(project.statesDirectory, job.id, { model: sha256, size: stateSize, maxTokens: settings.maxTokens })
          try {
            await readPairs(wanted, settings, { project, host, features, progressed, job })
            const trained = wholePairs(train, project, features)
            const prompts = new Set(trained.pairs.map(({ prompt }) => prompt))
            const held = wholePairs(heldOut, project, features, prompts)
            if (trained.pairs.length < fewestPairs) throw new StudioError('bad-request', `only ${trained.pairs.length} of ${train.length} pairs fit the model's context; a preference head needs at least ${fewestPairs}`)
            job.phase('Fitting the head', { done: wanted.length, total: wanted.length })
            const head = await trainHead(trained, held, stateSize, settings.seed, (share) => job.remark(`Fitting the head, ${Math.round(100 * share)} %`), job.signal)
            const made = {
              ...head, settings,
              dataset: dataset.id,
              datasetName: dataset.name,
              trainPairs: trained.pairs.length,
              heldOutPairs: held.pairs.length,
              skipped: wanted.length - trained.pairs.length - held.pairs.length,
              manifest: manifestOf(host.loaded, settings)
            }
            project.atomically(() => job.made(project.preferenceHeads.add(made)))
          } finally {
            features.close()
          }
        },
        job.signal
      )
    },

    discard: (id, project) => project.preferenceHeads.delete(id),

    forget: (job, project) => FeatureFile.delete(project.statesDirectory, job)
  }
}

/** Examples with both answers, in an order that depends on seed and line only: a limit takes the first of them. */
function chosenPairs(project: Project, { dataset, seed, limit }: PreferenceSettings, split: Split): number[] {
  const rank = (line: number): string => createHash('sha256').update(`${seed}/${line}`).digest('hex')
  const ranked = project.datasets.pairs(dataset, split).map(({ id, line }) => ({ id, rank: rank(line) }))
  ranked.sort((a, b) => (a.rank < b.rank ? -1 : 1))
  return ranked.slice(0, limit ?? undefined).map(({ id }) => id)
}

interface Reading {
  project: Project
  host: HostClient
  features: FeatureFile
  progressed(): void
  job: JobContext
}

/** Reads what is not read yet; a pair that the model cannot take is left out. */
async function readPairs(wanted: number[], { maxTokens }: PreferenceSettings, { project, host, features, progressed, job }: Reading): Promise<void> {
  const missing = wanted.filter((example) => !features.has(example))
  let done = wanted.length - missing.length
  job.phase('Reading the pairs', { done, total: wanted.length })
  for (let at = 0; at < missing.length; at += pairsPerRequest) {
    const tasks = missing.slice(at, at + pairsPerRequest).map((example) => project.datasets.task(example))
    const halves = new Map<number, FinishedEvent>()
    const skipped = new Set<StoredTask>(tasks.filter(({ chosen, rejected }) => chosen === rejected))
    done += skipped.size
    const onEvent = (event: PrefillEvent): void => {
      if (event.kind === 'progress') return
      const task = tasks[event.key >> 1] as StoredTask
      const other = halves.get(event.key ^ 1)
      if (skipped.has(task)) return
      if (event.kind === 'skipped') skipped.add(task)
      else if (other === undefined) return void halves.set(event.key, event)
      else {
        halves.delete(event.key ^ 1)
        const [chosen, rejected] = event.key % 2 === 0 ? [event, other] : [other, event]
        features.add(task.id, { chosen: chosen.tokens.length, rejected: rejected.tokens.length }, { chosen: meanState(chosen), rejected: meanState(rejected) })
        progressed()
      }
      job.progress(++done)
    }
    const requests = tasks.flatMap((task, i): PrefillRequest[] => {
      if (skipped.has(task)) return []
      const prompt = { messages: task.messages }
      return [task.chosen, task.rejected].map((response, side) => ({ key: 2 * i + side, prompt, response: response ?? '', maxTokens }))
    })
    await host.request('prefill', { requests, deterministic: false }, { signal: job.signal, onEvent })
  }
}

/** (D): the mean of the answer's states, the one from which its end is predicted included */
export function meanState({ states, tokens }: FinishedEvent): Float32Array {
  if (states === null) throw new StudioError('internal', 'the model host gave no states')
  const size = states.length / tokens.length
  const sum = new Float64Array(size)
  for (const [at, h] of new Float16Array(states.buffer, states.byteOffset, states.length).entries()) sum[at % size]! += h
  return Float32Array.from(sum, (total) => total / tokens.length)
}

/** Those that were read, less those whose prompt is to be left out. */
function wholePairs(examples: number[], project: Project, features: FeatureFile, without: ReadonlySet<string> = new Set()): PairSet {
  const whole = examples
    .filter((example) => features.has(example))
    .map((example) => ({ example, prompt: project.datasets.task(example).prompt, tokens: features.tokens(example) }))
    .filter(({ prompt }) => !without.has(prompt))
  return { pairs: whole, states: (pair) => features.states((whole[pair] as { example: number }).example) }
}
