/** Hands on one of several candidates of a response: the one with the highest reward, once all of them are there. */
import type { Message } from '../../contract/data.ts'
import type { FinishedEvent, GenerateEvent, TokenEvent } from '../../model-host/messages/generate.ts'
import { labelOf } from '../reward/label.ts'
import type { Scorer, ToScore } from '../reward/source.ts'

export class Candidates {
  readonly #count: number
  readonly #scorer: Scorer
  readonly #messages: Message[]
  readonly #finished = new Map<number, FinishedEvent>()
  readonly #tokens = new Map<number, TokenEvent[]>()
  readonly #reasons: string[] = []

  /** @param messages the conversation that they answer */
  constructor(count: number, scorer: Scorer, messages: Message[]) {
    this.#count = count
    this.#scorer = scorer
    this.#messages = messages
  }

  /** @returns whether that was the last event of the last candidate */
  take(candidate: number, event: Exclude<GenerateEvent, { kind: 'progress' }>): boolean {
    if (event.kind === 'token') {
      const tokens = this.#tokens.get(candidate) ?? []
      tokens.push(event)
      this.#tokens.set(candidate, tokens)
      return false
    }
    if (event.kind === 'finished') this.#finished.set(candidate, event)
    else this.#reasons.push(event.reason)
    return this.#finished.size + this.#reasons.length === this.#count
  }

  /** The best one's events, its tokens first; of equal ones the first. @throws what its reward's source throws */
  async best(key: number): Promise<GenerateEvent[]> {
    let best: { candidate: number; value: number } | null = null
    const prompt = this.#messages.at(-1)?.content ?? ''
    const items = new Map([...this.#finished].sort(([a], [b]) => a - b).map(([candidate, { text }]): [ToScore, number] => [{ response: null, prompt, messages: this.#messages, text, columns: {} }, candidate]))
    await this.#scorer.score(items.keys(), (item, verdict) => {
      const candidate = items.get(item) as number
      const { value, failure } = labelOf(verdict)
      if (value === null) this.#reasons.push(failure ?? 'it has no reward')
      else if (best === null || value > best.value || (value === best.value && candidate < best.candidate)) best = { candidate, value }
    })
    const chosen = best as { candidate: number; value: number } | null // assigned in the callback
    if (chosen === null) return [{ kind: 'skipped', key, reason: `none of its ${this.#count} candidates has a reward: ${this.#reasons[0] ?? 'no reason was given'}` }]
    return [...(this.#tokens.get(chosen.candidate) ?? []), this.#finished.get(chosen.candidate) as FinishedEvent].map((event) => ({ ...event, key }))
  }
}
