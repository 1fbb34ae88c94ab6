/** How full the model's context is with the conversation in front: counted by the model itself once an answer is whole. */
import type { Message } from '../../src-main/contract/data.ts'
import { call } from './connection.ts'
import type { Turn } from './turn.svelte.ts'

class ContextFill {
  /** Tokens of the longest pane's conversation, as the model's chat template writes it; null: not counted. */
  used = $state.raw<number | null>(null)

  #asked = 0

  /** Never loads a model: it is asked for only where one is loaded. */
  async count(turns: readonly Turn[]): Promise<void> {
    const asked = ++this.#asked
    const messages = longest(turns)
    if (messages.length === 0) {
      this.used = null
      return
    }
    try {
      const { tokens } = await call('data.rendered', { messages })
      if (asked === this.#asked) this.used = tokens
    } catch {
      // a template that refuses the conversation says so when the next message is sent
      if (asked === this.#asked) this.used = null
    }
  }
}

/** The history of each pane as the engine makes it (`historyOf`): where a pane said nothing, the first answer that there is stands for it. */
function longest(turns: readonly Turn[]): Message[] {
  const panes = Math.max(0, ...turns.map((turn) => turn.panes.length))
  const ways = Array.from({ length: panes }, (_, pane) =>
    turns.flatMap(({ prompt, panes: answers }): Message[] => {
      const answer = answers[pane]?.text || answers.find(({ text }) => text !== '')?.text
      return answer === undefined ? [] : [{ role: 'user', content: prompt }, { role: 'assistant', content: answer }]
    })
  )
  const letters = (messages: Message[]): number => messages.reduce((sum, { content }) => sum + content.length, 0)
  return ways.reduce<Message[]>((best, way) => (letters(way) > letters(best) ? way : best), [])
}

export const contextFill = new ContextFill()
