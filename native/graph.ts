/** Value functions on any of ggml's devices: typed wrapper over the addon's graphs. The libraries must be open. */
import { addon } from './load.ts'
import type { Layer, TrainerConfig } from './value-function.ts'

export interface GraphValueFunctionConfig {
  inputDim: number
  /** One or two hidden layers with ReLU, then the output layer with one output; all on raw states h. */
  layers: Layer[]
  /** as in `openLibraries(...).devices`, e.g. 'CPU', 'CUDA0', 'Vulkan0' */
  device: string
}

export interface GraphAscentOptions {
  /** alpha, in units of the raw state: h += stepSize * dV/dh, and with a target 2 (target - V(h)) times that */
  stepSize: number
  /** 0 to 1000 */
  updates: number
  target?: number
  /** A row stops for good once |V(h) - target| is at most this; default 0. */
  tolerance?: number
  /** |Delta h| is at most this fraction of |h|; default: no limit. */
  maxEdit?: number
  /** the rows to edit; default all */
  rows?: Int32Array
}

export interface GraphAscent {
  /** all of them, also the rows that were not named */
  states: Float32Array
  /** V and |Delta h| / |h| of the named rows, in their order */
  valueBefore: Float32Array
  valueAfter: Float32Array
  edits: Float32Array
}

export interface GraphValueFunction {
  /** Ascent on a copy of the states (rows, inputDim), in the device's memory. */
  ascend(states: Float32Array, options: GraphAscentOptions): GraphAscent
}

/** Whole trajectories, one state a row. */
export interface TrainingBatch {
  /** (rows, inputDim) */
  input: Float32Array
  /** the row of the trajectory's next state; -1 at its last */
  next: Int32Array
  /** of the row's trajectory */
  reward: Float32Array
  trajectories: number
}

export interface StepSettings {
  learningRate: number
  /** Decoupled, of the weights only: value -= learningRate weightDecay value. */
  weightDecay: number
  /** The gradient of all parameters is scaled down to this length; default: never. */
  clipNorm?: number
}

export interface StepResult {
  /** Sum of the squared Bellman errors of the batch, as met before the step. */
  squaredErrors: number
  /** before clipping */
  gradientNorm: number
}

/** All of Adam, layer by layer, weight then bias. */
export interface OptimiserState {
  value: Float32Array[]
  firstMoment: Float32Array[]
  secondMoment: Float32Array[]
  steps: number
}

/** A value function in training on a device. */
export interface GraphNetwork {
  /** V of each state, (rows) */
  values(input: Float32Array): Float32Array
  /** One step of Adam along the gradient of the squared Bellman errors over the number of trajectories. */
  step(batch: TrainingBatch, settings: StepSettings): StepResult
  state(): OptimiserState
  /** Throws a RangeError for the state of another network. */
  restore(state: OptimiserState): void
}

interface NativeClasses {
  /**
   * Throws a TypeError or RangeError that says which shape, number or name is wrong, an Error when the device lacks
   * an operation or memory; so do the methods.
   */
  GraphValueFunction: new (config: GraphValueFunctionConfig) => GraphValueFunction
  GraphNetwork: new (config: GraphValueFunctionConfig & Pick<TrainerConfig, 'objective'>) => GraphNetwork
}

export const { GraphValueFunction, GraphNetwork } = addon as unknown as NativeClasses
