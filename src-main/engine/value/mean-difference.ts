/**
 * A value function without training: V(h) = a (u . h) + b along the difference u of the mean states of responses with
 * rewards above and below the median. a and b are the least squares of the reward at every token.
 */
import { setImmediate as breathe } from 'node:timers/promises'
import { median } from 'simple-statistics'
import type { Epoch } from '../../contract/value.ts'
import { StudioError } from '../../contract/errors.ts'
import type { Layer } from '../../model-host/messages/train.ts'
import type { LabelledStates } from '../project/responses.ts'
import { StateReader } from '../project/state-reader.ts'
import { epochFigures } from './epoch-figures.ts'

/** A linear V that no training has made. */
export interface LinearValue {
  layers: Layer[]
  /** V at the last token of each trajectory, in standardised rewards */
  predicted: Float32Array
  /** the figures that an epoch of a training has */
  epoch: Epoch
  /** c: the root mean variance of the training states' numbers */
  scale: number
}

/** @param rewards standardised, one a trajectory @throws StudioError where no reward is above or below the median */
export async function meanDifference(directory: string, inputDim: number, trajectories: LabelledStates[], rewards: number[], validation: boolean[], signal: AbortSignal): Promise<LinearValue> {
  const middle = median(rewards.filter((_, i) => !validation[i]))
  const sums = { above: new Float64Array(inputDim), below: new Float64Array(inputDim) }
  const counts = { above: 0, below: 0 }
  const total = new Float64Array(inputDim)
  let squares = 0
  let n = 0
  await eachResponse(directory, inputDim, trajectories, signal, (states, i) => {
    const reward = rewards[i] as number
    if (validation[i] === true) return
    const mine = new Float64Array(inputDim)
    for (let at = 0; at < states.length; at++) {
      const x = states[at] as number
      mine[at % inputDim]! += x
      squares += x * x
    }
    n += states.length / inputDim
    add(total, mine)
    if (reward === middle) return
    const side = reward > middle ? 'above' : 'below'
    add(sums[side], mine)
    counts[side] += states.length / inputDim
  })
  if (counts.above === 0 || counts.below === 0) throw new StudioError('bad-request', 'the rewards are too alike: none is above, or none below, their median')
  const u = sums.above.map((sum, d) => sum / counts.above - (sums.below[d] as number) / counts.below)

  const mean = total.map((sum) => sum / n)
  const projections: Float64Array[] = []
  await eachResponse(directory, inputDim, trajectories, signal, (states, i) => (projections[i] = projected(states, u)))
  const { slope, intercept } = leastSquares(projections, rewards, validation)
  const V = projections.map((of) => of.map((p) => slope * p + intercept))
  return {
    layers: [{ weight: Float32Array.from(u, (x) => slope * x), bias: Float32Array.of(intercept) }],
    predicted: Float32Array.from(V, (values) => values.at(-1) ?? 0),
    epoch: epochFigures(V, rewards, validation),
    scale: Math.sqrt(squares / n / inputDim - mean.reduce((sum, x) => sum + x * x, 0) / inputDim)
  }
}

function add(to: Float64Array, numbers: Float64Array): void {
  for (let d = 0; d < to.length; d++) to[d]! += numbers[d] as number
}

async function eachResponse(directory: string, inputDim: number, trajectories: LabelledStates[], signal: AbortSignal, visit: (states: Float16Array, index: number) => void): Promise<void> {
  const reader = new StateReader(directory, inputDim)
  try {
    for (const [i, { shard, offset, states }] of trajectories.entries()) {
      visit(reader.read(shard, offset, states), i)
      if (i % 16 !== 0) continue
      await breathe()
      signal.throwIfAborted()
    }
  } finally {
    reader.close()
  }
}

/** u . h of each state */
function projected(states: Float16Array, u: Float64Array): Float64Array {
  const D = u.length
  return Float64Array.from({ length: states.length / D }, (_, t) => {
    let sum = 0
    for (let d = 0; d < D; d++) sum += (u[d] as number) * (states[t * D + d] as number)
    return sum
  })
}

/** Of the reward on the projection, over the training states. */
function leastSquares(projections: Float64Array[], rewards: number[], validation: boolean[]): { slope: number; intercept: number } {
  let [n, x, y, xx, xy] = [0, 0, 0, 0, 0]
  for (const [i, of] of projections.entries()) {
    if (validation[i] === true) continue
    for (const p of of) {
      n++
      x += p
      y += rewards[i] as number
    }
  }
  const [meanX, meanY] = [x / n, y / n]
  for (const [i, of] of projections.entries()) {
    if (validation[i] === true) continue
    for (const p of of) {
      xx += (p - meanX) ** 2
      xy += (p - meanX) * ((rewards[i] as number) - meanY)
    }
  }
  const slope = xx === 0 ? 0 : xy / xx
  return { slope, intercept: meanY - slope * meanX }
}
