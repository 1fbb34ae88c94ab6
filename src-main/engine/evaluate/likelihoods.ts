/** Responses of an evaluation, read again by the model that wrote them: what the metrics of probabilities have in common. */
import type { LikelihoodEvent, LikelihoodRequest } from '../../model-host/messages/likelihood.ts'
import type { HostMethods } from '../../model-host/messages/methods.ts'
import { sendControl } from '../control/send-control.ts'
import type { ControlPlan } from '../control/method.ts'
import type { ResolvedMethod } from '../control/methods.ts'
import type { HostClient } from '../models/host-client.ts'
import { Chunks } from '../reward/chunks.ts'
import type { Verdict } from '../reward/source.ts'
import type { MetricSurroundings, ToMeasure } from './metric.ts'

/** of one request to the model */
const chunkSize = 64

/** The base model alone; the base against this method; or the verdict where no model is needed for it. */
export type Reading = 'base' | ResolvedMethod | Verdict

/** @throws StudioError what loading the model, or a method's value function, throws */
export async function readLikelihoods(
  items: Iterable<ToMeasure>,
  { project, models, signal }: MetricSurroundings,
  readingOf: (item: ToMeasure) => Reading,
  valueOf: (event: LikelihoodEvent) => number,
  tell: (item: ToMeasure, verdict: Verdict) => void
): Promise<void> {
  const chunks = new Chunks(withoutModel(items, readingOf, tell), chunkSize, tell)
  const read = async (host: HostClient, progressed: () => void): Promise<void> => {
    for (let chunk = chunks.next(); chunk.length > 0; chunk = chunks.next()) {
      const onEvent = (event: HostMethods['likelihood']['event']): void => {
        if (event.kind === 'progress') return
        chunks.tell(chunk[event.key] as ToMeasure, event.kind === 'skipped' ? { failure: event.reason } : { value: valueOf(event) })
        progressed()
      }
      await host.request('likelihood', { requests: await requestsOf(chunk, host) }, { signal, onEvent })
    }
  }
  await models.withHost(project, read, signal)

  async function requestsOf(chunk: readonly ToMeasure[], host: HostClient): Promise<LikelihoodRequest[]> {
    const controls = new Map<ControlPlan, NonNullable<LikelihoodRequest['own']>['control']>()
    const requests: LikelihoodRequest[] = []
    for (const [key, item] of chunk.entries()) {
      const { messages, text, tokenIds } = item
      const reading = readingOf(item)
      const method = typeof reading === 'object' && 'name' in reading ? reading : null
      const plan = method?.control ?? null
      if (plan !== null && !controls.has(plan)) controls.set(plan, await sendControl(project, host, plan))
      requests.push({
        key,
        prompt: { messages },
        response: tokenIds ?? text,
        own: method && { prompt: { messages: method.messages(messages) }, control: plan && (controls.get(plan) ?? null) }
      })
    }
    return requests
  }
}

/** Tells the verdicts that need no model, and leaves the rest. */
function* withoutModel(items: Iterable<ToMeasure>, readingOf: (item: ToMeasure) => Reading, tell: (item: ToMeasure, verdict: Verdict) => void): Generator<ToMeasure> {
  for (const item of items) {
    const reading = readingOf(item)
    if (typeof reading === 'object' && !('name' in reading)) tell(item, reading)
    else yield item
  }
}
