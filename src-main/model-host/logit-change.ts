/** How an edit of the last state changes the logits: summed over the states that it is applied to, token by token of the vocabulary. */
import type { Context } from '../../native/llama.ts'
import type { LogitChanges } from './messages/likelihood.ts'

export class LogitChange {
  readonly #context: Context
  #sums: LogitChanges | null = null

  constructor(context: Context) {
    this.#context = context
  }

  /** Adds the logits of output row `own` of the last batch less those of row `base`, centred over the vocabulary; before the next batch is decoded. */
  add(base: number, own: number): void {
    const [before, after] = [this.#context.logits(base), this.#context.logits(own)]
    const { sum, squares } = (this.#sums ??= { sum: new Float64Array(before.length), squares: new Float64Array(before.length) })
    let mean = 0
    for (let token = 0; token < before.length; token++) mean += ((after[token] as number) - (before[token] as number)) / before.length
    for (let token = 0; token < before.length; token++) {
      const change = (after[token] as number) - (before[token] as number) - mean
      sum[token]! += change
      squares[token]! += change * change
    }
  }

  clear(): void {
    this.#sums = null
  }

  /** null before anything was added */
  get sums(): LogitChanges | null {
    return this.#sums
  }
}
