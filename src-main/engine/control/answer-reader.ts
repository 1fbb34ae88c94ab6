/**
 * Answers of the chat, read once more by the model: what the base model says of each token, and the states that the
 * tokens were drawn from. The edit comes after all layers, so that one reading has both without generating anything.
 */
import type { AnswerReading, ChatPane, ChatTurn } from '../../contract/chat.ts'
import type { TokenReading } from '../../contract/control.ts'
import { StudioError } from '../../contract/errors.ts'
import type { LikelihoodEvent, LikelihoodRequest } from '../../model-host/messages/likelihood.ts'
import { readingOf } from '../evaluate/metrics/kl.ts'
import type { Models } from '../models/models.ts'
import type { Project } from '../project/project.ts'
import { messagesOf } from './chat-messages.ts'
import { resolveMethod, type ResolvedMethod } from './methods.ts'
import { sendControl } from './send-control.ts'

/** Answers whose states are kept in memory: 512 tokens of a 7B model are 4 MB. */
const mostKept = 12

/** (tokens, D), before any edit */
export interface AnswerStates {
  states: Float16Array<ArrayBuffer>
  size: number
}

interface Read extends AnswerStates {
  tokens: TokenReading[]
}

export class AnswerReader {
  readonly #models: Models
  readonly #kept = new WeakMap<Project, Map<string, Promise<Read>>>()
  #abort = new AbortController()

  constructor(models: Models) {
    this.#models = models
  }

  /** Kept with the answer, so that it is read once. @throws StudioError 'not-found', 'bad-request', 'not-usable', 'cancelled' */
  async tokens(project: Project, turn: number, index: number): Promise<AnswerReading> {
    const { pane, turn: whole, method } = answerOf(project, turn, index)
    const reading = readingOf({ messages: messagesOf(project, whole, index) }, method)
    const note = typeof reading === 'object' && 'failure' in reading ? reading.failure : null
    const stored = pane.steps.flatMap((step) => step.reading ?? [])
    return { tokens: stored.length === pane.steps.length && stored.length > 0 ? stored : (await this.#read(project, turn, index)).tokens, note }
  }

  /** @throws as `tokens`; also 'bad-request' for an answer of a model with an adapter, whose states these would not be */
  async states(project: Project, turn: number, index: number): Promise<AnswerStates> {
    const { method } = answerOf(project, turn, index)
    if (method.adapter !== null) throw new StudioError('bad-request', `${method.name} changes the model's layers, and the states of such an answer are not read again`)
    return this.#read(project, turn, index)
  }

  /** Ends what is being read: somebody waits for the model. */
  stop(): void {
    this.#abort.abort()
    this.#abort = new AbortController()
  }

  #read(project: Project, turn: number, index: number): Promise<Read> {
    const kept = this.#kept.get(project) ?? new Map<string, Promise<Read>>()
    this.#kept.set(project, kept)
    const key = `${turn}/${index}`
    const read = kept.get(key) ?? this.#readAgain(project, turn, index, this.#abort.signal)
    kept.delete(key) // the newest last
    kept.set(key, read)
    read.catch(() => kept.delete(key))
    for (const oldest of kept.keys()) {
      if (kept.size <= mostKept) break
      kept.delete(oldest)
    }
    return read
  }

  async #readAgain(project: Project, turn: number, index: number, signal: AbortSignal): Promise<Read> {
    const { turn: whole, pane, method } = answerOf(project, turn, index)
    const event = await this.#models.withHost(project, async (host) => {
      let read: LikelihoodEvent | string = 'the model did not answer'
      const request = await requestOf(project, whole, index, method, (plan) => sendControl(project, host, plan))
      await host.request('likelihood', { requests: [request] }, {
        signal,
        onEvent: (event) => {
          if (event.kind === 'likelihood') read = event
          else if (event.kind === 'skipped') read = event.reason
        }
      })
      return read as LikelihoodEvent | string
    }, signal)
    if (typeof event === 'string') throw new StudioError('not-usable', `the answer cannot be read again: ${event}`)
    const { closely } = event
    if (closely === null) throw new StudioError('internal', 'the model host left the states out')
    const tokens = readingsOf(event, closely, readingOf({ messages: messagesOf(project, whole, index) }, method), method)
    keep(project, turn, index, pane, tokens)
    const { buffer, byteOffset, length } = closely.states
    const states = new Float16Array(buffer as ArrayBuffer, byteOffset, length)
    return { tokens, states, size: states.length / tokens.length }
  }
}

/** @throws StudioError 'not-found', or 'bad-request' where there is nothing to read */
function answerOf(project: Project, turn: number, index: number): { turn: ChatTurn; pane: ChatPane; method: ResolvedMethod } {
  const whole = project.turns.get(turn)
  const pane = whole.panes[index]
  if (pane === undefined) throw new StudioError('not-found', `there is no answer ${index + 1} of turn ${turn} in this project`)
  if (pane.end === null) throw new StudioError('bad-request', 'this answer is not complete yet')
  if (pane.steps.length === 0) throw new StudioError('bad-request', 'this answer has no tokens')
  const method = resolveMethod(pane.method)
  if (method.model !== null) throw new StudioError('bad-request', `${method.name} answers with another model, whose tokens the project's model cannot read`)
  return { turn: whole, pane, method }
}

type SendControl = (plan: NonNullable<ResolvedMethod['control']>) => ReturnType<typeof sendControl>

async function requestOf(project: Project, turn: ChatTurn, index: number, method: ResolvedMethod, send: SendControl): Promise<LikelihoodRequest> {
  const messages = messagesOf(project, turn, index)
  const steered = readingOf({ messages }, method) === method && method.control !== null
  const altered = method.messages(messages)
  const changed = steered || JSON.stringify(altered) !== JSON.stringify(messages)
  const steps = turn.panes[index]?.steps ?? []
  return {
    key: 0,
    prompt: { messages },
    response: Int32Array.from(steps, ({ token }) => token),
    own: changed ? { prompt: { messages: altered }, control: steered && method.control !== null ? await send(method.control) : null } : null,
    closely: true
  }
}

function readingsOf({ base, own, divergence }: LikelihoodEvent, { baseTop, ownTop }: NonNullable<LikelihoodEvent['closely']>, reading: ReturnType<typeof readingOf>, method: ResolvedMethod): TokenReading[] {
  const [known, same] = [reading === method, typeof reading === 'object' && 'value' in reading]
  return Array.from(base, (log, t): TokenReading => {
    const top = baseTop[t] as TokenReading['baseTop']
    const baseProbability = Math.exp(log)
    if (same) return { kl: 0, baseProbability, probability: baseProbability, baseTop: top, top }
    if (!known) return { kl: null, baseProbability, probability: null, baseTop: top, top: null }
    return { kl: divergence?.[t] ?? null, baseProbability, probability: own === null ? null : Math.exp(own[t] as number), baseTop: top, top: ownTop?.[t] ?? null }
  })
}

/** Unless the answer has become another one meanwhile. */
function keep(project: Project, turn: number, index: number, { steps }: ChatPane, tokens: TokenReading[]): void {
  const now = project.turns.get(turn)
  const pane = now.panes[index]
  if (pane === undefined || pane.steps.length !== steps.length) return
  const read = pane.steps.map((step, t) => ({ ...step, reading: tokens[t] as TokenReading }))
  project.turns.keep(turn, new Map([[index, { ...pane, steps: read }]]))
}
