/** Value functions: typed wrapper over the addon's numeric side. */
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
  /** V of each state, (rows); NaN for a state that is not finite */
  values(states: Float32Array): Float32Array
  /** dV/dh of each state, (rows, inputDim) */
  gradients(states: Float32Array): Float32Array
  /**
   * What the first ascent would do first: W1 W1^T, 0.15 s for 2048 units; for one of ggml's devices other than the
   * processor, all that states in its memory are edited with. Throws an Error for a device that is not there.
   */
  prepare(device: string | null): void
  /** Gradient ascent on a copy of the states, on the processor. A state that is not finite, or whose ascent is not, stays as it is. */
  ascend(states: Float32Array, options: AscentOptions): Ascent
  /** The same by explicit gradient steps: slow, the oracle for tests. */
  ascendExplicit(states: Float32Array, options: AscentOptions): Ascent
}

interface NativeClasses {
  /** Throws a TypeError or RangeError that says which shape or number is wrong. */
  ValueFunction: new (config: ValueFunctionConfig) => ValueFunction
}

export const { ValueFunction } = addon as unknown as NativeClasses
