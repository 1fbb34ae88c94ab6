/** A prompt as the model gets it, while it is looked at; only the last one that was asked for counts. */
import type { Message } from '../../src-main/contract/data.ts'
import { call } from './connection.ts'

export class RenderedPrompt {
  answer = $state.raw<{ messages: readonly Message[]; text: string; tokens: number } | null>(null)
  problem = $state<string | null>(null)
  #asked: readonly Message[] | null = null

  /** Loads the model where it is not loaded. */
  async show(messages: readonly Message[]): Promise<void> {
    if (this.#asked === messages) return
    this.#asked = messages
    this.problem = null
    try {
      const rendered = await call('data.rendered', { messages: [...messages] })
      if (this.#asked === messages) this.answer = { messages, ...rendered }
    } catch (error) {
      if (this.#asked !== messages) return
      this.problem = error instanceof Error ? error.message : String(error)
      this.#asked = null // it may be asked for again
    }
  }
}
