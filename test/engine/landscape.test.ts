/** The landscape of a value function against the addon, and against what principal components are. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ValueFunction } from '../../native/value-function.ts'
import { collectSettings } from '../../src-main/contract/collect.ts'
import { trainSettings } from '../../src-main/contract/value.ts'
import { landscapeOf, pathOf } from '../../src-main/engine/value/landscape.ts'
import { greedy, openStudio, scoredPrompts, type Studio } from './studio.ts'

const D = 64
let studio: Studio
let collection: number

beforeAll(async () => {
  studio = await openStudio()
  const dataset = await studio.importRows(scoredPrompts(12))
  collection = (await studio.run('collect', collectSettings.parse({ dataset, maxTokens: 8, seed: 5, sampling: greedy }))).subject as number
  await studio.run('reward', { collection, source: 'column', settings: { column: 'score' } })
})
afterAll(() => studio.close())

async function trained(layers: number): Promise<number> {
  return (await studio.run('train', trainSettings.parse({ collection, source: 'column', hidden: 16, layers, epochs: 4, learningRate: 1e-2, batch: 64 }))).subject as number
}

function statesOf(response: number): Float32Array[] {
  const { shard, offset, states } = studio.project.responses.place(response)
  const bytes = readFileSync(join(studio.project.statesDirectory, shard)).subarray(offset, offset + states * D * 2)
  const numbers = Float32Array.from(new Float16Array(new Uint8Array(bytes).buffer))
  return Array.from({ length: states }, (_, t) => numbers.slice(t * D, (t + 1) * D))
}

test.each([0, 1, 2])('a way with %i hidden layers ends where the addon takes the state', async (layers) => {
  const id = await trained(layers)
  const { scale } = studio.project.valueFunctions.detail(id)
  const [response = 0] = studio.project.responses.ids(collection)
  const state = statesOf(response)[2]!
  const native = new ValueFunction(studio.project.valueFunctions.network(id))
  const { steps, edit, tokens } = await pathOf(studio.project, { valueFunction: id, plane: 'ascent', response, token: 2 }, 1.5, 20)
  expect(tokens).toBe(statesOf(response).length)
  expect(steps).toHaveLength(21)
  const moved = native.ascend(state, { stepSize: 1.5 * scale ** 2, updates: 20, target: null, tolerance: 0, maxEdit: null })
  expect(steps[0]!.value).toBeCloseTo(native.values(state)[0]!, 4)
  expect(steps[20]!.value).toBeCloseTo(native.values(moved.states)[0]!, 3)
  const length = (x: ArrayLike<number>): number => Math.hypot(...Array.from(x))
  expect(edit).toBeCloseTo(length(state.map((h, d) => moved.states[d]! - h)) / length(state), 4)
  expect(steps[20]!.y).toBeGreaterThan(steps[0]!.y)
  expect(steps.every(({ value }, n) => n === 0 || value >= steps[n - 1]!.value - 1e-9)).toBe(true)
})

test('the plane holds as much of the variance as the largest eigenvalues of the covariance say', async () => {
  const id = await trained(1)
  const landscape = await landscapeOf(studio.project, id, 'components', null)
  const states = studio.project.responses.ids(collection).flatMap(statesOf)
  expect(landscape.states).toBe(states.length)
  const mean = states[0]!.map((_, d) => states.reduce((sum, h) => sum + h[d]!, 0) / states.length)
  const covariance = Array.from({ length: D }, (_, i) => Array.from({ length: D }, (_, j) => states.reduce((sum, h) => sum + (h[i]! - mean[i]!) * (h[j]! - mean[j]!), 0)))
  const trace = covariance.reduce((sum, row, i) => sum + row[i]!, 0)
  const eigenvalues = jacobi(covariance).sort((a, b) => b - a)
  expect(landscape.explained[0]).toBeCloseTo(eigenvalues[0]! / trace, 3)
  expect(landscape.explained[1]).toBeCloseTo(eigenvalues[1]! / trace, 3)
  expect(landscape.values).toHaveLength(landscape.size ** 2)
  expect(landscape.values.every(Number.isFinite)).toBe(true)
  for (const { x, y } of landscape.points) {
    expect(x).toBeGreaterThan(landscape.x.min)
    expect(y).toBeLessThan(landscape.y.max)
  }
})

test('what cannot be drawn is said', async () => {
  const id = await trained(1)
  const [response = 0] = studio.project.responses.ids(collection)
  await expect(pathOf(studio.project, { valueFunction: id, plane: 'components', response, token: 999 }, 1, 5)).rejects.toThrow(/there is no token 999/)
  await expect(pathOf(studio.project, { valueFunction: id, plane: 'components', response: 4040, token: 0 }, 1, 5)).rejects.toThrow(/no response 4040/)
  await expect(landscapeOf(studio.project, 99, 'components', null)).rejects.toThrow(/no value function 99/)
  const imported = studio.project.valueFunctions.add({ name: 'i', source: 'imported', collection: null, network: { inputDim: 3, layers: [{ weight: Float32Array.of(1, 1, 1), bias: Float32Array.of(0) }] }, scale: 1, rewardMean: 0, rewardScale: 1, settings: null, bestEpoch: 0, curve: [], calibration: [], manifest: null })
  await expect(landscapeOf(studio.project, imported, 'components', null)).rejects.toThrow(/no collection of its own/)
  await expect(landscapeOf(studio.project, imported, 'components', collection)).rejects.toThrow(/states of 3 numbers, those of collection 1 have 64/)
})

/** Eigenvalues of a symmetric matrix by Jacobi's rotations. */
function jacobi(matrix: number[][]): number[] {
  const a = matrix.map((row) => [...row])
  const n = a.length
  for (let sweep = 0; sweep < 30; sweep++) {
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        if (Math.abs(a[p]![q]!) < 1e-300) continue
        const theta = (a[q]![q]! - a[p]![p]!) / (2 * a[p]![q]!)
        const t = Math.sign(theta || 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1))
        const c = 1 / Math.sqrt(t * t + 1)
        const s = t * c
        for (let k = 0; k < n; k++) {
          const [x, y] = [a[k]![p]!, a[k]![q]!]
          a[k]![p] = c * x - s * y
          a[k]![q] = s * x + c * y
        }
        for (let k = 0; k < n; k++) {
          const [x, y] = [a[p]![k]!, a[q]![k]!]
          a[p]![k] = c * x - s * y
          a[q]![k] = s * x + c * y
        }
      }
    }
  }
  return a.map((row, i) => row[i]!)
}
