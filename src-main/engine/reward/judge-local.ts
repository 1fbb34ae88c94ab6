/** A judge that is a GGUF file: a second model beside the steered one, greedy, with its own chat template. */
import type { BranchesEvent, GenerateEvent } from '../../model-host/messages.ts'
import type { HostClient } from '../models/host-client.ts'
import { inspectModel } from '../models/inspect.ts'
import type { Models } from '../models/models.ts'
import { verdictOf, type Scale } from './parse-score.ts'
import { judgeMessages } from './rubric.ts'
import type { Scorer, ToScore, Verdict } from './source.ts'

export interface LocalJudge extends Scale {
  file: string
  rubric: string
  concurrency: number
  maxTokens: number
  temperature: number
}

/** Responses of one call to the model. */
const callSize = 64

/** The model is loaded when the first response comes. @throws StudioError for a file that is no model */
export async function localJudge(settings: LocalJudge, models: Models, signal: AbortSignal): Promise<Scorer> {
  await inspectModel(settings.file)
  const second = models.second(settings.file, signal)
  return {
    score(items, tell) {
      const iterator = items[Symbol.iterator]()
      const waiting = new Set<ToScore>()
      // where the model's process dies, what waits is asked again
      const judgeAll = async (host: HostClient, progressed: () => void): Promise<void> => {
        for (;;) {
          while (waiting.size < callSize) {
            const next = iterator.next()
            if (next.done === true) break
            waiting.add(next.value)
          }
          if (waiting.size === 0) return
          await ask(host, settings, [...waiting], signal, (item, verdict) => {
            progressed()
            waiting.delete(item)
            tell(item, verdict)
          })
        }
      }
      return second.use(judgeAll)
    },
    close: () => second.close()
  }
}

/** Each answer is decoded by itself, so that a score does not depend on what else is labelled. */
async function ask(host: HostClient, settings: LocalJudge, items: ToScore[], signal: AbortSignal, tell: (item: ToScore, verdict: Verdict) => void): Promise<void> {
  const onEvent = (event: GenerateEvent | BranchesEvent): void => {
    if (event.kind === 'skipped') tell(items[event.key] as ToScore, { failure: event.reason })
    else if (event.kind === 'finished') tell(items[event.key] as ToScore, verdictOf({ text: event.text, cutOff: event.finish === 'length' }, settings))
  }
  const requests = items.map((item, key) => ({
    key,
    prompt: { messages: judgeMessages(settings.rubric, item, settings) },
    sampling: { temperature: settings.temperature, topK: 0, topP: 1, minP: 0 },
    seed: 0,
    maxTokens: settings.maxTokens,
    control: null
  }))
  await host.request('generate', { requests, parallel: Math.min(settings.concurrency, 64), states: false, tokens: false, deterministic: true }, { onEvent, signal })
}
