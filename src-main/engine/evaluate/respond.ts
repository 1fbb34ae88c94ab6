/** Responses of an evaluation's columns to its prompts: what is missing is generated, and kept as soon as it is there. */
import type { EvaluateSettings } from '../../contract/evaluate.ts'
import { responseSeed } from '../collect/seed.ts'
import { generate, type GenerationTask } from '../control/generate.ts'
import type { JobContext } from '../jobs/runner.ts'
import type { HostClient } from '../models/host-client.ts'
import type { Task } from '../project/datasets.ts'
import type { ResponsePlace } from '../project/evaluations.ts'
import type { Surroundings } from '../reward/source.ts'
import type { StudyColumn } from './study.ts'

/** Responses that are asked for at a time: their prompts are in memory. */
const placesAtOnce = 1024

export interface Wanted {
  evaluation: number
  settings: EvaluateSettings
  /** all of them; a column's index is its `method` */
  columns: StudyColumn[]
  /** those that are to answer */
  answering: number[]
  tasks: Task[]
}

/** How far the job is, in responses. */
export interface Progress {
  done: number
  total: number
}

/** @param progressed is told of each response that is new */
export async function respond({ evaluation, settings, columns, answering, tasks }: Wanted, around: Pick<Surroundings, 'project' | 'models' | 'secrets' | 'asked'>, host: HostClient, job: JobContext, progress: Progress, progressed: () => void): Promise<void> {
  const { evaluations } = around.project
  for (const method of answering) {
    const column = columns[method] as StudyColumn
    const places = missingPlaces(evaluations.answered(evaluation), method, tasks, settings.seeds)
    if (places.length === 0) continue
    job.phase(`Generating: ${column.label}`, progress)
    for (let from = 0; from < places.length; from += placesAtOnce) {
      const asked = places.slice(from, from + placesAtOnce)
      const requests = asked.map(({ task, seed }, key): GenerationTask => ({ key, method: column.method, messages: task.messages, seed: responseSeed(settings.seed, task.line, seed) }))
      const start = performance.now()
      let tokens = 0
      const run = generate(around, host, requests, {
        ...settings,
        tokens: false,
        signal: job.signal,
        onEvent: (event) => {
          if (event.kind === 'token') return
          if (event.kind === 'progress') {
            tokens = event.tokens
            return job.progress(progress.done, undefined, event.partial)
          }
          const { task, seed } = asked[event.key] as Place
          const response = event.kind === 'skipped'
            ? { text: '', tokens: 0, edit: null, reward: null, failure: event.reason }
            : { text: event.text, tokens: event.tokens.length, tokenIds: column.method.model === null ? event.tokens : null, edit: meanOf(event.edits), reward: null, failure: null }
          evaluations.addResponse(evaluation, { method, example: task.id, seed, ...response })
          progressed()
          job.progress(++progress.done)
        }
      })
      // an interrupted run counts too: what it took, and what it drew in that time; a whole one knows what of it was generating
      let seconds: number | null = null
      await run
        .then((totals) => ({ tokens, seconds } = totals))
        .finally(() => evaluations.addTiming(evaluation, method, tokens, seconds ?? (performance.now() - start) / 1000))
    }
  }
}

interface Place {
  task: Task
  seed: number
}

/** In the order of the data set, a prompt's seeds together. */
export function missingPlaces(answered: ResponsePlace[], method: number, tasks: Task[], seeds: number): Place[] {
  const there = new Set(answered.flatMap((place) => (place.method === method ? [`${place.example}/${place.seed}`] : [])))
  return tasks.flatMap((task) => Array.from({ length: seeds }, (_, seed) => ({ task, seed })).filter(({ seed }) => !there.has(`${task.id}/${seed}`)))
}

function meanOf(values: Float32Array): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length
}
