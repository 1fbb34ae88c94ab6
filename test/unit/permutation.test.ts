import { describe, expect, test } from 'vitest'
import { holm, signFlipTest } from '../../src-main/engine/evaluate/permutation.ts'
import { seededRandom } from '../fixtures/random.ts'

describe('the paired permutation test', () => {
  test('counts the patterns of signs that are as extreme', () => {
    expect(signFlipTest([1, 2, 3])).toBe(2 / 8) // 6 and -6
    expect(signFlipTest([1, 1, -1])).toBe(1) // every sum is odd, so none is nearer to 0 than 1
    expect(signFlipTest([3, 1, -1])).toBe(6 / 8) // sums: 5 3 3 1 and their negatives; 3 or more in six
    expect(signFlipTest([0.1, 0.2, 0.3])).toBe(2 / 8)
    expect(signFlipTest([0, 0])).toBe(1)
    expect(signFlipTest([5])).toBe(1)
    expect(signFlipTest([])).toBeNull()
  })

  test('of many prompts agrees with the normal approximation where that holds', () => {
    const random = seededRandom(3)
    const differences = Array.from({ length: 200 }, () => random.uniform() - 0.47)
    const z = Math.abs(differences.reduce((a, b) => a + b)) / Math.sqrt(differences.reduce((a, b) => a + b * b, 0))
    // 2 (1 - Phi(z)) by the complementary error function's series (Abramowitz & Stegun 7.1.26)
    const t = 1 / (1 + (0.3275911 * z) / Math.SQRT2)
    const twoSided = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))) * Math.exp((-z * z) / 2)
    expect(signFlipTest(differences)).toBeCloseTo(twoSided, 1.5)
    expect(signFlipTest(differences)).toBe(signFlipTest(differences))
  })

  test('never says 0', () => {
    expect(signFlipTest(Array.from({ length: 100 }, () => 1))).toBeCloseTo(1 / 20_001, 10)
  })
})

test('Holm corrects in the order of the p, and never below an earlier one', () => {
  expect(holm([0.01, 0.04, 0.03, 0.005])).toEqual([0.03, 0.06, 0.06, 0.02])
  expect(holm([0.6, null, 0.7])).toEqual([1, null, 1])
  expect(holm([0.2])).toEqual([0.2])
  expect(holm([])).toEqual([])
})
