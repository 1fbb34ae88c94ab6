/** One of the ways in which a response may go on: a candidate for its next token, and the most probable tokens after it. */
import type { Candidates, Context, Decoded, Model, Sampler } from '../../native/llama.ts'
import type { ControlInput } from './messages/generate.ts'
import type { RenderedPrompt } from './prompt.ts'
import { Strand, type Sequence } from './sequence.ts'

export interface BranchSettings {
  /** tokens that it may have, the candidate counted */
  most: number
  /** whether the last of them is decoded too, for the state that it leads to */
  toLast: boolean
}

export class Branch extends Strand {
  readonly whole: Sequence
  readonly sampler: Sampler
  /** from the candidate on */
  readonly tokens: number[]
  /** V of the state that the candidate leads to; NaN before it is decoded, and without control */
  value = NaN
  /** the output row of the last step, if it had one that was not looked at yet */
  row = -1
  /** what may come after those of its tokens that a choice keeps; null where that is not known */
  next: Candidates | null = null

  readonly #model: Model
  readonly #start: number
  readonly #settings: BranchSettings

  /** @param sampler a greedy one */
  constructor(whole: Sequence, prompt: RenderedPrompt, model: Model, candidate: number, sampler: Sampler, settings: BranchSettings) {
    super(prompt)
    this.whole = whole
    this.sampler = sampler
    this.tokens = [candidate]
    this.#model = model
    this.#start = whole.length
    this.#settings = settings
  }

  get control(): ControlInput | null {
    return this.whole.control
  }

  get length(): number {
    return this.#start + this.tokens.length
  }

  get outputsFrom(): number {
    return this.length - 1
  }

  /** of its own tokens */
  get decoded(): number {
    return Math.max(0, this.position - this.#start)
  }

  /** Whether all is known that it is looked at for. */
  get through(): boolean {
    return this.#ended && (!this.#settings.toLast || this.decoded === this.tokens.length)
  }

  token(position: number): number {
    return position < this.#start ? this.whole.token(position) : (this.tokens[position - this.#start] as number)
  }

  /** Goes on in `place`, which holds the response up to here. */
  begin(place: number): void {
    this.place = place
    this.position = this.#start
  }

  problem(decoded: Decoded, row: number): string | null {
    return this.whole.problem(decoded, row)
  }

  take(decoded: Decoded, row: number): number {
    this.row = row
    if (this.decoded === 1) this.value = decoded.valueBefore[row] ?? NaN
    if (!this.#ended) this.tokens.push(decoded.drawn[row] as number)
    return 0
  }

  /** Notes what may come after its first `kept` tokens, if the last step has told. */
  lookAround(context: Context, kept: number, count: number): void {
    if (this.decoded === kept && this.row >= 0) this.next = context.candidates(this.row, count)
    this.row = -1
  }

  get #ended(): boolean {
    return this.tokens.length >= this.#settings.most || this.#model.isEndOfGeneration(this.tokens.at(-1) as number)
  }
}
