/** The preference head's arithmetic against what can be worked out in other ways. */
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { hits, leadOf, shareOf } from '../../src-main/engine/preference/accuracy.ts'
import { fitCrossValidated } from '../../src-main/engine/preference/cross-validation.ts'
import { FeatureFile } from '../../src-main/engine/preference/features.ts'
import { trainHead, type PairSet } from '../../src-main/engine/preference/head.ts'
import { fitLogistic, type Rows } from '../../src-main/engine/preference/logistic.ts'
import { normals, seededRandom } from '../fixtures/random.ts'

const folder = mkdtempSync(join(tmpdir(), 'preference-test-'))
afterAll(() => rmSync(folder, { recursive: true }))
const never = new AbortController().signal
const every = (count: number): Uint32Array => Uint32Array.from({ length: count }, (_, i) => i)

/** Labels drawn from the model itself, with weights w. */
function drawn(count: number, w: number[], seed: number): Rows {
  const random = seededRandom(seed)
  const size = w.length
  const values = normals(random, count * size, 1)
  const labels = Int8Array.from({ length: count }, (_, row) => {
    const score = w.reduce((sum, weight, i) => sum + weight * values[row * size + i]!, 0)
    return random.uniform() < 1 / (1 + Math.exp(-score)) ? 1 : -1
  })
  return { values, size, labels }
}

/** Gradient descent from the definition, to convergence. */
function slowFit({ values, size, labels }: Rows, strength: number): number[] {
  let w = new Array<number>(size).fill(0)
  for (let step = 0; step < 20_000; step++) {
    const gradient = w.map((weight) => strength * weight)
    labels.forEach((y, row) => {
      const margin = y * w.reduce((sum, weight, i) => sum + weight * values[row * size + i]!, 0)
      for (let i = 0; i < size; i++) gradient[i]! -= (y * values[row * size + i]!) / (1 + Math.exp(margin)) / labels.length
    })
    w = w.map((weight, i) => weight - 0.5 * gradient[i]!)
  }
  return w
}

describe('logistic regression', () => {
  test.each([0.3, 0.01])('finds the minimum that plain gradient descent finds, strength %f', async (strength) => {
    const data = drawn(60, [1, -2, 0.5, 0], 1)
    const weights = await fitLogistic(data, every(60), strength, new Float64Array(4))
    slowFit(data, strength).forEach((w, i) => expect(weights[i]).toBeCloseTo(w, 4))
  })

  test('the same rows give the same bits, from wherever it starts it comes to the same place', async () => {
    const data = drawn(40, normalsOf(60), 2) // more numbers than rows
    const first = await fitLogistic(data, every(40), 0.1, new Float64Array(60))
    expect(await fitLogistic(data, every(40), 0.1, new Float64Array(60))).toEqual(first)
    const other = await fitLogistic(data, every(40), 0.1, Float64Array.from(normalsOf(60)))
    other.forEach((w, i) => expect(w).toBeCloseTo(first[i]!, 3))
  })

  test('separable rows, large numbers and a cancelled fit', async () => {
    const separable: Rows = { values: Float32Array.of(1000, 2000, 500), size: 1, labels: Int8Array.of(1, 1, 1) }
    const [w] = await fitLogistic(separable, every(3), 1e-3, new Float64Array(1))
    expect(w).toBeGreaterThan(0)
    expect(w).toBeLessThan(1)
    const abort = new AbortController()
    abort.abort(new Error('enough'))
    await expect(fitLogistic(drawn(3000, normalsOf(300), 3), every(3000), 1e-6, new Float64Array(300), abort.signal)).rejects.toThrow('enough')
  })

  test('cross-validation scores a row by a fit that has not seen its fold, and prefers a strong penalty for noise', async () => {
    const noise = drawn(60, new Array<number>(40).fill(0), 4)
    const foldOf = Uint8Array.from({ length: 60 }, (_, row) => row % 5)
    const fit = await fitCrossValidated(noise, foldOf, () => {})
    expect(fit.strength).toBeGreaterThan(0.9)
    const learn = every(60).filter((row) => foldOf[row] !== 2)
    const without = await fitLogistic(noise, learn, fit.strength, new Float64Array(40))
    expect(fit.scores[2]).toBeCloseTo(Array.from(without).reduce((sum, w, i) => sum + w * noise.values[2 * 40 + i]!, 0), 3)
    const clear = await fitCrossValidated(drawn(400, [3, -3, 2], 5), Uint8Array.from({ length: 400 }, (_, row) => row % 5), () => {})
    expect(clear.strength).toBeLessThan(0.1)
    expect(clear.loss).toBeLessThan(0.4)
  })
})

function normalsOf(count: number): number[] {
  return Array.from(normals(seededRandom(9), count, 1))
}

