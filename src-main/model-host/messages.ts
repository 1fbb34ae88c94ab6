/** The message contract of the model host: what the engine asks, what comes back while it works, what comes at the end. */
import type { Backend, Device, LoadedModel } from '../contract/device.ts'
import type { Epoch, Message, Sampling } from '../contract/entities.ts'
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
}

/** The engine knows the rest: why this device, and what else there is. */
export type HostModel = Omit<LoadedModel, 'backend' | 'reason' | 'candidates'> & { stateSize: number }

/** What a prompt is before it is tokens: a conversation for the chat template, or the text as it stands. */
export type Prompt = { messages: Message[] } | { text: string }

export interface ControlInput {
  /** set by `network.set` before */
  network: number
  /** in units of the raw state: alpha c^2 */
  stepSize: number
  updates: number
}

export interface GenerationRequest {
  /** the caller's own number for it */
  key: number
  prompt: Prompt
  sampling: Sampling
  seed: number
  maxTokens: number
  control: ControlInput | null
}

export interface GenerateInput {
  requests: GenerationRequest[]
  /** how many of these run at once */
  parallel: number
  /** hand out the states of finished responses */
  states: boolean
  /** hand out every token as it comes */
  tokens: boolean
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
  /** wall time from its first to its last step, shared with what ran beside it */
  seconds: number
}

/** How far a call is, a few times a second. */
export interface ProgressEvent {
  kind: 'progress'
  /** drawn since the call began */
  tokens: number
  /** what the running responses have of theirs, as a number of whole responses */
  partial: number
}

export type GenerateEvent = TokenEvent | FinishedEvent | SkippedEvent | ProgressEvent

/** The request cannot be run (its prompt is too long, say); the others go on. */
export interface SkippedEvent {
  kind: 'skipped'
  key: number
  reason: string
}

export interface TrainInput {
  network: { inputDim: number; hiddenDims: number[] }
  objective: 'semi-gradient' | 'full-gradient'
  learningRate: number
  batchStates: number
  epochs: number
  patience: number
  standardise: boolean
  seed: number
  /** rewards are standardised by the engine; states are float16, row-major, in shard files */
  trajectories: { file: string; offset: number; count: number; reward: number; validation: boolean }[]
}

export interface EpochEvent extends Epoch {
  kind: 'epoch'
}

export interface TrainOutput {
  /** of the best epoch, taking raw states */
  layers: Layer[]
  scale: number
  bestEpoch: number
  curve: Epoch[]
  /** V at the last token of every trajectory, by the best epoch */
  predicted: Float32Array
}

/** Every request of the host: input, output, and the events that come before the output. */
export interface HostMethods {
  open: { input: { backend: Backend }; output: OpenOutput; event: never }
  /** on the backend that is open, or on the processor */
  load: { input: LoadInput; output: HostModel; event: never }
  render: { input: { prompt: Prompt }; output: { text: string; tokens: number }; event: never }
  'network.set': { input: { id: number; network: Network }; output: null; event: never }
  generate: { input: GenerateInput; output: { steps: number; tokens: number; seconds: number }; event: GenerateEvent }
  train: { input: TrainInput; output: TrainOutput; event: EpochEvent }
}

export type HostMethod = keyof HostMethods

export type ToHost = { [M in HostMethod]: { id: number; method: M; input: HostMethods[M]['input'] } }[HostMethod] | { id: number; cancel: true }

export type FromHost =
  | { id: number; output: unknown }
  | { id: number; failure: Failure }
  | { id: number; event: HostMethods[HostMethod]['event'] }
