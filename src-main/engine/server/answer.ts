/** One answer to a request: a response by its method, up to a stop string, with its figures. */
import { mean } from 'simple-statistics'
import type { Message } from '../../contract/data.ts'
import { StudioError } from '../../contract/errors.ts'
import { generate } from '../control/generate.ts'
import type { ResolvedMethod } from '../control/methods.ts'
import type { HostClient } from '../models/host-client.ts'
import type { AskedFor } from '../asked-for.ts'
import type { Models } from '../models/models.ts'
import type { Project } from '../project/project.ts'
import type { Secrets } from '../secrets.ts'
import { ApiError } from './api-error.ts'
import type { Asked } from './asked.ts'
import { StopStrings } from './stop-strings.ts'

/** The engine, as far as answers need it. */
export interface Serving {
  /** @throws StudioError 'no-project' */
  readonly project: Project
  readonly models: Models
  readonly secrets: Secrets
  readonly asked: AskedFor
}

export interface Answer {
  text: string
  finish: 'stop' | 'length'
  /** of the response, those of a stop string and the end token included */
  tokens: number
  figures: AnswerFigures
}

/** What other servers do not tell. Means over the tokens; null where the method reads no value function. */
export interface AnswerFigures {
  method: string
  settings: Record<string, unknown>
  seed: number
  /** in standard deviations of the reward above its mean */
  value_before: number | null
  value_after: number | null
  /** |Delta h| / |h| */
  edit: number | null
  tokens_per_second: number | null
}

/**
 * @param tell gets the text piece by piece
 * @throws ApiError 400 where the model cannot take the prompt, and what `generate` throws
 */
export async function answerOne({ project, models, secrets, asked: askedFor }: Serving, host: HostClient, method: ResolvedMethod, asked: Asked, maxTokens: number, seed: number, signal: AbortSignal, tell: (text: string) => void): Promise<Answer> {
  const stops = new StopStrings(asked.stops)
  const stopped = new AbortController()
  const steps: { before: number | null; after: number | null; edit: number | null }[] = []
  let text = ''
  let finish: Answer['finish'] = 'stop'
  let skipped: string | null = null
  let first = 0
  const told = (piece: string): void => {
    if (piece === '') return
    text += piece
    tell(piece)
  }
  const prompt = 'text' in asked.prompt ? { messages: [] as Message[], text: asked.prompt.text } : asked.prompt
  try {
    await generate({ project, models, secrets, asked: askedFor }, host, [{ key: 0, method, seed, ...prompt }], {
      maxTokens,
      parallel: method.candidates?.count ?? 1,
      sampling: asked.sampling,
      tokens: true,
      deterministic: asked.deterministic,
      served: true,
      signal: AbortSignal.any([signal, stopped.signal]),
      onEvent: (event) => {
        if (event.kind === 'skipped') skipped = event.reason
        else if (event.kind === 'finished') finish = event.finish === 'end' ? 'stop' : 'length'
        else if (event.kind === 'token' && !stops.met) {
          if (steps.length === 0) first = performance.now()
          steps.push({ before: event.valueBefore, after: event.valueAfter, edit: event.edit })
          told(stops.take(event.text))
          if (stops.met) stopped.abort(new StudioError('cancelled', 'a stop string was met'))
        }
      }
    })
  } catch (error) {
    if (!stops.met || signal.aborted) throw error
  }
  if (skipped !== null) throw new ApiError(400, skipped, { code: 'cannot_be_answered' })
  told(stops.rest())
  const meanOf = (values: (number | null)[]): number | null => {
    const there = values.filter((value) => value !== null)
    return there.length === 0 ? null : mean(there)
  }
  // from the first token on, so that the wait for a place and the prompt do not count; a chosen candidate comes all at once
  const seconds = (performance.now() - first) / 1000
  return {
    text,
    finish: stops.met ? 'stop' : finish,
    tokens: steps.length,
    figures: {
      method: method.name, settings: method.settings, seed,
      value_before: meanOf(steps.map(({ before }) => before)),
      value_after: meanOf(steps.map(({ after }) => after)),
      edit: meanOf(steps.map(({ edit }) => edit)),
      tokens_per_second: method.candidates === null && steps.length > 1 && seconds > 0 ? (steps.length - 1) / seconds : null
    }
  }
}
