/** A prompt with its response, drawn or given, on its way through the model: what the scheduler fills its batches with. */
import type { Decoded, Sampler } from '../../native/llama.ts'
import type { BranchesEvent, ControlInput, FinishedEvent, GenerateEvent } from './messages/generate.ts'
import type { LikelihoodEvent } from './messages/likelihood.ts'
import type { RenderedPrompt } from './prompt.ts'

/** Tokens that are decoded in one place of the context: a response's, or those of one of the ways in which it may go on. */
export abstract class Strand {
  /** its place in the context while it runs */
  place = -1
  /** tokens that were decoded, or taken over from `leader` */
  position = 0
  /** the sequence that it shares its first `shared` tokens with; it waits until they are decoded there */
  leader: Sequence | null = null
  shared = 0

  protected readonly prompt: RenderedPrompt

  constructor(prompt: RenderedPrompt) {
    this.prompt = prompt
  }

  /** what it is, or a branch of */
  abstract readonly whole: Sequence
  /** null: no token is drawn, the response is given */
  abstract readonly sampler: Sampler | null
  abstract readonly control: ControlInput | null
  /** how many tokens are known, of prompt and response */
  abstract readonly length: number
  /** from this position on the states are wanted */
  abstract readonly outputsFrom: number

  abstract token(position: number): number

  /** Takes output row `row` of a decoded batch. @returns tokens that the response has more */
  abstract take(decoded: Decoded, row: number): number

  /** Why it cannot take that row: its numbers are not finite. */
  abstract problem(decoded: Decoded, row: number): string | null

  /** Its beginning is still to be decoded by `leader`. */
  get waits(): boolean {
    return this.leader !== null && this.position === 0
  }

  /** Tokens that the model has not seen yet. */
  get pending(): number {
    return this.length - this.position
  }

  get promptLength(): number {
    return this.prompt.tokens.length
  }
}

export abstract class Sequence extends Strand {
  readonly key: number
  /** KV cells that it may come to need */
  readonly cells: number
  /** places in the context that it needs, and those that it has; `place` is one of them */
  readonly places: number
  held: number[] = []
  /** runs by itself until it has shown that its states are finite without any neighbour */
  isolated = false
  /** shared by all that run at once; null: the model as it is */
  readonly adapter: string | null = null

  readonly #deterministic: boolean
  #start = 0

  constructor(key: number, prompt: RenderedPrompt, cells: number, deterministic: boolean, places = 1) {
    super(prompt)
    this.key = key
    this.cells = cells
    this.places = places
    this.#deterministic = deterministic
  }

  /** the part of its tokens that it has, at most 1 */
  abstract readonly share: number
  abstract readonly finished: boolean

  /** Events of what was taken since the last call; `tokens`: every token's own, too. */
  abstract news(tokens: boolean): Generator<GenerateEvent | BranchesEvent | LikelihoodEvent>

  get whole(): Sequence {
    return this
  }

  /** What of it is to be decoded next. */
  get strands(): Strand[] {
    return [this]
  }

  /** No other sequence may be in the context. */
  get alone(): boolean {
    return this.#deterministic || this.isolated
  }

  begin(places: number[]): void {
    this.held = places
    this.place = places[0] as number
    if (this.#start === 0) this.#start = performance.now()
  }

  /** Gives its places up; what it has so far is decoded again when it gets others. */
  restart(): void {
    this.held = []
    this.place = -1
    this.position = 0
  }

  protected outcome(): Pick<FinishedEvent, 'kind' | 'key' | 'promptText' | 'promptTokens' | 'seconds'> {
    return { kind: 'finished', key: this.key, promptText: this.prompt.text, promptTokens: this.promptLength, seconds: (performance.now() - this.#start) / 1000 }
  }
}

/** Copies of one row's float16 states, put together at the end. */
export class KeptStates {
  readonly #rows: Uint16Array[] = []

  add({ statesF16 }: Decoded, row: number, rows: number): void {
    const size = statesF16.length / rows
    this.#rows.push(statesF16.slice(row * size, (row + 1) * size))
  }

  get count(): number {
    return this.#rows.length
  }

  /** (count, D) */
  joined(): Uint16Array {
    const size = this.#rows[0]?.length ?? 0
    const all = new Uint16Array(this.#rows.length * size)
    this.#rows.forEach((row, i) => all.set(row, i * size))
    return all
  }

  clear(): void {
    this.#rows.length = 0
  }
}
