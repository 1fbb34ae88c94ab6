/** Value functions: their weights, their training, and what it goes on from. */
import type { Epoch } from '../../contract/value.ts'

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

/** States in a shard file: float16, row-major. */
export interface StoredStates {
  file: string
  /** in bytes */
  offset: number
  /** of states */
  count: number
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
