/** The collect job: responses to a data set's prompts, drawn by the base model or the data set's own, with the state of every token. */
import { statfsSync } from 'node:fs'
import { collectSettings, type CollectSettings } from '../../contract/collect.ts'
import { StudioError } from '../../contract/errors.ts'
import type { BranchesEvent, GenerateEvent } from '../../model-host/messages/generate.ts'
import type { JobWork } from '../jobs/runner.ts'
import { inspectModel } from '../models/inspect.ts'
import type { Models } from '../models/models.ts'
import type { Task } from '../project/datasets.ts'
import type { Project } from '../project/project.ts'
import { manifestOf } from './manifest.ts'
import { givenRequests, placesOf, requestsOf, samplesOf, usable, type Place } from './requests.ts'
import { deleteShards, ShardWriter } from './shards.ts'

/** Responses that the model host is asked for at a time: their prompts are in memory. */
const placesOfRequest = 1024

export function collectWork(models: Models, onSample: (sample: { collection: number; prompt: string; text: string }) => void): JobWork<CollectSettings> {
  return {
    unit: 'responses',
    title: (settings, project) => `Collect from ${project.datasets.get(settings.dataset).name}`,

    async run(stored, project, job, subject) {
      const settings = collectSettings.parse(stored) // a job of an older version lacks the newer settings
      const all = tasksOf(settings, project)
      const tasks = usable(settings, all)
      const leftOut = all.length - tasks.length
      const planned = placesOf(settings, tasks, new Set()).length
      job.phase('Loading the model', { done: 0, total: planned })
      let collection = subject

      await models.withHost(
        project,
        async (host, progressed) => {
          const id = (collection ??= project.atomically(() => job.made(project.collections.create(settings, manifestOf(host.loaded, settings), planned, host.loaded.stateSize))))
          const places = placesOf(settings, tasks, project.responses.finishedKeys(id))
          let done = planned - places.length
          const start = performance.now()
          let tokens = 0
          let earlierTokens = 0
          let asked: Place[] = []
          const phase = (settings.responses === 'generated' ? 'Generating' : `Reading the ${settings.responses} responses`) + (leftOut === 0 ? '' : `, ${leftOut} examples have none`)
          job.phase(phase, { done, total: planned })
          const shards = new ShardWriter(project.statesDirectory, id, project.responses.shardLengths(id, host.loaded.stateSize))
          try {
            const onEvent = (event: GenerateEvent | BranchesEvent): void => {
              if (event.kind === 'token' || event.kind === 'branches') return
              if (event.kind === 'progress') {
                tokens = earlierTokens + event.tokens
                job.remark(`${phase}, ${tokenRate(tokens, start)} tokens/s`)
                job.progress(done, undefined, event.partial)
                return
              }
              const { task, sample, seed } = asked[event.key] as Place
              if (event.kind === 'skipped') project.responses.skip(id, task.id, sample, event.reason)
              else if (event.states !== null) {
                const stored = shards.append(event.states)
                const { promptText, text, tokens, finish } = event
                project.responses.add({ collection: id, example: task.id, sample, seed, promptText, text, tokens, finish, states: tokens.length, ...stored })
                onSample({ collection: id, prompt: task.prompt, text })
              }
              progressed()
              job.progress(++done)
            }
            const { deterministic, parallel } = settings
            const options = { signal: job.signal, onEvent }
            for (let from = 0; from < places.length; from += placesOfRequest) {
              asked = places.slice(from, from + placesOfRequest)
              earlierTokens = tokens
              const totals = await (settings.responses === 'generated'
                ? host.request('generate', { requests: requestsOf(settings, asked), parallel, deterministic, states: true, tokens: false }, options)
                : host.request('prefill', { requests: givenRequests(settings, asked), deterministic }, options))
              tokens = earlierTokens + totals.tokens
            }
          } finally {
            project.collections.addTiming(id, tokens, (performance.now() - start) / 1000)
            shards.close()
          }
        },
        job.signal
      )
    },

    discard(collection, project) {
      project.collections.delete(collection)
      deleteShards(project.statesDirectory, collection)
    }
  }
}

function tokenRate(tokens: number, start: number): string {
  return Math.round((tokens * 1000) / (performance.now() - start)).toLocaleString('en')
}

/** The prompts of a run. @throws StudioError 'bad-request' when the split is empty */
export function tasksOf(settings: { dataset: number; split: CollectSettings['split']; limit: number | null }, project: Project): Task[] {
  const { id } = project.datasets.get(settings.dataset)
  const tasks = project.datasets.tasks(id, settings.split, settings.limit)
  if (tasks.length === 0) throw emptySplit(settings, project)
  return tasks
}

function emptySplit({ dataset, split }: Pick<CollectSettings, 'dataset' | 'split'>, project: Project): StudioError {
  const { name, train, heldOut } = project.datasets.get(dataset)
  return new StudioError('bad-request', `${name} has no ${split ?? ''} prompts (train: ${train}, held-out: ${heldOut})`)
}

export interface Estimate {
  responses: number
  leftOut: number
  maxTokens: number
  bytes: number
  diskFree: number
  seconds: number | null
}

/** Upper bounds, before a run starts; the time by the rate of the project's last collection. */
export async function estimateCollection(settings: CollectSettings, project: Project): Promise<Estimate> {
  const { train, heldOut, examples } = project.datasets.get(settings.dataset)
  const prompts = settings.split === null ? examples : settings.split === 'train' ? train : heldOut
  if (prompts === 0) throw emptySplit(settings, project)
  const asked = Math.min(prompts, settings.limit ?? Infinity)
  const places = settings.responses === 'generated' ? asked : usable(settings, tasksOf(settings, project)).length
  const responses = places * samplesOf(settings)
  const maxTokens = responses * settings.maxTokens
  const stateSize = project.modelFile === null ? 0 : (await inspectModel(project.modelFile)).embeddingLength
  const sameWork = project.collections.list().filter((c) => (c.settings.responses === 'generated') === (settings.responses === 'generated'))
  const tokensPerSecond = sameWork.findLast((c) => c.tokensPerSecond !== null)?.tokensPerSecond ?? null
  const disk = statfsSync(project.directory)
  return {
    responses,
    leftOut: asked - places,
    maxTokens,
    bytes: maxTokens * stateSize * 2,
    diskFree: disk.bavail * disk.bsize,
    seconds: tokensPerSecond === null ? null : maxTokens / tokensPerSecond
  }
}
