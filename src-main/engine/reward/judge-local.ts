/** A judge that is a GGUF file: a second model beside the steered one, greedy, with its own chat template. */
import type { BranchesEvent, GenerateEvent } from '../../model-host/messages/generate.ts'
import type { HostClient } from '../models/host-client.ts'
import { inspectModel } from '../models/inspect.ts'
import type { Models } from '../models/models.ts'
import type { Judge, Question } from './question.ts'
import type { Verdict } from './source.ts'

export interface LocalJudge {
  file: string
  concurrency: number
  maxTokens: number
  temperature: number
}

/** Requests of one call to the model. */
const callSize = 64

/** The model is loaded when the first item comes. @throws StudioError for a file that is no model */
export async function localJudge<T>(settings: LocalJudge, question: Question<T>, models: Models, signal: AbortSignal): Promise<Judge<T>> {
  await inspectModel(settings.file)
  const second = models.second(settings.file, signal)
  return {
    ask(items, tell) {
      const iterator = items[Symbol.iterator]()
      const waiting = new Set<T>()
      // where the model's process dies, what waits is asked again
      const judgeAll = async (host: HostClient, progressed: () => void): Promise<void> => {
        for (;;) {
          while (waiting.size < callSize) {
            const next = iterator.next()
            if (next.done === true) break
            waiting.add(next.value)
          }
          if (waiting.size === 0) return
          await ask(host, settings, question, [...waiting], signal, (item, verdict) => {
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
async function ask<T>(host: HostClient, settings: LocalJudge, question: Question<T>, items: T[], signal: AbortSignal, tell: (item: T, verdict: Verdict) => void): Promise<void> {
  const onEvent = (event: GenerateEvent | BranchesEvent): void => {
    if (event.kind === 'skipped') tell(items[event.key] as T, { failure: event.reason })
    else if (event.kind === 'finished') tell(items[event.key] as T, question.read({ text: event.text, cutOff: event.finish === 'length' }, event.text))
  }
  const requests = items.map((item, key) => ({
    key,
    prompt: { messages: question.messages(item) },
    sampling: { temperature: settings.temperature, topK: 0, topP: 1, minP: 0 },
    seed: 0,
    maxTokens: settings.maxTokens,
    control: null
  }))
  await host.request('generate', { requests, parallel: Math.min(settings.concurrency, 64), states: false, tokens: false, deterministic: true }, { onEvent, signal })
}
