/** Responses that are drawn, or read for their states: what is asked, and the events while they come. */
import type { Sampling } from '../../contract/shared.ts'
import type { Prompt } from './model.ts'

export interface ControlInput {
  /** set by `network.set` before */
  network: string
  /** in units of the raw state: alpha c^2 */
  stepSize: number
  updates: number
  /** V to steer to, within `tolerance`; null: upwards */
  target: number | null
  tolerance: number
  /** |Delta h| is at most this fraction of |h|; null: no bound */
  maxEdit: number | null
}

/** Picks a response's tokens among the most probable ones by what they lead to: by log p + weight * (a value or a reward). */
export type SearchInput = {
  /** tokens that compete at each step */
  topK: number
  weight: number
} & (
  /** V of the state that the token leads to; the request's control names V, and edits nothing */
  | { by: 'value' }
  | {
      /** the text with the token and so many more, each the most probable one, as `choose` judges it */
      by: 'reward'
      lookahead: number
      /** tokens that a choice keeps, of the chosen one and those looked ahead */
      keep: number
      /** whether the run's sampling draws from the scores; otherwise the best is taken, as in a greedy run */
      draws: boolean
    }
)

/** What changes the whole model: everything that runs at once has the same one. Its file was checked against the model. */
export type Adapter =
  /** @property version tells a file that was changed from what it was */
  | { kind: 'lora'; file: string; version: string; scale: number }
  /** (layers - 1, D): added to the output of each layer from the second on */
  | { kind: 'control-vector'; data: Float32Array }

export interface GenerationRequest {
  /** the caller's own number for it */
  key: number
  prompt: Prompt
  sampling: Sampling
  seed: number
  maxTokens: number
  control: ControlInput | null
  search?: SearchInput | null
  /** set by `adapter.set` before; without one the model is as it is */
  adapter?: string | null
}

export interface GenerateInput {
  requests: GenerationRequest[]
  /** how many of these run at once */
  parallel: number
  /** hand out the states of finished responses */
  states: boolean
  /** hand out every token as it comes */
  tokens: boolean
  /** Each response is decoded by itself, so that its tokens and states do not depend on what runs beside it. */
  deterministic: boolean
  /** Of the local server: such calls are served in the order of their arrival, and share evenly with all others. */
  served?: boolean
}

/** A response that is there already, to be read by the model for its states. */
export interface PrefillRequest {
  key: number
  prompt: Prompt
  response: string
  /** more are cut off */
  maxTokens: number
}

export interface PrefillInput {
  requests: PrefillRequest[]
  deterministic: boolean
}

/** What a call came to. */
export interface Totals {
  steps: number
  /** of responses: drawn, or read with their states */
  tokens: number
  /** of prompts that were decoded, and that were taken over from another sequence */
  promptTokens: number
  sharedTokens: number
  seconds: number
}

export interface TokenEvent {
  kind: 'token'
  key: number
  token: number
  text: string
  valueBefore: number | null
  valueAfter: number | null
  edit: number | null
}

export interface FinishedEvent {
  kind: 'finished'
  key: number
  /** as the model got it, special tokens as text */
  promptText: string
  promptTokens: number
  text: string
  tokens: Int32Array
  finish: 'end' | 'length'
  /** (tokens, D) float16 before any edit; null unless asked for */
  states: Uint16Array | null
  /** one a token; empty without control */
  valueBefore: Float32Array
  valueAfter: Float32Array
  /** |Delta h| / |h| */
  edits: Float32Array
  /**
   * log probability of each drawn token in nats, of the distribution that it was drawn from before the sampler cut or
   * sharpened it: whole vocabulary, temperature 1; NaN where a search chose it; empty where the response was given
   */
  logProbabilities: Float32Array
  /** wall time from its first to its last step, shared with what ran beside it */
  seconds: number
}

/** A response waits for `choose`: its text up to here as it would be on each of its branches. */
export interface BranchesEvent {
  kind: 'branches'
  key: number
  /** no two of a process have the same */
  decision: number
  texts: string[]
}

export interface ChooseInput {
  decision: number
  /** of each branch; one without a reward counts as the mean of the others */
  rewards: (number | null)[]
}

/** How far a call is, a few times a second. */
export interface ProgressEvent {
  kind: 'progress'
  /** drawn since the call began */
  tokens: number
  /** what the running responses have of theirs, as a number of whole responses */
  partial: number
}

/** The request cannot be run (its prompt is too long, a state is not finite); the others go on. */
export interface SkippedEvent {
  kind: 'skipped'
  key: number
  reason: string
}

export type PrefillEvent = FinishedEvent | SkippedEvent | ProgressEvent

export type GenerateEvent = TokenEvent | PrefillEvent
