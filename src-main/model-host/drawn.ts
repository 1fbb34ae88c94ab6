/** A response that the model draws token by token. */
import { Sampler, type Decoded, type Model } from '../../native/llama.ts'
import type { BranchesEvent, ControlInput, FinishedEvent, GenerationRequest, TokenEvent } from './messages/generate.ts'
import type { RenderedPrompt } from './prompt.ts'
import { KeptStates, Sequence } from './sequence.ts'

export class DrawnResponse extends Sequence {
  readonly sampler: Sampler
  readonly control: ControlInput | null
  override readonly adapter: string | null

  protected readonly model: Model
  protected readonly maxTokens: number
  readonly #decoder = new TextDecoder()
  readonly #tokens: number[] = []
  readonly #states: KeptStates | null
  readonly #valueBefore: number[] = []
  readonly #valueAfter: number[] = []
  readonly #edits: number[] = []
  readonly #logProbabilities: number[] = []
  #told = 0
  #text = ''
  #finish: 'end' | 'length' | null = null

  /** @param further what it needs in the context beyond its own tokens, and the place for them */
  constructor(model: Model, request: GenerationRequest, prompt: RenderedPrompt, options: { states: boolean; deterministic: boolean }, further = { cells: 0, places: 0 }) {
    super(request.key, prompt, prompt.tokens.length + request.maxTokens + further.cells, options.deterministic, 1 + further.places)
    this.model = model
    this.maxTokens = request.maxTokens
    this.#states = options.states ? new KeptStates() : null
    this.sampler = new Sampler({ ...request.sampling, seed: request.seed })
    this.control = request.control
    this.adapter = request.adapter ?? null
  }

  get share(): number {
    return this.#tokens.length / this.maxTokens
  }

  get finished(): boolean {
    return this.#finish !== null
  }

  get length(): number {
    return this.promptLength + this.#tokens.length
  }

  get outputsFrom(): number {
    return this.length - 1
  }

  token(position: number): number {
    return this.prompt.tokens[position] ?? (this.#tokens[position - this.promptLength] as number)
  }

  problem(decoded: Decoded, row: number): string | null {
    const token = this.#tokens.length + 1
    if (decoded.finite[row] === 0) return `the state of token ${token} is not finite`
    if (this.control !== null && Number.isNaN(decoded.valueAfter[row])) {
      return `the value of the state of token ${token} is not finite: alpha or the number of updates is too large`
    }
    return (decoded.drawn[row] as number) < 0 ? `the logits of token ${token} are not finite` : null
  }

  take(decoded: Decoded, row: number): number {
    this.#states?.add(decoded, row, decoded.drawn.length)
    this.keep(decoded.drawn[row] as number, decoded.logProbabilities[row] ?? NaN, decoded.valueBefore[row] ?? NaN, decoded.valueAfter[row] ?? NaN, decoded.edits[row] ?? 0)
    return 1
  }

  /** The next token, with what is known of its state under control. */
  protected keep(token: number, logProbability: number, valueBefore: number, valueAfter: number, edit: number): void {
    this.#tokens.push(token)
    this.#logProbabilities.push(logProbability)
    if (this.model.isEndOfGeneration(token)) this.#finish = 'end'
    else if (this.#tokens.length === this.maxTokens) this.#finish = 'length'
    if (this.control === null) return
    this.#valueBefore.push(valueBefore)
    this.#valueAfter.push(valueAfter)
    this.#edits.push(edit)
  }

  *news(tokens: boolean): Generator<TokenEvent | FinishedEvent | BranchesEvent> {
    while (this.#told < this.#tokens.length) {
      const event = this.#tell(this.#told++)
      if (tokens) yield event
    }
    if (this.#finish !== null) yield this.#result(this.#finish)
  }

  #tell(at: number): TokenEvent {
    const token = this.#tokens[at] as number
    const last = this.#finish !== null && at === this.#tokens.length - 1
    const bytes = last && this.#finish === 'end' ? new Uint8Array() : this.model.piece(token)
    // the last token takes what is left of an unfinished character with it
    const text = this.#decoder.decode(bytes, { stream: !last })
    this.#text += text
    const steered = this.control !== null
    return {
      kind: 'token', key: this.key, token, text,
      valueBefore: steered ? (this.#valueBefore[at] as number) : null,
      valueAfter: steered ? (this.#valueAfter[at] as number) : null,
      edit: steered ? (this.#edits[at] as number) : null
    }
  }

  #result(finish: 'end' | 'length'): FinishedEvent {
    return {
      ...this.outcome(), finish,
      text: this.#text,
      tokens: Int32Array.from(this.#tokens),
      states: this.#states?.joined() ?? null,
      valueBefore: Float32Array.from(this.#valueBefore),
      valueAfter: Float32Array.from(this.#valueAfter),
      edits: Float32Array.from(this.#edits),
      logProbabilities: Float32Array.from(this.#logProbabilities)
    }
  }
}