describe('accuracy', () => {
  test('a draw is half a hit; Wilson\'s interval, by as many trials as there are prompts', () => {
    expect(hits([1, 2, 3], [0, 2, 4])).toEqual([1, 0.5, 0])
    const prompts = Array.from({ length: 10 }, (_, i) => `p${i}`)
    const share = shareOf([1, 1, 1, 1, 1, 1, 1, 0, 0, 0], prompts)! // 7 of 10: textbook value [0.397, 0.892]
    expect(share.accuracy).toBeCloseTo(0.7, 10)
    expect([share.low, share.high]).toEqual([expect.closeTo(0.3968, 3), expect.closeTo(0.8922, 3)])
    expect(shareOf([...Array(10)].map(() => 1), prompts)).toMatchObject({ accuracy: 1, low: expect.closeTo(0.7225, 3), high: expect.closeTo(1, 10) })
    const twice = shareOf([...Array(20)].map((_, i) => (i % 10 < 7 ? 1 : 0)), [...prompts, ...prompts])!
    expect(twice.low).toBeCloseTo(share.low, 10)
    expect(shareOf([], [])).toBeNull()
  })

  test('the lead is a paired difference', () => {
    const prompts = Array.from({ length: 50 }, (_, i) => `p${i}`)
    const own = prompts.map((_, i) => (i % 5 === 0 ? 0 : 1))
    expect(leadOf(own, own, prompts)).toEqual({ accuracy: 0, low: 0, high: 0 })
    const lead = leadOf(own, prompts.map(() => 0), prompts)!
    expect(lead.accuracy).toBeCloseTo(0.8, 10)
    expect(lead.low).toBeGreaterThan(0.6)
  })
})

describe('the head', () => {
  const size = 24

  /** Pairs whose better answer is further along `direction`; the prompt moves both answers far more. */
  function pairsOf(count: number, seed: number, direction: Float32Array): PairSet {
    const random = seededRandom(seed)
    const states = Array.from({ length: count }, () => {
      const prompt = normals(random, size, 3)
      const [a, b] = [0, 0].map(() => normals(random, size, 1).map((x, i) => x + prompt[i]!))
      const along = (state: Float32Array): number => state.reduce((sum, x, i) => sum + x * direction[i]!, 0)
      return along(a!) > along(b!) ? { chosen: a!, rejected: b! } : { chosen: b!, rejected: a! }
    })
    return { pairs: states.map((_, i) => ({ prompt: `${seed}/${i}`, tokens: { chosen: 5, rejected: i % 2 === 0 ? 4 : 6 } })), states: (pair) => states[pair]! }
  }

  test('learns a direction from pairs that a probe of single answers hardly sees, and gives it on raw states', async () => {
    const direction = normals(seededRandom(3), size, 1)
    const heldOut = pairsOf(200, 2, direction)
    const shares: number[] = []
    const head = await trainHead(pairsOf(200, 1, direction), heldOut, size, 1, (share) => shares.push(share), never)
    expect(head.accuracy).toBeGreaterThan(0.85)
    expect(head.low).toBeLessThan(head.accuracy!)
    expect(head.longer).toMatchObject({ accuracy: 0.5 })
    expect(head.lead!.accuracy).toBeCloseTo(head.accuracy! - head.probe!.accuracy, 10)
    expect(shares.at(-1)).toBeGreaterThan(0.5)
    const reward = (state: Float32Array): number => state.reduce((sum, h, i) => sum + h * head.weights[i]!, head.bias)
    const right = heldOut.pairs.filter((_, pair) => reward(heldOut.states(pair).chosen) > reward(heldOut.states(pair).rejected)).length
    expect(right / 200).toBeCloseTo(head.accuracy!, 2)
  })

  test('answers without a difference are told at chance', async () => {
    const random = seededRandom(8)
    const noise = (seed: number): PairSet => ({
      pairs: Array.from({ length: 300 }, (_, i) => ({ prompt: `${seed}/${i}`, tokens: { chosen: 1, rejected: 1 } })),
      states: ((made) => (pair) => made[pair]!)(Array.from({ length: 300 }, () => ({ chosen: normals(random, size, 1), rejected: normals(random, size, 1) })))
    })
    const head = await trainHead(noise(1), noise(2), size, 1, () => {}, never)
    expect(head.low!).toBeLessThan(0.5)
    expect(head.high!).toBeGreaterThan(0.5)
  })
})

describe('the file of features', () => {
  const origin = { model: 'ab'.repeat(32), size: 4, maxTokens: 10 }
  const states = { chosen: Float32Array.of(1, 2, 3, 4), rejected: Float32Array.of(5, 6, 7, 8) }
  const tokens = { chosen: 3, rejected: 9 }

  test('goes on with what was written, without a torn end, and begins anew for another model', () => {
    const first = new FeatureFile(folder, 1, origin)
    first.add(17, tokens, states)
    first.add(18, tokens, states)
    first.close()
    const path = join(folder, 'preference-1.features')
    const bytes = readFileSync(path)
    truncateSync(path, bytes.length - 3)
    const second = new FeatureFile(folder, 1, origin)
    expect([second.has(17), second.has(18)]).toEqual([true, false])
    second.add(18, tokens, states)
    expect([second.tokens(18), second.states(18), second.states(17)]).toEqual([tokens, states, states])
    second.close()
    expect(readFileSync(path)).toEqual(bytes)

    bytes[bytes.length - 10]! ^= 1
    writeFileSync(path, bytes)
    const damaged = new FeatureFile(folder, 1, origin)
    expect([damaged.has(17), damaged.has(18)]).toEqual([true, false])
    damaged.close()
    const other = new FeatureFile(folder, 1, { ...origin, model: 'cd'.repeat(32) })
    expect(other.has(17)).toBe(false)
    other.close()
  })
})
