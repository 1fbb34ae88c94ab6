/** The message contract of the model host: what the engine asks, what comes back while it works, what comes at the end. */
import type { Backend, Device, LoadedModel } from '../contract/device.ts'
import type { Message } from '../contract/data.ts'
import type { Sampling } from '../contract/shared.ts'
import type { Epoch } from '../contract/value.ts'
import type { Failure } from '../contract/errors.ts'

export interface Layer {
  /** (out, in), row-major */
  weight: Float32Array
  bias: Float32Array
}

/** An MLP with ReLU that takes raw states. */
export interface Network {
  inputDim: number
  layers: Layer[]
}

/** What a backend has here. */
export interface OpenOutput {
  /** whether its libraries are open now: this process can then open no other backend */
  open: boolean
  /** graphics processors */
  gpus: Device[]
  /** the processor, as the open backend's folder has it; null where nothing is open */
  cpu: Device | null
  /** why there is none that can be used; null when there is one, and for the backend cpu */
  problem: string | null
}

export interface LoadInput {
  file: string
  sha256: string
  /** tokens that all sequences share */
  contextTokens: number
  sequences: number
  /** of one step: those of the running responses, and as much of new prompts as there is room for; null: measured */
  batchTokens: number | null
  /** null: measured */
  threads: number | null
  /** on the GPUs of the open backend, from the last layer on, the output head counted as one */
  gpuLayers: number
  /** It writes text, unless it is to give a text's logits by the classification head of its file, or by this one, or a text's embedding. */
  scores?: 'own-head' | Head | 'embedding'
}

/** logits = W h + b of the state of a text's last token */
export interface Head {
  /** (labels, D), row-major */
  weight: Float32Array
  /** (labels) */
  bias: Float32Array
}

/** The engine knows the rest: why this device, and what else there is. */
export type HostModel = Omit<LoadedModel, 'backend' | 'reason' | 'candidates'> & { stateSize: number }

/**
 * What a prompt is before it is tokens: a conversation for the chat template, or the text as it stands. A conversation
 * that is `whole` ends with its last turn; otherwise the assistant's turn is begun.
 */
export type Prompt = { messages: Message[]; whole?: boolean } | { text: string }

export interface RenderOutput {
  /** as the model gets it, special tokens as text */
  text: string
  tokens: number
  /** whether the model's own chat template was applied */
  templated: boolean
}

export interface ScoreInput {
  requests: { key: number; prompt: Prompt }[]
}

export interface ScoredEvent {
  kind: 'scored'
  key: number
  /** raw, one a label */
  logits: Float32Array
}

export interface EmbedInput {
  requests: { key: number; text: string }[]
}

export interface EmbeddedEvent {
  kind: 'embedded'
  key: number
  /** not normalised */
  embedding: Float32Array
  /** whether the text was longer than the model takes */
  cut: boolean
}

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

/** A response that is there already, to be measured by the probabilities of its tokens. */
export interface LikelihoodRequest {
  key: number
  /** of the base model: the conversation without any method */
  prompt: Prompt
  /** its tokens; of a text the tokens without an end token, as nobody knows whether it was cut */
  response: Int32Array | string
  /** What a method makes of the base: its own prompt, its edit of the states. null: nothing to compare with */
  own: { prompt: Prompt; control: ControlInput | null } | null
  /** whether its states and the most probable tokens are wanted too */
  closely?: boolean
  /** whether the change of every token's logit from the base to the method is wanted too */
  changes?: boolean
}

export interface LikelihoodInput {
  /** each is read by itself: its figures do not depend on what else there is */
  requests: LikelihoodRequest[]
}

/** In nats, one number a token of the response, over the whole vocabulary at temperature 1. */
export interface LikelihoodEvent {
  kind: 'likelihood'
  key: number
  tokens: Int32Array
  /** log of the token's probability under the base model, and under the method; null without one */
  base: Float64Array
  own: Float64Array | null
  /** KL(method || base) after the tokens before this one */
  divergence: Float64Array | null
  /** of the method's distribution, or else of the base's */
  entropy: Float64Array
  /** null unless asked for */
  closely: {
    /** the most probable token in each token's place, by the base model and by the method; null without one */
    baseTop: TopToken[]
    ownTop: TopToken[] | null
    /** (tokens, D) float16: what the method's tokens were drawn from before any edit; without a method the base's */
    states: Uint16Array
  } | null
  /** null unless asked for */
  changes: LogitChanges | null
}

/**
 * Logits under the method - logits under the base, less the mean of that over the vocabulary, which the softmax does not
 * see: a sum and a sum of squares over the states of a response, one a token of the vocabulary.
 */
export interface LogitChanges {
  sum: Float64Array
  squares: Float64Array
}

