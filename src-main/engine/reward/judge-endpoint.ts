/** A judge behind an endpoint: many requests at once, and an end to it when nothing comes back any more. */
import { StudioError } from '../../contract/errors.ts'
import { Endpoint, NoAnswer, type EndpointSettings } from './endpoint.ts'
import { inParallel } from './in-parallel.ts'
import { Pace } from './pace.ts'
import type { Judge, Question } from './question.ts'

export interface JudgeAt extends EndpointSettings {
  concurrency: number
  requestsPerMinute: number | null
}

/** Requests in a row that the endpoint leaves without an answer, each with all its retries. */
const giveUpAfter = 10

/** Nothing is asked before there is an item. */
export function judgeAt<T>(settings: JudgeAt, question: Question<T>, key: string | null, signal: AbortSignal): Judge<T> {
  const endpoint = new Endpoint(settings, key, new Pace(settings.requestsPerMinute))
  let inARow = 0
  return {
    ask: (items, tell) =>
      inParallel(items, settings.concurrency, signal, async (item, stop) => {
        try {
          const answer = await endpoint.ask(question.messages(item), stop)
          inARow = 0
          tell(item, question.read(answer, endpoint.withoutKey(answer.text)))
        } catch (error) {
          if (!(error instanceof NoAnswer) || stop.aborted) throw error
          tell(item, { failure: error.message })
          inARow = error.endpoint ? inARow + 1 : 0
          if (inARow < giveUpAfter) return
          throw new StudioError('not-usable', `${giveUpAfter} responses in a row got no answer from the judge: ${error.message}. What was judged is kept; start again to go on from there`, { retryable: true })
        }
      }),
    close: () => {}
  }
}
