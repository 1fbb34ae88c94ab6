/** The training of value functions: typed wrapper over the addon's trainer. */
import { addon } from './load.ts'
import type { Layer } from './value-function.ts'

export interface TrainerConfig {
  inputDim: number
  /** none (a linear V), one or two widths */
  hiddenDims: number[]
  /**
   * 'semi-gradient' is the paper's loss; 'full-gradient' also differentiates V(h_t+1). 'td-lambda' draws V(h_t) to the
   * lambda-return, (1 - lambda) V(h_t+1) + lambda times that of t+1. 'as-published' is what the paper's public code does:
   * the full gradient, with the reward at the first token instead of the last. 'pref-ctrl' (arXiv:2604.23543) adds to the
   * semi-gradient's sum of each response with a `pair`, V+ and V- being V at the last tokens of its preferred and its
   * dispreferred answer and V_gen at its own: marginWeight (-log sigmoid(V+ - V-)) + regulariserWeight (V_gen - V+)^2, all
   * in the units of the rewards as they are given. The last three train on the processor.
   */
  objective: 'semi-gradient' | 'full-gradient' | 'td-lambda' | 'as-published' | 'pref-ctrl'
  /** of td-lambda: 0 is the semi-gradient, 1 Monte Carlo */
  lambda?: number
  /** of pref-ctrl; 1 unless given */
  marginWeight?: number
  regulariserWeight?: number
  learningRate: number
  /** Decoupled (AdamW), of the weights and not the biases: w -= learningRate weightDecay w at each step; 0 unless given. */
  weightDecay?: number
  /** The gradient of all parameters together is scaled down to this length; null or left out: never. */
  clipNorm?: number | null
  /** Over the first so many steps the learning rate rises linearly to its full value; 0 unless given. */
  warmupSteps?: number
  /** Whole trajectories are packed into a batch up to this many states; a longer one is a batch of its own. */
  batchStates: number
  /** 0 to 2^53 - 1; fixes the initial weights and the order of the trajectories */
  seed: number
  threads: number
  /**
   * The device of ggml that the network is on, as in `openLibraries(...).devices`; null or left out: the processor, by
   * the trainer's own code. The curve is the same up to rounding, which is coarser where a device has matrix units.
   */
  device?: string | null
  /** Train on (h - mean) / scale instead of h. */
  standardise: boolean
  /** The value function to start from, on raw states; otherwise nn.Linear's default initialisation. */
  initialLayers?: Layer[]
}

/**
 * One response: its reward and its states, in memory or in a file, little-endian and row-major. Or an answer of a pair,
 * which is only trained on by way of the responses whose `pair` has its index in the list.
 */
export type Trajectory = ({ reward: number; validation: boolean; pair?: { preferred: number; dispreferred: number } } | { answer: true }) & (
  | { states: Float32Array }
  | {
      file: string
      /** IEEE half precision, unless this says bfloat16 */
      dtype?: 'f16' | 'bf16'
      /** in bytes */
      offset: number
      /** number of states */
      count: number
    }
)

/** Losses are means over states, without what an objective adds for pairs; the training loss is the one met before each batch's step. */
export interface EpochResult {
  trainLoss: number
  /** NaN without validation trajectories */
  validationLoss: number
  /** Mean of (V(h_t) - r)^2 over all validation states, r the reward of the state's trajectory; NaN without any */
  returnError: number
  /** Pearson, of V(h_T) with the reward over the validation trajectories; 0 where undefined */
  correlation: number
  /** training states seen */
  states: number
}

/**
 * Begins with `prepare` or `restore`. Promises settle when a worker thread is done; until then only `cancel` may be
 * called. Every promise rejects with an Error whose `code` is 'cancelled' after `cancel`, with one whose `code` is
 * 'unreadable' and that names file and trajectory when states cannot be read, and with one whose `code` is
 * 'device-failed' when the device is not there, lacks memory or an operation, or fails.
 */
export interface Trainer {
  /** of the training states, per dimension; zeros unless standardised */
  readonly mean: Float32Array
  /** one common scale c of all dimensions; 1 unless standardised */
  readonly scale: number
  /** Reads every state once; rejects for one that is not finite, naming trajectory and token. */
  prepare(): Promise<void>
  /**
   * One pass over the training trajectories, then the validation. Rejects with an Error whose `code` is 'not-finite'
   * and that names epoch, batch and layer when the loss or the gradient is not finite.
   */
  epoch(): Promise<EpochResult>
  /** Stops what runs at its next batch. The steps already taken stay, and the next epoch() goes on in the same epoch. */
  cancel(): void
  /** The value function so far, for raw states: mean and scale are folded in. */
  layers(): Layer[]
  /** V(h_T) of every trajectory, in the order given */
  predict(): Promise<Float32Array>
  /** All that the training goes on from, in the middle of an epoch too. */
  save(): Uint8Array
  /**
   * Goes on, to the bit on the processor, from what a trainer of the same configuration and trajectories has saved,
   * on whichever device.
   * Throws an Error for bytes that are damaged or of another training, and changes nothing then; its `code` is
   * 'device-failed' where that is the reason.
   */
  restore(saved: Uint8Array): void
}

interface NativeClasses {
  /**
   * Opens the files; nothing is read yet. Throws a TypeError or RangeError for a bad argument or a reward that is not
   * finite, an Error for a file that cannot be opened or is too short.
   */
  Trainer: new (config: TrainerConfig, trajectories: Trajectory[]) => Trainer
}

export const { Trainer } = addon as unknown as NativeClasses
