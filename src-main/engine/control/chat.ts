/** One prompt, answered in every pane at once from the same seed. */
import type { AnswerEnd, ChatPane } from '../../contract/entities.ts'
import type { EventPayload, Parsed } from '../../contract/methods.ts'
import { StudioError, toFailure } from '../../contract/errors.ts'
import type { Models } from '../models/models.ts'
import type { Project } from '../project/project.ts'
import type { Secrets } from '../secrets.ts'
import { toneOf } from '../reward/tone.ts'
import { generate, type GenerationTask } from './generate.ts'
import { resolveMethod, type ResolvedMethod } from './methods.ts'

export interface ChatEvents {
  token(event: EventPayload<'chat.token'>): void
  pane(event: EventPayload<'chat.pane'>): void
  done(event: EventPayload<'chat.done'>): void
}

export class Chat {
  readonly #models: Models
  readonly #secrets: Secrets
  readonly #events: ChatEvents
  #abort: AbortController | null = null
  #answering: Promise<void> = Promise.resolve()

  constructor(models: Models, secrets: Secrets, events: ChatEvents) {
    this.#models = models
    this.#secrets = secrets
    this.#events = events
  }

  /** Starts the answers and returns the turn; tokens and the end come as events. */
  send(project: Project, input: Parsed<'chat.send'>): { turn: number } {
    if (this.#abort !== null) throw new StudioError('busy', 'the last message is still being answered; stop it first')
    const methods = input.panes.map(resolveMethod)
    const turn = project.chats.add(input.prompt, input.seed, input.panes)
    this.#abort = new AbortController()
    this.#answering = this.#answer(project, turn, input, methods, this.#abort)
    return { turn }
  }

  stop(): void {
    this.#abort?.abort()
  }

  /** Resolves when nothing is being answered. */
  idle(): Promise<void> {
    return this.#answering
  }

  async #answer(project: Project, turn: number, input: Parsed<'chat.send'>, methods: ResolvedMethod[], abort: AbortController): Promise<void> {
    const panes = input.panes.map((method): ChatPane => ({ method, text: '', steps: [], end: null, rating: null }))
    const open = new Set(panes.keys())
    let start = performance.now()
    const close = (index: number, finish: AnswerEnd['finish'], seconds = (performance.now() - start) / 1000): void => {
      const pane = panes[index] as ChatPane
      open.delete(index)
      pane.end = {
        finish,
        tokensPerSecond: pane.steps.length / seconds,
        reward: toneIfAny(pane.text)
      }
      this.#events.pane({ turn, pane: index, text: pane.text, ...pane.end })
    }
    let failure: string | null = null
    try {
      const host = await this.#models.use(project)
      start = performance.now() // loading the model is not the answer's time
      const tasks = methods.map((method, key): GenerationTask => ({ key, method, messages: [{ role: 'user', content: input.prompt }], seed: input.seed }))
      await generate({ project, models: this.#models, secrets: this.#secrets }, host, tasks, {
        maxTokens: input.maxTokens,
        sampling: input.sampling,
        parallel: tasks.length,
        tokens: true,
        deterministic: input.deterministic,
        signal: abort.signal,
        onEvent: (event) => {
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
          } else if (event.kind === 'skipped') failure = event.reason
        }
      })
    } catch (error) {
      if (!abort.signal.aborted) failure = toFailure(error).message
    }
    for (const pane of open) close(pane, 'stopped')
    this.#abort = null
    project.chats.finish(turn, panes)
    this.#events.done({ turn, failure })
  }
}

/** null for an answer without words */
function toneIfAny(text: string): number | null {
  try {
    return toneOf(text)
  } catch {
    return null
  }
}
