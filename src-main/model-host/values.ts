/** What value functions say of states on the disk, without a model. */
import { closeSync, openSync, readSync } from 'node:fs'
import { setImmediate as breathe } from 'node:timers/promises'
import { ValueFunction } from '../../native/value-function.ts'
import { StudioError } from '../contract/errors.ts'
import type { MeanGradient, Network, StoredStates } from './messages/train.ts'

/** V of all states, one after another: one array a network. @throws StudioError 'project-damaged' or 'cancelled' */
export async function valuesOf(networks: Network[], states: StoredStates[], signal: AbortSignal): Promise<Float32Array[]> {
  const functions = networks.map((network) => new ValueFunction(network))
  const total = states.reduce((sum, { count }) => sum + count, 0)
  const values = networks.map(() => new Float32Array(total))
  let at = 0
  await eachResponse(states, networks[0]?.inputDim ?? 0, signal, (h, count) => {
    functions.forEach((V, i) => values[i]?.set(V.values(h), at))
    at += count
  })
  return values
}

/** The mean over all states of dV/dh, and of the states themselves, (inputDim) each; and of their lengths. @throws StudioError 'project-damaged' or 'cancelled' */
export async function meanGradient(network: Network, states: StoredStates[], signal: AbortSignal): Promise<MeanGradient> {
  const V = new ValueFunction(network)
  const D = network.inputDim
  const mean = { gradient: new Float64Array(D), state: new Float64Array(D), gradientLength: 0, stateLength: 0 }
  const total = states.reduce((sum, { count }) => sum + count, 0)
  await eachResponse(states, D, signal, (h, count) => {
    const gradients = V.gradients(h)
    for (let row = 0; row < count; row++) {
      let [gradientSquares, stateSquares] = [0, 0]
      for (let d = 0; d < D; d++) {
        const [g, x] = [gradients[row * D + d] as number, h[row * D + d] as number]
        mean.gradient[d]! += g / total
        mean.state[d]! += x / total
        gradientSquares += g * g
        stateSquares += x * x
      }
      mean.gradientLength += Math.sqrt(gradientSquares) / total
      mean.stateLength += Math.sqrt(stateSquares) / total
    }
  })
  return mean
}

async function eachResponse(states: StoredStates[], inputDim: number, signal: AbortSignal, visit: (h: Float32Array, count: number) => void): Promise<void> {
  const files = new Map<string, number>()
  try {
    for (const { file, offset, count } of states) {
      const opened = files.get(file) ?? openSync(file, 'r')
      files.set(file, opened)
      const halves = new Float16Array(count * inputDim)
      if (readSync(opened, new Uint8Array(halves.buffer), 0, halves.byteLength, offset) !== halves.byteLength) {
        throw new StudioError('project-damaged', `${file} is shorter than its responses`)
      }
      visit(Float32Array.from(halves), count)
      await breathe() // a cancellation may be waiting
      if (signal.aborted) throw new StudioError('cancelled', 'stopped')
    }
  } finally {
    for (const file of files.values()) closeSync(file)
  }
}