export interface TopToken {
  token: number
  /** special tokens as text; bytes that are no whole letter as \xE2 */
  text: string
  probability: number
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

export type PrefillEvent = FinishedEvent | SkippedEvent | ProgressEvent
export type GenerateEvent = TokenEvent | PrefillEvent

/** The request cannot be run (its prompt is too long, a state is not finite); the others go on. */
export interface SkippedEvent {
  kind: 'skipped'
  key: number
  reason: string
}

export interface TrainInput {
  network: { inputDim: number; hiddenDims: number[] }
  objective: 'semi-gradient' | 'full-gradient' | 'td-lambda' | 'as-published' | 'pref-ctrl'
  /** of td-lambda */
  lambda?: number
  /** of pref-ctrl */
  marginWeight?: number
  regulariserWeight?: number
  learningRate: number
  weightDecay: number
  /** null: the gradient is never clipped */
  clipNorm: number | null
  warmupSteps: number
  batchStates: number
  epochs: number
  patience: number
  standardise: boolean
  seed: number
  /** Rewards are standardised by the engine. A pair names two answers by their indices in this list. */
  trajectories: (TrainedResponse | (StoredStates & { answer: true }))[]
  /** null: from the beginning */
  checkpoint: TrainCheckpoint | null
  /** Keep the weights of each best epoch, or of every so many epochs, for `train.snapshot`; 0: of none. */
  snapshots?: 'best' | number
  /** Hand out a checkpoint at the end, too, from which the same training ends at once. */
  checkpointAtEnd?: boolean
}

export interface TrainedResponse extends StoredStates {
  reward: number
  validation: boolean
  pair?: { preferred: number; dispreferred: number }
}

/** States in a shard file: float16, row-major. */
export interface StoredStates {
  file: string
  /** in bytes */
  offset: number
  /** of states */
  count: number
}

export interface BestEpoch {
  epoch: number
  /** its return error; the training loss where nothing validates */
  error: number
  /** taking raw states */
  layers: Layer[]
  /** V at the last token of every trajectory */
  predicted: Float32Array
}

/** What a training goes on from, to the bit, after its process has ended. */
export interface TrainCheckpoint {
  /** of the native trainer, with a checksum of its own */
  trainer: Uint8Array
  curve: Epoch[]
  best: BestEpoch | null
}

export interface EpochEvent extends Epoch {
  kind: 'epoch'
}

/** Every ten seconds, and when the training is stopped. */
export interface CheckpointEvent {
  kind: 'checkpoint'
  checkpoint: TrainCheckpoint
}

/** The checkpoint could not be used, or the GPU not train: the training starts over. The epochs of a checkpoint that it still has follow. */
export interface StartedOverEvent {
  kind: 'started-over'
  reason: string
}

export type TrainEvent = EpochEvent | CheckpointEvent | StartedOverEvent

export interface TrainOutput {
  /** the device, as ggml calls it; 'CPU' is the trainer's own code */
  trainedOn: string
  best: BestEpoch
  scale: number
  curve: Epoch[]
  /** why the training could not go on after its last epoch; null when it went to its end */
  failure: string | null
}

export interface MeanGradient {
  /** (D) */
  gradient: Float64Array
  /** (D) */
  state: Float64Array
  gradientLength: number
  stateLength: number
}

/** Every request of the host: input, output, and the events that come before the output. */
export interface HostMethods {
  open: { input: { backend: Backend }; output: OpenOutput; event: never }
  /** on the backend that is open, or on the processor */
  load: { input: LoadInput; output: HostModel; event: never }
  render: { input: { prompt: Prompt }; output: RenderOutput; event: never }
  /** the same by the vocabulary of a file, of which nothing else is loaded */
  'render.file': { input: { file: string; prompt: Prompt }; output: RenderOutput; event: never }
  /** one text at a time: a text's logits do not depend on what else is scored */
  score: { input: ScoreInput; output: null; event: ScoredEvent | SkippedEvent }
  embed: { input: EmbedInput; output: null; event: EmbeddedEvent | SkippedEvent }
  'network.set': { input: { name: string; network: Network }; output: null; event: never }
  /** What has a name keeps it: another adapter takes another name. */
  'adapter.set': { input: { name: string; adapter: Adapter }; output: null; event: never }
  generate: { input: GenerateInput; output: Totals; event: GenerateEvent | BranchesEvent }
  /** What a `branches` event asks for, while its `generate` runs; nothing when that has ended. */
  choose: { input: ChooseInput; output: null; event: never }
  prefill: { input: PrefillInput; output: Totals; event: PrefillEvent }
  likelihood: { input: LikelihoodInput; output: Totals; event: LikelihoodEvent | SkippedEvent | ProgressEvent }
  train: { input: TrainInput; output: TrainOutput; event: TrainEvent }
  /**
   * Makes the last weights that the running training kept for this known under a name, as `network.set` does: after the
   * epoch that is told. null where there are none that were not asked for before.
   */
  'train.snapshot': { input: { name: string }; output: { epoch: number; scale: number } | null; event: never }
  /** V of all the states one after another, by each network. No model need be loaded for this and the next two. */
  values: { input: { networks: Network[]; states: StoredStates[] }; output: Float32Array[]; event: never }
  /** the mean over all the states of dV/dh, and of the states themselves; of their lengths |dV/dh| and |h|, too */
  'gradient.mean': { input: { network: Network; states: StoredStates[] }; output: MeanGradient; event: never }
  /** each token by itself, by the vocabulary of the loaded model; bytes that are no whole letter as \xE2 */
  'token.texts': { input: { tokens: Int32Array }; output: string[]; event: never }
  /** the text of each token by the vocabulary of a file; a letter of several tokens is the last one's */
  pieces: { input: { file: string; responses: Int32Array[] }; output: string[][]; event: never }
}

export type HostMethod = keyof HostMethods

export type ToHost = { [M in HostMethod]: { id: number; method: M; input: HostMethods[M]['input'] } }[HostMethod] | { id: number; cancel: true }

export type FromHost =
  | { id: number; output: unknown }
  | { id: number; failure: Failure }
  | { id: number; event: HostMethods[HostMethod]['event'] }
