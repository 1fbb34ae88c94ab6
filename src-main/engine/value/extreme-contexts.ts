/** The places of responses where V is highest and lowest, and where it rises and falls most from one state to the next: of each kind a few, at most one a response. */
import type { LabelledStates } from '../project/responses.ts'

export const contextKinds = ['highest', 'lowest', 'rises', 'falls'] as const
export type ContextKind = (typeof contextKinds)[number]

/** tokens that are shown around the marked one */
const tokensBefore = 15
const tokensAfter = 5

export interface FoundContext {
  of: LabelledStates
  /** the first token of `values`, counted from 0 in the response */
  from: number
  /** V of the states that the tokens were drawn from */
  values: number[]
  /** index in `values` */
  marked: number
  value: number
  change: number | null
}

export class ExtremeContexts {
  readonly #kept: Record<ContextKind, { extent: number; found: FoundContext }[]> = { highest: [], lowest: [], rises: [], falls: [] }
  readonly #most: number

  /** @param most that are kept of a kind */
  constructor(most: number) {
    this.#most = most
  }

  /** @param values V of all states of a response, finite */
  add(of: LabelledStates, values: Float32Array): void {
    const changes = values.subarray(1).map((value, t) => value - (values[t] as number))
    this.#offer('highest', of, values, firstLargest(values), null)
    this.#offer('lowest', of, values, firstLargest(values.map((value) => -value)), null)
    if (changes.length === 0) return
    // state t + 1 is the first that has read token t
    this.#offer('rises', of, values, firstLargest(changes), changes)
    this.#offer('falls', of, values, firstLargest(changes.map((change) => -change)), changes)
  }

  /** The most extreme first. */
  found(kind: ContextKind): FoundContext[] {
    return this.#kept[kind].map(({ found }) => found)
  }

  #offer(kind: ContextKind, of: LabelledStates, values: Float32Array, token: number, changes: Float32Array | null): void {
    const change = changes === null ? null : (changes[token] as number)
    const value = values[change === null ? token : token + 1] as number
    const extent = (change ?? value) * (kind === 'lowest' || kind === 'falls' ? -1 : 1)
    if (change !== null && extent <= 0) return // it never rises, or never falls
    const kept = this.#kept[kind]
    const place = kept.findIndex((one) => one.extent < extent)
    const at = place === -1 ? kept.length : place
    if (at >= this.#most) return
    const from = Math.max(0, token - tokensBefore)
    kept.splice(at, 0, { extent, found: { of, from, values: Array.from(values.subarray(from, token + 1 + tokensAfter)), marked: token - from, value, change } })
    if (kept.length > this.#most) kept.pop()
  }
}

function firstLargest(numbers: Float32Array): number {
  let at = 0
  for (let i = 1; i < numbers.length; i++) if ((numbers[i] as number) > (numbers[at] as number)) at = i
  return at
}
