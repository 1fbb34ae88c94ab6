/**
 * A response whose tokens are chosen by what they lead to. At each decision the most probable tokens become branches,
 * rows of one batch in places of their own that share the response's keys and values; the chosen branch's place becomes
 * the response's, and the others are forgotten. By value, the branches' one step is also the next decision's first: a
 * token costs one step of topK rows. By reward, the engine is asked with the branches' texts, and the response waits.
 *
 * A score is log p(token) + weight * V (or reward): the log of p(token) e^(weight V), up to a constant, to which the
 * run's sampling is applied as it is to logits otherwise. Greedy takes its largest, and weight 0 leaves the model's own
 * topK.
 */
import { Sampler, type Candidates, type Context, type Decoded, type Model } from '../../native/llama.ts'
import { Branch } from './branch.ts'
import { DrawnResponse } from './drawn.ts'
import type { BranchesEvent, FinishedEvent, GenerationRequest, SearchInput, TokenEvent } from './messages/generate.ts'
import type { RenderedPrompt } from './prompt.ts'
import type { Strand } from './sequence.ts'

const greedy = { temperature: 0, topK: 0, topP: 1, minP: 0, seed: 0 }

interface Decision {
  id: number
  told: boolean
  rewards: (number | null)[] | null
}
let decisions = 0

export class SearchedResponse extends DrawnResponse {
  readonly #context: Context
  readonly #search: SearchInput
  readonly #topK: number
  readonly #chooser: Sampler
  /** of the branches: one a row */
  readonly #samplers: Sampler[]
  #branches: Branch[] = []
  #logProbabilities: Float32Array = new Float32Array()
  /** V of the state that the next token is chosen from */
  #value = NaN
  /** the output row that the first branches come from */
  #row = -1
  #decision: Decision | null = null

  constructor(model: Model, context: Context, request: GenerationRequest, search: SearchInput, prompt: RenderedPrompt, options: { deterministic: boolean }) {
    const topK = Math.min(search.topK, model.facts().vocabularySize)
    const ahead = search.by === 'value' ? 1 : Math.min(search.lookahead, request.maxTokens)
    // of its topK branches one is in its own cells as far as it is kept
    const further = { cells: ahead > 0 ? topK * ahead : 0, places: ahead > 0 ? topK - 1 : 0 }
    super(model, { ...request, sampling: greedy }, prompt, { ...options, states: false }, further)
    this.#context = context
    this.#search = search
    this.#topK = topK
    const draws = search.by === 'value' || search.draws
    this.#chooser = new Sampler({ ...request.sampling, seed: request.seed, ...(!draws && { temperature: 0 }) })
    this.#samplers = Array.from({ length: topK }, () => new Sampler(greedy))
  }

