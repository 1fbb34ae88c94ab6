import { describe, expect, test } from 'vitest'
import { evaluateSettings } from '../../src-main/contract/evaluate.ts'
import { bootstrapMean } from '../../src-main/engine/evaluate/bootstrap.ts'
import { diversity } from '../../src-main/engine/evaluate/diversity.ts'
import { evaluationTable } from '../../src-main/engine/evaluate/table.ts'
import { wordsOf } from '../../src-main/engine/evaluate/words.ts'
import { verdict } from '../../src-main/engine/evaluate/wording.ts'
import type { ScoredResponse } from '../../src-main/engine/project/evaluations.ts'
import { seededRandom } from '../fixtures/random.ts'

describe('words', () => {
  test.each([
    ['Hello, World!', ['hello', 'world']],
    ["Don't and don’t are one", ["don't", 'and', "don't", 'are', 'one']],
    ["'quoted' words'", ['quoted', 'words']],
    ['3.5 GB of Straße', ['3', '5', 'gb', 'of', 'straße']],
    ['naïve — déjà-vu', ['naïve', 'déjà', 'vu']],
    ['привет мир', ['привет', 'мир']],
    ['snake_case', ['snake', 'case']],
    ['💬 ...', []],
    ['', []]
  ])('of %j', (text, words) => {
    expect(wordsOf(text)).toEqual(words)
  })
})

describe('diversity', () => {
  test('of a text counted by hand', () => {
    // 8 words; bigrams: 6 of 7 are distinct; trigrams: 6 of 6; 4-grams: 5 of 5
    expect(diversity('The cat sat on the mat, the cat.')).toBeCloseTo((6 / 8) * (6 / 7) * (5 / 6), 12)
  })

  test('of one word, over and over', () => {
    expect(diversity('no no no no no')).toBeCloseTo((1 / 5) * (1 / 4) * (1 / 3), 12)
  })

  test('is the formula of the paper: the product of 1 - rep_n / 100', () => {
    const random = seededRandom(7)
    for (let round = 0; round < 50; round++) {
      const words = Array.from({ length: 4 + Math.floor(random.uniform() * 60) }, () => `w${Math.floor(random.uniform() * 9)}`)
      let expected = 1
      for (const n of [2, 3, 4]) {
        const seen: string[] = []
        let count = 0
        for (let start = 0; start + n <= words.length; start++) {
          count++
          const gram = words.slice(start, start + n).join('|')
          if (seen.indexOf(gram) < 0) seen.push(gram)
        }
        const rep = 100 * (1 - seen.length / (count + 1))
        expected *= 1 - rep / 100
      }
      expect(diversity(words.join(' '))).toBeCloseTo(expected, 12)
    }
  })

  test('a text without a 4-gram has none', () => {
    for (const text of ['', 'one two three', '... !']) expect(diversity(text)).toBeNull()
    expect(diversity('one two three four')).not.toBeNull()
  })
})

describe('bootstrap', () => {
  const draws = (seed: number, length: number): number[] => {
    const random = seededRandom(seed)
    return Array.from({ length }, () => random.normal())
  }

  test('of nothing is nothing, of one value is that value', () => {
    expect(bootstrapMean([])).toEqual({ mean: null, low: null, high: null })
    expect(bootstrapMean([2])).toEqual({ mean: 2, low: 2, high: 2 })
    expect(bootstrapMean([2, 2, 2])).toEqual({ mean: 2, low: 2, high: 2 })
  })

  test('the same values give the same interval', () => {
    expect(bootstrapMean(draws(1, 50))).toEqual(bootstrapMean(draws(1, 50)))
  })

  test('is as wide as the normal approximation for many values', () => {
    const values = draws(2, 400)
    const { mean, low, high } = bootstrapMean(values)
    const average = values.reduce((sum, v) => sum + v, 0) / values.length
    const error = Math.sqrt(values.reduce((sum, v) => sum + (v - average) ** 2, 0) / values.length / values.length)
    expect(mean).toBeCloseTo(average, 12)
    expect((high as number) - average).toBeCloseTo(1.96 * error, 2)
    expect(average - (low as number)).toBeCloseTo(1.96 * error, 2)
  })

  test('covers the true mean about 95 times in 100', () => {
    const trials = 120
    let covered = 0
    for (let trial = 0; trial < trials; trial++) {
      const { low, high } = bootstrapMean(draws(1000 + trial, 40))
      if ((low as number) <= 0 && (high as number) >= 0) covered++
    }
    expect(covered / trials).toBeGreaterThan(0.88)
    expect(covered / trials).toBeLessThan(0.995)
  })
})

