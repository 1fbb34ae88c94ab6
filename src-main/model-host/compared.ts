/**
 * A response that is there already, with what the base model says of its tokens; and, where a method is given, what
 * the method's distribution says, and how far the two are apart. The two read the same tokens in two places of the
 * context, the rows of a step side by side: the edit comes after all layers, so keys and values are the base model's.
 * It runs by itself, so that its figures are the same bits whatever else there is to do.
 */
import type { Batch, Context, Control, Decoded, TopTokens } from '../../native/llama.ts'
import type { ValueFunction } from '../../native/value-function.ts'
import type { Step } from './batch.ts'
import type { LogitChange } from './logit-change.ts'
import type { ControlInput } from './messages/generate.ts'
import type { LikelihoodEvent, TopToken } from './messages/likelihood.ts'
import type { RenderedPrompt } from './prompt.ts'
import { KeptStates, Sequence } from './sequence.ts'

/** Of each of the two: a row of logits is as long as the vocabulary, and all of a step's are in memory. */
const rowsAStep = 32

/** One way to come to the response: what was before it, and how its states are edited. */
export interface Reading {
  prompt: RenderedPrompt
  control: ControlInput | null
}

interface Room {
  contextTokens: number
  batchTokens: number
  sequences: number
  sharesPrefixes: boolean
}

export class ComparedResponse extends Sequence {
  readonly sampler = null
  readonly control = null

  readonly #response: Int32Array
  readonly #own: Reading | null
  readonly #room: Room
  /** whether both read the same tokens */
  readonly #same: boolean
  /** whether the own reading takes over the prompt's keys and values but for its last token, which are the same */
  readonly #shares: boolean
  /** prompt tokens that the own reading has had */
  #ownPrompt = 0
  /** tokens of the response whose rows are asked for */
  #asked = 0
  readonly #baseLog: number[] = []
  readonly #ownLog: number[] = []
  readonly #divergence: number[] = []
  readonly #entropy: number[] = []
  readonly #baseTop: TopToken[] = []
  readonly #ownTop: TopToken[] = []
  readonly #states = new KeptStates()
  readonly #textOf: ((token: number) => string) | null
  readonly #changes: LogitChange | null

  /**
   * @param prompt of the base model
   * @param response at least one token
   * @param textOf null: neither states nor most probable tokens are kept
   * @param changes sums up how the logits differ; null: nobody asked for it
   * @throws Error when both do not fit the context
   */
  constructor(key: number, prompt: RenderedPrompt, response: Int32Array, own: Reading | null, room: Room, textOf: ((token: number) => string) | null, changes: LogitChange | null) {
    const same = own !== null && own.prompt.tokens.join() === prompt.tokens.join()
    const shares = same && room.sharesPrefixes && prompt.tokens.length > 1
    const cells = prompt.tokens.length + response.length - 1 + (own === null ? 0 : response.length + (shares ? 0 : own.prompt.tokens.length - 1))
    super(key, prompt, cells, true, own === null ? 1 : 2)
    if (cells > room.contextTokens) throw new Error(`its prompts and twice its ${response.length} tokens are more than the ${room.contextTokens} of the model's context`)
    if (own !== null && room.sequences < 2) throw new Error('two distributions cannot be compared in a context with one sequence')
    this.#response = response
    this.#own = own
    this.#room = room
    this.#same = same
    this.#shares = shares
    this.#textOf = textOf
    this.#changes = changes
  }

  get share(): number {
    return this.#entropy.length / this.#response.length
  }

  get finished(): boolean {
    return this.#entropy.length === this.#response.length
  }

  get length(): number {
    return this.promptLength + this.#response.length - 1
  }

  get outputsFrom(): number {
    return this.promptLength - 1
  }

