/** A judge that is a GGUF file: a second model beside the steered one, greedy, with its own chat template. */
import { setTimeout as sleep } from 'node:timers/promises'
import { StudioError } from '../../contract/errors.ts'
import type { GenerateEvent } from '../../model-host/messages.ts'
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
const chunkSize = 64
const maxDeaths = 3
const firstPauseMs = 500

type Second = Awaited<ReturnType<Models['openSecond']>>

/** @throws StudioError when the file cannot be loaded */
export async function localJudge(settings: LocalJudge, models: Models, signal: AbortSignal): Promise<Scorer> {
  let second: Second = await models.openSecond(settings.file, signal)

  /** Asks for each of these, again where the model's process died, up to three times without an answer between them. */
  const judge = async (items: ToScore[], tell: (item: ToScore, verdict: Verdict) => void): Promise<void> => {
    const waiting = new Set(items)
    for (let deaths = 0; waiting.size > 0; ) {
      try {
        if (!second.host.alive) second = await models.openSecond(settings.file, signal)
        await ask(second, settings, [...waiting], signal, (item, verdict) => {
          deaths = 0
          waiting.delete(item)
          tell(item, verdict)
        })
        return
      } catch (error) {
        second.close()
        if (!(error instanceof StudioError) || error.code !== 'model-host-exited' || ++deaths >= maxDeaths) throw error
        await sleep(firstPauseMs * 2 ** (deaths - 1), undefined, { signal })
      }
    }
  }

  return {
    async score(items, tell) {
      for (const chunk of chunks(items, chunkSize)) await judge(chunk, tell)
    },
    close: () => second.close()
  }
}

/** Each answer is decoded by itself, so that a score does not depend on what else is labelled. */
async function ask({ host }: Second, settings: LocalJudge, items: ToScore[], signal: AbortSignal, tell: (item: ToScore, verdict: Verdict) => void): Promise<void> {
  const onEvent = (event: GenerateEvent): void => {
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

function* chunks<T>(items: Iterable<T>, size: number): Generator<T[]> {
  let chunk: T[] = []
  for (const item of items) {
    chunk.push(item)
    if (chunk.length < size) continue
    yield chunk
    chunk = []
  }
  if (chunk.length > 0) yield chunk
}