  override get strands(): Strand[] {
    if (this.#decision !== null) return []
    return this.#branches.length === 0 ? [this] : this.#branches.filter(({ through }) => !through)
  }

  /** It waits for an answer. */
  get asks(): boolean {
    return this.#decision !== null && this.#decision.rewards === null
  }

  /** Whether there is something for `advance` to do that no step has brought. */
  get answered(): boolean {
    return this.#decision !== null && this.#decision.rewards !== null
  }

  override problem(decoded: Decoded, row: number): string | null {
    const at = `${this.#branches.length > 0 ? 'a candidate for ' : ''}token ${this.length - this.promptLength + 1}`
    if (decoded.finite[row] === 0) return `the state of ${at} is not finite`
    if (this.control !== null && Number.isNaN(decoded.valueBefore[row])) return `the value of the state of ${at} is not finite`
    return (decoded.drawn[row] as number) < 0 ? `the logits of ${at} are not finite` : null
  }

  /** The state from which the first candidates come. */
  override take(decoded: Decoded, row: number): number {
    this.#row = row
    this.#value = decoded.valueBefore[row] ?? NaN
    return 0
  }

  /** @returns whether a decision of that number was waited for */
  answer(decision: number, rewards: (number | null)[]): boolean {
    if (this.#decision?.id !== decision || rewards.length !== this.#branches.length) return false
    this.#decision.rewards = rewards
    return true
  }

  /** Goes on from what the last step or an answer has brought; only between two steps. @returns tokens that it has more */
  advance(): number {
    let tokens = 0
    if (this.#decision !== null) {
      const { rewards } = this.#decision
      if (rewards === null) return 0
      this.#decision = null
      tokens = this.#follow(this.#choose(withMean(rewards)))
    } else if (this.#branches.length === 0) this.#branchOut(this.#context.candidates(this.#row, this.#topK))
    else if (this.#search.by === 'reward') for (const branch of this.#branches) branch.lookAround(this.#context, this.#search.keep, this.#topK)
    if (this.#branches.length === 0 || !this.#branches.every(({ through }) => through)) return tokens
    if (this.#search.by === 'value') return this.#follow(this.#choose(this.#branches.map(({ value }) => value)))
    this.#decision = { id: ++decisions, told: false, rewards: null }
    return tokens
  }

  override restart(): void {
    super.restart()
    this.#branches = []
    this.#decision = null
  }

  override *news(tokens: boolean): Generator<TokenEvent | FinishedEvent | BranchesEvent> {
    yield* super.news(tokens)
    const decision = this.#decision
    if (decision === null || decision.told) return
    decision.told = true
    yield { kind: 'branches', key: this.key, decision: decision.id, texts: this.#branches.map((branch) => this.#textOf(branch)) }
  }

  #branchOut({ tokens, logProbabilities }: Candidates): void {
    const left = this.promptLength + this.maxTokens - this.length
    const search = this.#search
    const settings = search.by === 'value' ? { most: 1, toLast: true } : { most: Math.min(search.lookahead + 1, left), toLast: false }
    this.#logProbabilities = logProbabilities
    this.#branches = Array.from(tokens, (token, i) => new Branch(this, this.prompt, this.model, token, this.#samplers[i] as Sampler, settings))
    const others = this.held.filter((place) => place !== this.place)
    for (const branch of this.#branches.filter(({ through }) => !through)) {
      const place = branch === this.#branches[0] ? this.place : (others.pop() as number)
      if (place !== this.place) this.#context.copySequence(this.place, place)
      branch.begin(place)
    }
  }

  /** By log p + weight * merit. Only differences matter: the best is 0, so that float32 holds them. */
  #choose(merits: number[]): Branch {
    const scores = merits.map((merit, i) => (this.#logProbabilities[i] as number) + this.#search.weight * merit)
    const best = Math.max(...scores)
    return this.#branches[this.#chooser.draw(Float32Array.from(scores, (score) => score - best))] as Branch
  }

  /** Its first tokens are the response's next ones; of its cells the response keeps theirs. */
  #follow(branch: Branch): number {
    const keep = this.#search.by === 'value' ? 1 : this.#search.keep
    const kept = branch.tokens.slice(0, keep)
    for (const token of kept) this.keep(token, NaN, this.#value, branch.value, 0)
    if (branch.place >= 0) this.place = branch.place
    this.position = Math.min(this.position + branch.decoded, this.length)
    for (const { place } of this.#branches) {
      if (place >= 0 && place !== this.place) this.#context.removeSequence(place)
    }
    if (branch.decoded > kept.length) this.#context.removeSequence(this.place, this.position)
    const next = this.#search.by === 'value' ? this.#context.candidates(branch.row, this.#topK) : branch.next
    this.#value = branch.value
    this.#branches = []
    if (!this.finished && next !== null && this.pending === 0) this.#branchOut(next)
    return kept.length
  }

  /** An unfinished character at the end is left out. */
  #textOf({ tokens }: Branch): string {
    const own = Array.from({ length: this.length - this.promptLength }, (_, i) => this.token(this.promptLength + i))
    const pieces = [...own, ...tokens].filter((token) => !this.model.isEndOfGeneration(token)).map((token) => this.model.piece(token))
    return new TextDecoder().decode(Buffer.concat(pieces), { stream: true })
  }
}

/** Those without a reward neither gain nor lose by it. */
function withMean(rewards: (number | null)[]): number[] {
  const known = rewards.filter((reward) => reward !== null)
  const mean = known.reduce((sum, reward) => sum + reward / known.length, 0)
  return rewards.map((reward) => reward ?? mean)
}
