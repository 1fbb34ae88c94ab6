/** What a response's branches are worth, asked at each of its decisions. */
import type { Message } from '../../contract/data.ts'
import { labelOf } from '../reward/label.ts'
import type { Scorer, ToScore } from '../reward/source.ts'

export class Decisions {
  readonly #scorer: Scorer
  readonly #messages: Message[]
  #rewarded = false
  #reason: string | null = null

  /** @param messages the conversation that the response answers */
  constructor(scorer: Scorer, messages: Message[]) {
    this.#scorer = scorer
    this.#messages = messages
  }

  /** null where a text has no reward (no words yet, say) @throws what its reward's source throws */
  async rewards(texts: string[]): Promise<(number | null)[]> {
    const prompt = this.#messages.at(-1)?.content ?? ''
    const places = new Map(texts.map((text, i): [ToScore, number] => [{ response: null, prompt, messages: this.#messages, text, columns: {} }, i]))
    const rewards = texts.map((): number | null => null)
    await this.#scorer.score(places.keys(), (item, verdict) => {
      const { value, failure } = labelOf(verdict)
      rewards[places.get(item) as number] = value
      if (value !== null) this.#rewarded = true
      else this.#reason = failure
    })
    return rewards
  }

  /** Why the response that came of them is none of this method: not one of its branches had a reward. */
  get failure(): string | null {
    return this.#rewarded ? null : `none of its branches has a reward: ${this.#reason ?? 'no reason was given'}`
  }
}
