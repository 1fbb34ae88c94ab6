/** What a collection still asks of the model host, response by response. */
import type { CollectSettings } from '../../contract/collect.ts'
import { StudioError } from '../../contract/errors.ts'
import type { GenerationRequest, PrefillRequest } from '../../model-host/messages/generate.ts'
import type { Task } from '../project/datasets.ts'
import { responseSeed } from './seed.ts'

/** A response of the collection; its request's key is its index. */
export interface Place {
  task: Task
  sample: number
  /** 0 where nothing is drawn */
  seed: number
}

export function samplesOf({ responses, samples }: CollectSettings): number {
  return responses === 'generated' ? samples : 1
}

/** The tasks that a run can take: all of them, or those with a response of the kind that is wanted. @throws StudioError 'bad-request' when none has one */
export function usable({ responses }: CollectSettings, tasks: Task[]): Task[] {
  if (responses === 'generated') return tasks
  const found = tasks.filter(({ answers }) => answers === responses || answers === 'pair')
  if (found.length === 0) throw new StudioError('bad-request', `none of the ${tasks.length} examples has a ${responses} response, so there are none to collect`)
  return found
}

/** What is not finished yet, in the order of the data set. `finished` has "example/sample". */
export function placesOf(settings: CollectSettings, tasks: Task[], finished: Set<string>): Place[] {
  const places: Place[] = []
  const { responses } = settings
  for (const task of tasks) {
    for (let sample = 0; sample < samplesOf(settings); sample++) {
      if (finished.has(`${task.id}/${sample}`)) continue
      places.push({ task, sample, seed: responses === 'generated' ? responseSeed(settings.seed, task.line, sample) : 0 })
    }
  }
  return places
}

export function requestsOf({ sampling, maxTokens }: CollectSettings, places: Place[]): GenerationRequest[] {
  return places.map(({ task, seed }, key) => ({ key, prompt: { messages: task.messages }, sampling, seed, maxTokens, control: null }))
}

export function givenRequests({ responses, maxTokens }: CollectSettings, places: Place[]): PrefillRequest[] {
  return places.map(({ task }, key) => ({ key, prompt: { messages: task.messages }, response: (responses === 'rejected' ? task.rejected : task.chosen) ?? '', maxTokens }))
}
