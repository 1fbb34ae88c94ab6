/** Value functions as they are in use: trained on the model's own states, with a step size that edits them noticeably. */
import { mean, standardDeviation } from 'simple-statistics'
import { Trainer } from '../../native/trainer.ts'
import { ValueFunction, type Layer } from '../../native/value-function.ts'
import { normals, seededRandom } from '../fixtures/random.ts'
import type { Response } from './responses.ts'
import type { Subject } from './subject.ts'

const epochs = 4
/** |Delta h| / |h|, about what a clear effect takes */
const wantedEdit = 0.4
/** states that the step size is chosen with */
const triedStates = 4

export interface TrainedNetwork {
  hidden: number[]
  layers: Layer[]
  valueFunction: ValueFunction
  /** so that 30 updates give the wanted edit on average, in units of the raw state; n updates take 30/n of it each */
  stepSize30: number
}

/**
 * The reward is the response's mean state along a fixed random direction: smooth, and there to be learnt. Random
 * weights alone would not do: their units' signs flip as no trained network's do.
 */
export async function trainNetwork(subject: Subject, responses: readonly Response[], hidden: number[]): Promise<TrainedNetwork> {
  const D = subject.facts.stateSize
  const direction = normals(seededRandom(1), D, 1)
  const sums = responses.map(({ states }) => states.reduce((sum, x, i) => sum + x * (direction[i % D] as number), 0) / (states.length / D))
  const [centre, scale] = [mean(sums), standardDeviation(sums) || 1]
  const trainer = new Trainer(
    { inputDim: D, hiddenDims: hidden, objective: 'semi-gradient', learningRate: 1e-3, batchStates: 128, seed: 1, threads: subject.threads, standardise: true },
    responses.map(({ states }, i) => ({ states, reward: ((sums[i] as number) - centre) / scale, validation: false }))
  )
  await trainer.prepare()
  for (let epoch = 0; epoch < epochs; epoch++) await trainer.epoch()
  const layers = trainer.layers()
  const valueFunction = new ValueFunction({ inputDim: D, layers })
  const tried = Float32Array.from(responses.slice(0, triedStates).flatMap(({ states }) => [...states.subarray(-D)]))
  return { hidden, layers, valueFunction, stepSize30: chooseStepSize(valueFunction, tried, 30) }
}

/** @returns the step size with which `updates` steps move these states by the wanted part of their length, on average */
function chooseStepSize(valueFunction: ValueFunction, states: Float32Array, updates: number): number {
  let stepSize = wantedEdit / updates / relativeLength(valueFunction.gradients(states), states, valueFunction.inputDim)
  for (let attempt = 0; attempt < 8; attempt++) {
    const after = valueFunction.ascend(states, { stepSize, updates }).states
    const edit = relativeLength(after.map((x, i) => x - (states[i] as number)), states, valueFunction.inputDim)
    if (Math.abs(edit / wantedEdit - 1) < 0.05) break
    stepSize *= Number.isFinite(edit) && edit > 0 ? Math.min(4, Math.max(0.25, wantedEdit / edit)) : 0.25
  }
  return stepSize
}

/** Mean over rows of |change| / |states|; both (rows, D). */
export function relativeLength(changes: Float32Array, states: Float32Array, D: number): number {
  const length = (values: Float32Array, row: number): number => Math.hypot(...values.subarray(row * D, (row + 1) * D))
  return mean(Array.from({ length: states.length / D }, (_, row) => length(changes, row) / length(states, row)))
}

export function describeNetwork(hidden: readonly number[]): string {
  return hidden.length === 1 ? `one hidden layer, H = ${hidden[0]}` : `two hidden layers, H = ${hidden.join(' + ')}`
}
