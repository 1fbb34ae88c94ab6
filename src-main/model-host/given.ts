/** A response that is there already: the model reads it, for the states from which its tokens are predicted. */
import type { Decoded } from '../../native/llama.ts'
import type { FinishedEvent, PrefillRequest } from './messages/generate.ts'
import type { RenderedPrompt } from './prompt.ts'
import { KeptStates, Sequence } from './sequence.ts'

export class GivenResponse extends Sequence {
  readonly sampler = null
  readonly control = null

  readonly #text: string
  /** what is left of it */
  readonly #tokens: Int32Array
  readonly #finish: 'end' | 'length'
  readonly #states = new KeptStates()

  /** @param tokens of the whole response, the end token included */
  constructor(request: PrefillRequest, prompt: RenderedPrompt, tokens: Int32Array, deterministic: boolean) {
    const kept = tokens.subarray(0, request.maxTokens)
    // nothing is predicted from the last token
    super(request.key, prompt, prompt.tokens.length + kept.length - 1, deterministic)
    this.#text = request.response
    this.#tokens = kept
    this.#finish = kept.length === tokens.length ? 'end' : 'length'
  }

  get share(): number {
    return this.position / this.length
  }

  get finished(): boolean {
    return this.#states.count === this.#tokens.length
  }

  get length(): number {
    return this.cells
  }

  get outputsFrom(): number {
    return this.promptLength - 1
  }

  token(position: number): number {
    return this.prompt.tokens[position] ?? (this.#tokens[position - this.promptLength] as number)
  }

  problem(decoded: Decoded, row: number): string | null {
    return decoded.finite[row] === 0 ? `the state of token ${this.#states.count + 1} is not finite` : null
  }

  take(decoded: Decoded, row: number): number {
    this.#states.add(decoded, row, decoded.finite.length)
    return 1
  }

  override restart(): void {
    super.restart()
    this.#states.clear()
  }

  *news(): Generator<FinishedEvent> {
    if (!this.finished) return
    const none = new Float32Array()
    yield {
      ...this.outcome(),
      text: this.#text,
      tokens: this.#tokens,
      finish: this.#finish,
      states: this.#states.joined(),
      valueBefore: none,
      valueAfter: none,
      edits: none,
      logProbabilities: none
    }
  }
}