describe('the table', () => {
  const settings = evaluateSettings.parse({ dataset: 1, methods: [{ name: 'base' }, { name: 'prompting' }] })
  const response = (method: number, example: number, reward: number | null, text = 'one two three four'): ScoredResponse => ({
    method, example, seed: 0, text, tokens: 4, edit: method === 0 ? null : 0.1 * example, reward, failure: reward === null ? 'no label' : null
  })

  const tableOf = (responses: ScoredResponse[], seconds: number[]) => evaluationTable(settings, [], { responses, measures: [], timings: seconds.map((time) => [1, time]) })

  test('compares b with a on the prompts where both have a reward', async () => {
    const rewards: [number | null, number | null][] = [[1, 2], [3, 3.5], [null, 100], [5, null], [2, 2.3]]
    const responses = rewards.flatMap(([a, b], i) => [response(0, i + 1, a), response(1, i + 1, b)])
    const table = await tableOf(responses, [0.5, 0.6])
    expect(table.paired).toHaveLength(1)
    expect(table.paired[0]).toMatchObject({ a: 'base', b: 'prompting', prompts: 3 })
    expect(table.paired[0]?.difference).toBeCloseTo((1 + 0.5 + 0.3) / 3, 12)
    expect(table.methods.map((m) => [m.name, m.responses, m.unlabelled, m.secondsPerToken])).toEqual([['base', 5, 1, 0.5], ['prompting', 5, 1, 0.6]])
    expect(table.methods[0]?.reward.mean).toBeCloseTo(11 / 4, 12)
    expect(table.methods[0]?.edit).toBeNull()
    expect(table.methods[1]?.edit).toBeCloseTo(0.3, 12)
    expect(table.methods[0]?.diversity).toBeCloseTo((3 / 4) * (2 / 3) * (1 / 2), 12)
  })

  test('the paired interval leaves out what prompts differ by among themselves', async () => {
    const random = seededRandom(5)
    const responses = Array.from({ length: 60 }, (_, i) => {
      const ofPrompt = 10 * random.normal()
      return [response(0, i, ofPrompt), response(1, i, ofPrompt + 1 + 0.2 * random.normal())]
    }).flat()
    const { methods, paired: [pair] } = await tableOf(responses, [1, 1])
    expect(verdict(pair!)).toBe('higher')
    expect(pair!.high! - pair!.low!).toBeLessThan(0.3)
    expect(methods[0]!.reward.high! - methods[0]!.reward.low!).toBeGreaterThan(2)
  })

  test('what nobody labelled is null, not 0', async () => {
    const { methods, paired } = await tableOf([response(0, 1, null, 'x'), response(1, 1, null, 'y')], [1, 1])
    expect(methods[0]).toMatchObject({ reward: { mean: null, low: null, high: null }, diversity: null, measures: {}, unlabelled: 1 })
    const nothing = { prompts: 0, difference: null, low: null, high: null, p: null, pHolm: null }
    expect(paired[0]).toEqual({ a: 'base', b: 'prompting', ...nothing, diversity: nothing, measures: {} })
    expect(verdict(paired[0]!)).toBe('not measured')
  })

  test.each([
    [{ low: 0.1, high: 0.2 }, 'higher'],
    [{ low: -0.2, high: -0.1 }, 'lower'],
    [{ low: -0.1, high: 0.1 }, 'no clear difference'],
    [{ low: 0, high: 0.1 }, 'no clear difference']
  ])('%j is %s', (interval, words) => {
    expect(verdict(interval)).toBe(words)
  })
})
