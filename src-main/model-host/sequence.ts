/** One response in the making: its place in the batch, its sampler, and what has been generated so far. */
import { Sampler, type Decoded, type Model } from '../../native/llama.ts'
import type { ControlInput, FinishedEvent, GenerationRequest, TokenEvent } from './messages.ts'
import type { RenderedPrompt } from './prompt.ts'

export class Sequence {
  readonly place: number
  readonly key: number
  readonly control: ControlInput | null
  /** KV cells that it may come to need */
  readonly cells: number
  /** tokens of prompt and response that were decoded */
  position = 0

  readonly #model: Model
  readonly #prompt: RenderedPrompt
  readonly #maxTokens: number
  readonly #sampler: Sampler
  readonly #decoder = new TextDecoder()
  readonly #tokens: number[] = []
  readonly #states: Float16Array[] | null
  readonly #valueBefore: number[] = []
  readonly #valueAfter: number[] = []
  readonly #edits: number[] = []
  readonly #start = performance.now()
  #text = ''
  #finish: 'end' | 'length' | null = null

  constructor(model: Model, place: number, request: GenerationRequest, prompt: RenderedPrompt, keepStates: boolean) {
    this.#model = model
    this.#prompt = prompt
    this.#maxTokens = request.maxTokens
    this.#sampler = new Sampler({ ...request.sampling, seed: request.seed })
    this.#states = keepStates ? [] : null
    this.place = place
    this.key = request.key
    this.control = request.control
    this.cells = prompt.tokens.length + request.maxTokens
  }

  /** the part of its tokens that it has, at most 1 */
  get share(): number {
    return this.#tokens.length / this.#maxTokens
  }

  get finished(): boolean {
    return this.#finish !== null
  }

  /** The tokens that the model has not seen yet: rest of the prompt, then always the last drawn token. */
  pending(): Int32Array {
    if (this.position < this.#prompt.tokens.length) return this.#prompt.tokens.subarray(this.position)
    return Int32Array.of(this.#tokens[this.#tokens.length - 1] ?? 0)
  }

  /** Takes output row `row` of a decoded batch: keeps its state, draws its token. */
  advance(decoded: Decoded, row: number, stateSize: number, sample: (sampler: Sampler) => number): TokenEvent {
    const at = row * stateSize
    const state = decoded.states.subarray(at, at + stateSize)
    this.#states?.push(new Float16Array(state))

    const token = sample(this.#sampler)
    this.#tokens.push(token)
    const ends = this.#model.isEndOfGeneration(token)
    if (ends) this.#finish = 'end'
    else if (this.#tokens.length === this.#maxTokens) this.#finish = 'length'
    // the last token takes what is left of an unfinished character with it
    const bytes = ends ? new Uint8Array() : this.#model.piece(token)
    const text = this.#decoder.decode(bytes, { stream: this.#finish === null })
    this.#text += text

    const event: TokenEvent = { kind: 'token', key: this.key, token, text, valueBefore: null, valueAfter: null, edit: null }
    if (this.control !== null) {
      event.valueBefore = decoded.valueBefore[row] ?? null
      event.valueAfter = decoded.valueAfter[row] ?? null
      event.edit = decoded.edited === null ? 0 : relativeEdit(state, decoded.edited.subarray(at, at + stateSize))
      this.#valueBefore.push(event.valueBefore ?? NaN)
      this.#valueAfter.push(event.valueAfter ?? NaN)
      this.#edits.push(event.edit)
    }
    return event
  }

  result(): FinishedEvent {
    return {
      kind: 'finished',
      key: this.key,
      promptText: this.#prompt.text,
      promptTokens: this.#prompt.tokens.length,
      text: this.#text,
      tokens: Int32Array.from(this.#tokens),
      finish: this.#finish ?? 'length',
      states: this.#states === null ? null : joined(this.#states),
      valueBefore: Float32Array.from(this.#valueBefore),
      valueAfter: Float32Array.from(this.#valueAfter),
      edits: Float32Array.from(this.#edits),
      seconds: (performance.now() - this.#start) / 1000
    }
  }
}

/** |after - before| / |before| */
function relativeEdit(before: Float32Array, after: Float32Array): number {
  let change = 0
  let norm = 0
  for (let i = 0; i < before.length; i++) {
    const b = before[i] as number
    const d = (after[i] as number) - b
    change += d * d
    norm += b * b
  }
  return norm === 0 ? 0 : Math.sqrt(change / norm)
}

/** The bits of all states, one after the other. */
function joined(states: Float16Array[]): Uint16Array {
  const length = states.reduce((sum, state) => sum + state.length, 0)
  const all = new Uint16Array(length)
  let at = 0
  for (const state of states) {
    all.set(new Uint16Array(state.buffer), at)
    at += state.length
  }
  return all
}
