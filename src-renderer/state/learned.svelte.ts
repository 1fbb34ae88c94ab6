/** What the chosen value function has learned: read when it is asked for, as that takes as long as there are states. */
import type { PromotedTokens, ValueReading } from '../../src-main/contract/learned.ts'
import type { EventPayload } from '../../src-main/contract/methods.ts'
import type { ValueAlong } from '../../src-main/contract/value.ts'
import { call, on } from './connection.ts'
import { notices } from './notices.svelte.ts'
import { studio } from './studio.svelte.ts'

class Learned {
  reading = $state.raw<ValueReading | null>(null)
  promoted = $state.raw<PromotedTokens | null>(null)
  /** What is being read, and of which value function. */
  busy = $state.raw<{ valueFunction: number; what: 'states' | 'tokens' } | null>(null)
  progress = $state.raw<EventPayload<'value.progress'> | null>(null)
  /** A response that was opened from the contexts, token by token. */
  opened = $state.raw<ValueAlong | null>(null)

  #asked = 0

  constructor() {
    studio.onProjectChange((other) => {
      if (!other) return
      this.#asked++
      this.reading = this.promoted = this.busy = this.progress = this.opened = null
    })
    on('value.progress', (told) => {
      if (told.valueFunction === this.busy?.valueFunction && told.what === this.busy.what) this.progress = told
    })
  }

  async read(valueFunction: number): Promise<void> {
    const reading = await this.#run(valueFunction, 'states', () => call('value.reading', { id: valueFunction }))
    if (reading !== undefined) this.reading = reading
  }

  async readTokens(valueFunction: number): Promise<void> {
    const promoted = await this.#run(valueFunction, 'tokens', () => call('value.promoted', { id: valueFunction }))
    if (promoted !== undefined) this.promoted = promoted
  }

  /** What was being read is let go, and nothing is said: the person knows. */
  async stop(): Promise<void> {
    this.#asked++
    this.busy = this.progress = null
    await notices.guard(() => call('value.stopReading', {}))
  }

  async open(valueFunction: number, response: number): Promise<void> {
    const along = await notices.guard(() => call('value.along', { id: valueFunction, response }))
    this.opened = along?.[0] ?? null
  }

  async #run<T>(valueFunction: number, what: 'states' | 'tokens', ask: () => Promise<T>): Promise<T | undefined> {
    const asked = ++this.#asked
    this.busy = { valueFunction, what }
    this.progress = null
    try {
      const got = await ask()
      return asked === this.#asked ? got : undefined
    } catch (error) {
      if (asked === this.#asked) notices.report(error)
      return undefined
    } finally {
      if (asked === this.#asked) this.busy = this.progress = null
    }
  }
}

export const learned = new Learned()
