import { expect, test } from 'vitest'
import { lengthControlled, type Pair } from '../../../src-main/engine/evaluate/metrics/length-control.ts'
import { seededRandom } from '../../fixtures/random.ts'

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x))

/** Wins by a judge whose odds are exp(merit + bias x log length ratio). */
function judged(count: number, { merit, bias, longer }: { merit: number; bias: number; longer: number }, seed = 1): Pair[] {
  const random = seededRandom(seed)
  return Array.from({ length: count }, (_, example) => {
    const otherLength = 100 + Math.floor(random.uniform() * 400)
    const length = Math.round(otherLength * Math.exp(longer + 0.5 * random.normal()))
    const ratio = Math.log1p(length) - Math.log1p(otherLength)
    return { example, length, otherLength, value: random.uniform() < sigmoid(merit + bias * ratio) ? 1 : 0 }
  })
}

const rawRate = (pairs: Pair[]): number => pairs.reduce((sum, { value }) => sum + value, 0) / pairs.length

/** The same maximum by steepest ascent in small steps, which knows nothing of Newton. */
function independently(pairs: Pair[]): number {
  const differences = pairs.map(({ length, otherLength }) => Math.log(1 + length) - Math.log(1 + otherLength))
  const average = differences.reduce((sum, d) => sum + d, 0) / differences.length
  const sd = Math.sqrt(differences.reduce((sum, d) => sum + (d - average) ** 2, 0) / differences.length)
  let [a, b] = [0, 0]
  for (let step = 0; step < 200_000; step++) {
    let [upA, upB] = [0, -b]
    for (const [i, { value }] of pairs.entries()) {
      const rest = value - sigmoid(a + (b * differences[i]!) / sd)
      upA += rest
      upB += (rest * differences[i]!) / sd
    }
    a += (0.5 * upA) / pairs.length
    b += (0.5 * upB) / pairs.length
    if (Math.hypot(upA, upB) < 1e-11) break
  }
  return sigmoid(a)
}

test('a judge that only likes length: the raw rate says better, the controlled one does not', () => {
  const pairs = judged(1500, { merit: 0, bias: 2, longer: 0.6 }, 2)
  const { mean, low, high } = lengthControlled(pairs)
  expect(rawRate(pairs)).toBeGreaterThan(0.7)
  expect(mean).toBeCloseTo(0.5, 1)
  expect(low).toBeLessThan(0.5)
  expect(high).toBeGreaterThan(0.5)
})

test('merit stays', () => {
  const { mean } = lengthControlled(judged(3000, { merit: 0.8, bias: 1, longer: -0.4 }, 2))
  expect(Math.abs(mean! - sigmoid(0.8))).toBeLessThan(0.03)
})

test.each([3, 4, 5])('is the maximum that another way finds, ties among the outcomes (%i)', (seed) => {
  const pairs = judged(80, { merit: 0.3, bias: 1, longer: 0.3 }, seed).map((pair, i) => (i % 5 === 0 ? { ...pair, value: 0.5 } : pair))
  expect(lengthControlled(pairs).mean).toBeCloseTo(independently(pairs), 7)
})

test('length that separates wins from losses, and nothing but wins, are no infinity', () => {
  const separated = Array.from({ length: 40 }, (_, example) => ({ example, length: example < 20 ? 400 : 100, otherLength: 200, value: example < 20 ? 1 : 0 }))
  const { mean, low, high } = lengthControlled(separated)
  expect([mean, low, high].every((value) => value !== null && value >= 0 && value <= 1)).toBe(true)
  expect(lengthControlled(separated.map((pair) => ({ ...pair, value: 1 })))).toEqual({ mean: 1, low: 1, high: 1 })
  expect(lengthControlled(separated.map((pair) => ({ ...pair, value: 0 })))).toEqual({ mean: 0, low: 0, high: 0 })
})

test('equal lengths leave the raw rate; lengths that all differ alike cannot be told from merit; a few pairs say nothing', () => {
  const equal = judged(200, { merit: 0.5, bias: 0, longer: 0 }).map((pair) => ({ ...pair, otherLength: pair.length }))
  expect(lengthControlled(equal).mean).toBeCloseTo(rawRate(equal), 9)
  expect(lengthControlled(equal.map((pair) => ({ ...pair, length: 200, otherLength: 100 })))).toEqual({ mean: null, low: null, high: null })
  expect(lengthControlled(equal.slice(0, 9))).toEqual({ mean: null, low: null, high: null })
})

test('prompts are drawn anew, not responses: ten seeds of each prompt are no ten times as many', () => {
  const pairs = judged(60, { merit: 0.3, bias: 0.5, longer: 0 }, 6)
  const width = ({ low, high }: ReturnType<typeof lengthControlled>): number => high! - low!
  const once = width(lengthControlled(pairs))
  expect(width(lengthControlled(pairs.flatMap((pair) => new Array<Pair>(10).fill(pair))))).toBeGreaterThan(0.8 * once)
  expect(lengthControlled(pairs)).toEqual(lengthControlled(pairs))
})
