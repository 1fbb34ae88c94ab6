/** One prompt, answered in every pane at once from the same seed, each going on with its own earlier answers. */
import type { AnswerEnd, ChatPane, ChatTurn } from '../../contract/chat.ts'
import type { EventPayload, Output, Parsed } from '../../contract/methods.ts'
import { StudioError, toFailure } from '../../contract/errors.ts'
import type { AskedFor } from '../asked-for.ts'
import type { Models } from '../models/models.ts'
import type { Project } from '../project/project.ts'
import type { Secrets } from '../secrets.ts'
import { toneOf } from '../reward/tone.ts'
import { messagesOf } from './chat-messages.ts'
import { generate, type GenerationTask } from './generate.ts'
import { resolveMethod, type ResolvedMethod } from './methods.ts'

export interface ChatEvents {
  token(event: EventPayload<'chat.token'>): void
  pane(event: EventPayload<'chat.pane'>): void
  done(event: EventPayload<'chat.done'>): void
}

/** What a crash can take of an answer, at most. */
const keepEveryMs = 1000

/** A turn while it is answered. */
interface Live {
  turn: number
  conversation: number
  panes: ChatPane[]
  abort: AbortController
}

export class Chat {
  readonly #models: Models
  readonly #secrets: Secrets
  readonly #asked: AskedFor
  readonly #events: ChatEvents
  #live: Live | null = null
  #answering: Promise<void> = Promise.resolve()

  constructor(models: Models, secrets: Secrets, asked: AskedFor, events: ChatEvents) {
    this.#models = models
    this.#secrets = secrets
    this.#asked = asked
    this.#events = events
  }

  /** Starts the answers and returns the turn; tokens and the end come as events. @throws also what Turns.add throws */
  send(project: Project, input: Parsed<'chat.send'>): { turn: number; conversation: number } {
    if (this.#live !== null) throw new StudioError('busy', 'the last message is still being answered; stop it first')
    const methods = input.panes.map(resolveMethod)
    const { turn, conversation } = project.turns.add({ ...input, methods: input.panes })
    const live: Live = {
      turn, conversation,
      panes: input.panes.map((method): ChatPane => ({ method, text: '', steps: [], end: null, rating: null })),
      abort: new AbortController()
    }
    this.#live = live
    this.#answering = this.#answer(project, live, input, methods)
    return { turn, conversation }
  }

  stop(): void {
    this.#live?.abort.abort()
  }

  /** Resolves when nothing is being answered. */
  idle(): Promise<void> {
    return this.#answering
  }

  /** As Turns.path; of the turn that is being answered it has every token so far. */
  path(project: Project, { conversation, ...way }: Parsed<'chat.path'>): Output<'chat.path'> {
    const { turns, earlier } = project.turns.path(conversation, way)
    const live = this.#live
    const shown = turns.map((turn): ChatTurn => (turn.turn !== live?.turn ? turn : { ...turn, failure: null, panes: live.panes.map((pane, i) => ({ ...pane, rating: turn.panes[i]?.rating ?? null })) }))
    return { conversation: project.conversations.get(conversation), turns: shown, earlier, answering: shown.some(({ turn }) => turn === live?.turn) ? (live?.turn ?? null) : null }
  }

  /** @throws StudioError 'busy' while one of its turns is being answered, 'not-found' */
  delete(project: Project, conversation: number): void {
    if (this.#live?.conversation === conversation) throw new StudioError('busy', 'this conversation is still being answered; stop it first')
    project.conversations.delete(conversation)
  }

  async #answer(project: Project, { turn, panes, abort }: Live, input: Parsed<'chat.send'>, methods: ResolvedMethod[]): Promise<void> {
    const open = new Set(panes.keys())
    let start = performance.now()
    const ended = ({ text, steps }: ChatPane, finish: AnswerEnd['finish'], seconds = (performance.now() - start) / 1000): AnswerEnd => ({
      finish,
      tokensPerSecond: seconds > 0 ? steps.length / seconds : 0,
      reward: toneIfAny(text)
    })
    const close = (index: number, finish: AnswerEnd['finish'], seconds?: number): void => {
      const pane = panes[index] as ChatPane
      open.delete(index)
      pane.end = ended(pane, finish, seconds)
      this.#events.pane({ turn, pane: index, text: pane.text, ...pane.end })
    }
    const changed = new Set<number>()
    let kept = -Infinity
    // what is kept on the way is an answer that was stopped there: nothing is to be mended when the engine dies
    const keep = (): void => {
      project.turns.keep(turn, new Map(Array.from(changed, (i) => [i, { ...(panes[i] as ChatPane), end: (panes[i] as ChatPane).end ?? ended(panes[i] as ChatPane, 'stopped') }])))
      changed.clear()
      kept = performance.now()
    }
    const skipped = new Map<number, string>()
    let failure: string | null = null
    try {
      const host = await this.#models.use(project)
      start = performance.now() // loading the model is not the answer's time
      const tasks = methods.map((method, key): GenerationTask => ({ key, method, messages: messagesOf(project, input, key), seed: input.seed }))
      await generate({ project, models: this.#models, secrets: this.#secrets, asked: this.#asked }, host, tasks, {
        maxTokens: input.maxTokens,
        sampling: input.sampling,
        parallel: tasks.length,
        tokens: true,
        deterministic: input.deterministic,
        signal: abort.signal,
        onEvent: (event) => {
          if (event.kind === 'progress') return
          changed.add(event.key)
          if (event.kind === 'token') {
            const { kind: _kind, key, ...step } = event
            const pane = panes[key] as ChatPane
            pane.steps.push(step)
            pane.text += step.text
            this.#events.token({ turn, pane: key, step })
          } else if (event.kind === 'finished') {
            const pane = panes[event.key] as ChatPane
            pane.text = event.text
            // panes of one model wait for those of another; of several candidates the event knows only the chosen one's time
            close(event.key, event.finish, methods[event.key]?.candidates === null ? event.seconds : undefined)
          } else skipped.set(event.key, event.reason)
          if (performance.now() - kept >= keepEveryMs) keep()
        }
      })
      failure = reasonOf(skipped, panes.length)
    } catch (error) {
      if (!abort.signal.aborted) failure = toFailure(error).message
    }
    for (const pane of open) close(pane, 'stopped')
    try {
      project.turns.finish(turn, panes, failure)
    } catch (error) {
      failure = `the answers could not be kept: ${toFailure(error).message}`
    }
    this.#live = null
    this.#events.done({ turn, failure })
  }
}

/** Why panes said nothing, in one line; where none said anything, why the first did not. */
function reasonOf(skipped: ReadonlyMap<number, string>, panes: number): string | null {
  if (skipped.size === 0) return null
  if (skipped.size === panes) return skipped.get(0) ?? null
  return Array.from(skipped, ([pane, reason]) => `pane ${pane + 1}: ${reason}`).join('; ')
}

/** null for an answer without words */
function toneIfAny(text: string): number | null {
  try {
    return toneOf(text)
  } catch {
    return null
  }
}