  token(position: number): number {
    return tokenAt(this.prompt, this.#response, position)
  }

  /** What is to be decoded next; the context holds nothing else. Only between two steps. */
  step(context: Context, networks: Map<string, ValueFunction>): Step {
    const { outputsFrom } = this
    const ownFrom = this.#own === null ? 0 : this.#own.prompt.tokens.length - 1
    if (this.#shares && this.position >= outputsFrom && this.#ownPrompt === 0) {
      context.copySequence(this.place, this.#ownPlace, outputsFrom)
      this.#ownPrompt = ownFrom
    }
    const entries = new Entries()
    if (this.position < outputsFrom) {
      const end = Math.min(outputsFrom, this.position + this.#room.batchTokens)
      for (; this.position < end; this.position++) entries.add(this.token(this.position), this.position, this.place, false)
    } else if (this.#own !== null && this.#ownPrompt < ownFrom) {
      const end = Math.min(ownFrom, this.#ownPrompt + this.#room.batchTokens)
      for (; this.#ownPrompt < end; this.#ownPrompt++) entries.add(tokenAt(this.#own.prompt, this.#response, this.#ownPrompt), this.#ownPrompt, this.#ownPlace, false)
    } else return this.#compare(networks, ownFrom)
    return { rows: [], promptTokens: new Map([[this, entries.count]]), batch: { ...entries.batch(), controls: [], states: 'none', head: false } }
  }

  /** The next tokens of the response: the base's rows, then as many of the other. */
  #compare(networks: Map<string, ValueFunction>, ownFrom: number): Step {
    const readings = this.#own === null ? 1 : 2
    const begin = this.#asked
    const count = Math.min(rowsAStep, Math.floor(this.#room.batchTokens / readings), this.#response.length - begin)
    const entries = new Entries()
    for (let t = begin; t < begin + count; t++) entries.add(this.token(this.outputsFrom + t), this.outputsFrom + t, this.place, true)
    const base = Int32Array.from({ length: count }, (_, i) => i)
    let controls: Control[] = []
    let own = base
    if (this.#own !== null) {
      const { prompt, control } = this.#own
      for (let t = begin; t < begin + count; t++) entries.add(tokenAt(prompt, this.#response, ownFrom + t), ownFrom + t, this.#ownPlace, true)
      own = base.map((row) => count + row)
      if (control !== null) {
        const { network, ...ascent } = control
        controls = [{ ...ascent, valueFunction: networks.get(network) as ValueFunction, rows: own }]
      }
    }
    this.#asked += count
    this.position = this.outputsFrom + this.#asked
    return {
      rows: Array.from(base, () => this),
      promptTokens: begin > 0 ? new Map() : new Map([[this, readings]]),
      batch: { ...entries.batch(), controls, states: this.#textOf === null ? 'none' : 'float16', head: true, comparisons: { own, base, tokens: this.#response.slice(begin, begin + count), sameState: this.#same } }
    }
  }

  problem({ finite, valueAfter, likelihoods }: Decoded, row: number): string | null {
    const token = this.#entropy.length + 1
    const count = likelihoods?.entropy.length ?? 0
    if (finite[row] === 0 || finite[row + finite.length - count] === 0) return `the state of token ${token} is not finite`
    if (this.#own !== null && this.#own.control !== null && Number.isNaN(valueAfter[count + row])) {
      return `the value of the state of token ${token} is not finite: alpha or the number of updates is too large`
    }
    const figures = [likelihoods?.base[row], likelihoods?.own[row], likelihoods?.divergence[row]]
    return figures.every(Number.isFinite) ? null : `the logits of token ${token} are not finite`
  }

  take(decoded: Decoded, row: number): number {
    const { likelihoods } = decoded
    if (likelihoods === null) return 0
    this.#baseLog.push(likelihoods.base[row] as number)
    this.#ownLog.push(likelihoods.own[row] as number)
    this.#divergence.push(likelihoods.divergence[row] as number)
    this.#entropy.push(likelihoods.entropy[row] as number)
    this.#changes?.add(row, decoded.finite.length - likelihoods.entropy.length + row)
    if (this.#textOf !== null) {
      this.#baseTop.push(topOf(likelihoods.baseTop, row, this.#textOf))
      this.#ownTop.push(topOf(likelihoods.ownTop, row, this.#textOf))
      // of the same tokens both rows have the base's state, so that no rounding of the cache is in it
      const ownRow = this.#own === null || this.#same ? row : decoded.finite.length - likelihoods.entropy.length + row
      this.#states.add(decoded, ownRow, decoded.finite.length)
    }
    return 1
  }

  override restart(): void {
    super.restart()
    this.#ownPrompt = this.#asked = 0
    for (const figures of [this.#baseLog, this.#ownLog, this.#divergence, this.#entropy, this.#baseTop, this.#ownTop]) figures.length = 0
    this.#states.clear()
    this.#changes?.clear()
  }

  *news(): Generator<LikelihoodEvent> {
    if (!this.finished) return
    const compared = this.#own !== null
    yield {
      kind: 'likelihood',
      key: this.key,
      tokens: this.#response,
      base: Float64Array.from(this.#baseLog),
      own: compared ? Float64Array.from(this.#ownLog) : null,
      divergence: compared ? Float64Array.from(this.#divergence) : null,
      entropy: Float64Array.from(this.#entropy),
      closely: this.#textOf && { baseTop: this.#baseTop, ownTop: compared ? this.#ownTop : null, states: this.#states.joined() },
      changes: this.#changes?.sums ?? null
    }
  }

  get #ownPlace(): number {
    return this.held[1] as number
  }
}

function tokenAt({ tokens }: RenderedPrompt, response: Int32Array, position: number): number {
  return tokens[position] ?? (response[position - tokens.length] as number)
}

function topOf({ tokens, logs }: TopTokens, row: number, textOf: (token: number) => string): TopToken {
  const token = tokens[row] as number
  return { token, text: textOf(token), probability: Math.exp(logs[row] as number) }
}

class Entries {
  readonly #tokens: number[] = []
  readonly #positions: number[] = []
  readonly #places: number[] = []
  readonly #outputs: number[] = []

  add(token: number, position: number, place: number, wanted: boolean): void {
    this.#tokens.push(token)
    this.#positions.push(position)
    this.#places.push(place)
    this.#outputs.push(wanted ? 1 : 0)
  }

  get count(): number {
    return this.#tokens.length
  }

  batch(): Pick<Batch, 'tokens' | 'positions' | 'sequences' | 'outputs'> {
    return { tokens: Int32Array.from(this.#tokens), positions: Int32Array.from(this.#positions), sequences: Int32Array.from(this.#places), outputs: Uint8Array.from(this.#outputs) }
  }
}
