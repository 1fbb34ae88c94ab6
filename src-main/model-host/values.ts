/** What value functions say of states on the disk, without a model. */
import { closeSync, openSync, readSync } from 'node:fs'
import { setImmediate as breathe } from 'node:timers/promises'
import { ValueFunction } from '../../native/value-function.ts'
import { StudioError } from '../contract/errors.ts'
import type { Network, StoredStates } from './messages/train.ts'

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

/** The mean over all states of dV/dh, and of the states themselves, (inputDim) each. @throws StudioError 'project-damaged' or 'cancelled' */
export async function meanGradient(network: Network, states: StoredStates[], signal: AbortSignal): Promise<{ gradient: Float64Array; state: Float64Array }> {
  const V = new ValueFunction(network)
  const D = network.inputDim
  const [gradient, state] = [new Float64Array(D), new Float64Array(D)]
  const total = states.reduce((sum, { count }) => sum + count, 0)
  await eachResponse(states, D, signal, (h) => {
    const gradients = V.gradients(h)
    for (let i = 0; i < h.length; i++) {
      gradient[i % D]! += (gradients[i] as number) / total
      state[i % D]! += (h[i] as number) / total
    }
  })
  return { gradient, state }
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
