/** Value functions and their training: typed wrapper over the addon's numeric side. */
import { addon } from './load.ts'

/** y = weight x + bias; weight (outputs, inputs) row-major, bias (outputs). */
export interface Layer {
  weight: Float32Array
  bias: Float32Array
}

export interface ValueFunctionConfig {
  inputDim: number
  /** One or two hidden layers with ReLU, then the output layer with one output; all on raw states h. */
  layers: Layer[]
}

export interface AscentOptions {
  /** alpha, in units of the raw state: h += stepSize * dV/dh */
  stepSize: number
  updates: number
  /** Steer to this value instead of upwards: h += 2 stepSize (target - V(h)) dV/dh, until within `tolerance` of it. */
  target?: number | null
  /** in units of V; 0 unless given */
  tolerance?: number
  /** Trust region: after each update |Delta h| is scaled back to at most this fraction of |h|. */
  maxEdit?: number | null
}

export interface Ascent {
  states: Float32Array
  valueBefore: Float32Array
  valueAfter: Float32Array
  /** |Delta h| / |h| of each state */
  edits: Float32Array
}

/**
 * V(h), immutable. `states` always holds whole states one after the other, (rows, inputDim).
 * Every method throws a TypeError for an argument of a wrong type and a RangeError for a wrong length or number.
 */
export interface ValueFunction {
  readonly inputDim: number
  /** V of each state, (rows) */
  values(states: Float32Array): Float32Array
  /** dV/dh of each state, (rows, inputDim) */
  gradients(states: Float32Array): Float32Array
  /** Gradient ascent on a copy of the states. The first call also prepares W1 W1^T: 0.15 s for 2048 units. */
  ascend(states: Float32Array, options: AscentOptions): Ascent
  /** The same by explicit gradient steps: slow, the oracle for tests. */
  ascendExplicit(states: Float32Array, options: AscentOptions): Ascent
}

export interface TrainerConfig {
  inputDim: number
  /** one or two widths */
  hiddenDims: number[]
  /** 'semi-gradient' is the paper's loss; 'full-gradient' also differentiates V(h_t+1), as its published code does */
  objective: 'semi-gradient' | 'full-gradient'
  learningRate: number
  /** Whole trajectories are packed into a batch up to this many states; a longer one is a batch of its own. */
  batchStates: number
  /** 0 to 2^53 - 1; fixes the initial weights and the order of the trajectories */
  seed: number
  threads: number
  /** Train on (h - mean) / scale instead of h. */
  standardise: boolean
  /** The value function to start from, on raw states; otherwise nn.Linear's default initialisation. */
  initialLayers?: Layer[]
}

/** One response: its reward and its states, in memory or as float16 (little-endian, row-major) in a file. */
export type Trajectory = { reward: number; validation: boolean } & (
  | { states: Float32Array }
  | {
      file: string
      /** in bytes */
      offset: number
      /** number of states */
      count: number
    }
)

/** Losses are means over states; the training loss is the one met before each batch's step. */
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

export interface Trainer {
  /** of the training states, per dimension; zeros unless standardised */
  readonly mean: Float32Array
  /** one common scale c of all dimensions; 1 unless standardised */
  readonly scale: number
  /**
   * One pass over the training trajectories off this thread, then the validation. Rejects with an Error when the
   * loss is not finite, and with one whose `code` is 'cancelled' after cancel(). Throws while another epoch runs.
   */
  epoch(): Promise<EpochResult>
  /** Stops the running epoch at its next batch; the steps already taken stay. */
  cancel(): void
  /** The value function so far, for raw states: mean and scale are folded in. Throws while an epoch runs. */
  layers(): Layer[]
  /** V(h_T) of every trajectory, in the order given. Throws while an epoch runs. */
  predict(): Float32Array
}

interface NativeClasses {
  /** Throws a TypeError or RangeError that says which shape or number is wrong. */
  ValueFunction: new (config: ValueFunctionConfig) => ValueFunction
  /**
   * Maps the files and reads every state once, on this thread. Throws a TypeError or RangeError for a bad argument,
   * a reward or a state that is not finite (naming trajectory and token), an Error for an unreadable or short file.
   */
  Trainer: new (config: TrainerConfig, trajectories: Trajectory[]) => Trainer
}

export const { ValueFunction, Trainer } = addon as unknown as NativeClasses
