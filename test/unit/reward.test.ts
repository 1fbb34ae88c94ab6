import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { byRule } from '../../src-main/engine/reward/by-rule.ts'
import { column, numberIn } from '../../src-main/engine/reward/column.ts'
import { labelOf } from '../../src-main/engine/reward/label.ts'
import { listSources, sourceNamed } from '../../src-main/engine/reward/sources.ts'
import { correlation, summarise } from '../../src-main/engine/reward/summary.ts'
import { tone, toneOf } from '../../src-main/engine/reward/tone.ts'
import { rewardSource } from '../../src-main/contract/reward.ts'
import type { Label } from '../../src-main/engine/project/rewards.ts'
import { seededRandom } from '../fixtures/random.ts'
import { toScore, verdictsOf } from '../fixtures/score.ts'

const labels = (values: (number | null)[]): Label[] => values.map((value, i) => ({ response: i + 1, value, failure: value === null ? `reason ${i + 1}` : null }))

describe('tone', () => {
  // valences as published with AFINN: love 3, great 3, bad -3, terrible -3
  test.each([
    ['love', 3],
    ['I LOVE this, great!', (3 + 3) / 4],
    ['a bad, terrible day', -6 / 4],
    ['great but bad', 0],
    ['nothing of note here', 0],
    ['constructor __proto__ toString', 0]
  ])('of %j is %d a word', (text, mean) => {
    expect(toneOf(text)).toBeCloseTo(mean, 12)
  })

  test('a response without words has none', () => {
    for (const text of ['', ' \n', '...', '💬']) expect(() => toneOf(text)).toThrow(/no words/)
  })
})

describe('column', () => {
  const scoreOf = (columns: Record<string, unknown>, name = 'score'): number => numberIn(columns, name)

  test('is the number that the data set brings', () => {
    for (const [value, number] of [[3, 3], [-0.5, -0.5], [0, 0], ['2.25', 2.25], [' 7 ', 7]]) expect(scoreOf({ score: value })).toBe(number)
  })

  test.each([undefined, null, '', ' ', 'many', 'NaN', 'Infinity', NaN, Infinity, true, [1], {}])('%j is not a number', (value) => {
    expect(() => scoreOf({ score: value })).toThrow(/score/)
  })

  test('what every object inherits is no column', () => {
    for (const name of ['__proto__', 'constructor', 'toString']) expect(() => scoreOf({}, name)).toThrow(/no column/)
  })
})

test('verdicts come for each item, and a failure is a reason, never a number', async () => {
  expect(await verdictsOf(tone, {}, ['great', '', 'bad'].map((text) => toScore(text)))).toEqual([{ value: 3 }, { failure: 'the response has no words' }, { value: -3 }])
  expect(await verdictsOf(column, { column: 'score' }, [toScore('x', { score: '2' }), toScore('x', {})])).toEqual([{ value: 2 }, { failure: 'its example has no column "score"' }])
})

test.each([
  [{ value: 0 }, { value: 0, failure: null }],
  [{ value: -2.5 }, { value: -2.5, failure: null }],
  [{ failure: 'why' }, { value: null, failure: 'why' }],
  [{ value: NaN }, { value: null, failure: 'the source gave NaN' }],
  [{ value: Infinity }, { value: null, failure: 'the source gave Infinity' }],
  [{ value: -1e39 }, { value: null, failure: 'the source gave -1e+39' }] // beyond float32, in which value functions are trained
])('the label of %j is %j', (verdict, label) => expect(labelOf(verdict)).toEqual(label))

test('a long reason is cut', () => {
  const { failure } = labelOf({ failure: 'x'.repeat(1e6) })
  expect(failure).toHaveLength(1000)
})

test('scoring gives way to a stop', async () => {
  const stop = new AbortController()
  let told = 0
  const endless = (function* () { for (;;) yield toScore('great') })()
  await expect(byRule(() => 1, stop.signal).score(endless, () => ++told === 1000 && stop.abort())).rejects.toThrow(/abort/i)
})

test('every source can be chosen by its name and describes its settings', () => {
  const sources = listSources()
  expect(sources.map((source) => source.name)).toEqual(expect.arrayContaining(['tone', 'rules', 'column', 'mix']))
  for (const source of sources) {
    expect(rewardSource.parse(source)).toEqual(source)
    expect(sourceNamed(source.name).name).toBe(source.name)
    expect(source.settings).toMatchObject({ type: 'object' })
  }
  const settingsOf = (name: string): object | undefined => sources.find((source) => source.name === name)?.settings
  expect(settingsOf('column')).toMatchObject({ required: ['column'], properties: { column: { type: 'string', title: 'Column' } } })
  // what the form shows as lines
  expect(settingsOf('rules')).toMatchObject({ required: ['rules'], properties: { rules: { type: 'array', items: { type: 'string' }, title: 'Rules' } } })
  expect(() => sourceNamed('tonn')).toThrow(/no reward source tonn; there are tone, .*mix$/)
})

describe('the summary', () => {
  const named = { name: 'kind', source: 'tone', settings: { of: 'words' } }

  test('mean and sample deviation, by hand; failures apart', () => {
    const summary = summarise(named, labels([1, null, 2, 6]), 6)
    expect(summary).toMatchObject({ ...named, labelled: 3, failed: 1, waiting: 2, mean: 3, min: 1, max: 6, failures: [{ response: 2, reason: 'reason 2' }] })
    expect(summary.sd).toBeCloseTo(Math.sqrt(7), 12)
  })

  test('the histogram holds every value once, between the lowest and the highest', () => {
    const random = seededRandom(3)
    for (const count of [2, 3, 100, 5000]) {
      const values = Array.from({ length: count }, () => random.normal())
      const { histogram } = summarise(named, labels(values), count)
      expect(histogram.reduce((sum, bin) => sum + bin.count, 0)).toBe(count)
      expect(histogram[0]?.from).toBe(Math.min(...values))
      expect(histogram.at(-1)?.to).toBeCloseTo(Math.max(...values), 9)
      const widths = histogram.map((bin) => bin.to - bin.from)
      for (const width of widths) expect(width).toBeCloseTo(widths[0] as number, 9)
      const inFirst = values.filter((v) => v < (histogram[1]?.from ?? Infinity)).length
      expect(histogram[0]?.count).toBe(inFirst)
    }
  })

  test('equal values are one bin, no values none', () => {
    expect(summarise(named, labels([2, 2]), 2).histogram).toEqual([{ from: 2, to: 2, count: 2 }])
    expect(summarise(named, labels([null]), 1)).toMatchObject({ labelled: 0, failed: 1, waiting: 0, mean: null, sd: null, min: null, max: null, histogram: [] })
    expect(summarise(named, labels([4]), 1).sd).toBeNull()
  })
})

describe('a correlation', () => {
  /** By the definitions, in float64: r, and the rank of v as the number below it plus half of those equal to it. */
  const oracle = (x: number[], y: number[]): { pearson: number; spearman: number } => {
    const mean = (v: number[]): number => v.reduce((a, b) => a + b, 0) / v.length
    const r = (u: number[], v: number[]): number => {
      const [mu, mv] = [mean(u), mean(v)]
      const of = (p: (i: number) => number): number => u.reduce((a, _, i) => a + p(i), 0)
      return of((i) => (u[i]! - mu) * (v[i]! - mv)) / Math.sqrt(of((i) => (u[i]! - mu) ** 2) * of((i) => (v[i]! - mv) ** 2))
    }
    const rank = (v: number[]): number[] => v.map((a) => v.filter((b) => b < a).length + (v.filter((b) => b === a).length + 1) / 2)
    return { pearson: r(x, y), spearman: r(rank(x), rank(y)) }
  }

  test('is that of the definitions, with ties', () => {
    const few = fc.integer({ min: -3, max: 3 })
    const pairs = fc.array(fc.tuple(few, fc.oneof(few, fc.float({ min: -1000, max: 1000, noNaN: true }))), { minLength: 3, maxLength: 40 })
    fc.assert(
      fc.property(pairs, (of) => {
        const [x, y] = [of.map(([a]) => a), of.map(([, b]) => b)]
        const found = correlation(labels(x), labels(y))
        expect(found.responses).toBe(of.length)
        if (new Set(x).size === 1 || new Set(y).size === 1) {
          expect(found).toMatchObject({ pearson: null, spearman: null })
          return
        }
        const expected = oracle(x, y)
        expect(found.pearson).toBeCloseTo(expected.pearson, 6)
        expect(found.spearman).toBeCloseTo(expected.spearman, 9)
      }),
      { numRuns: 2000 }
    )
  })

  test('by hand: ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4', () => {
    const { spearman } = correlation(labels([10, 20, 20, 30]), labels([1, 2, 3, 4]))
    expect(spearman).toBeCloseTo(4.5 / Math.sqrt(4.5 * 5), 12)
  })

  test('is over the responses that both have labelled', () => {
    expect(correlation(labels([1, 2, null, 4, 5]), labels([2, null, 9, 8, 10]))).toMatchObject({ responses: 3, pearson: expect.closeTo(1, 12), spearman: expect.closeTo(1, 12) })
    expect(correlation(labels([1, 2]), labels([1, 2]))).toEqual({ responses: 2, pearson: null, spearman: null })
    expect(correlation(labels([null]), [])).toEqual({ responses: 0, pearson: null, spearman: null })
  })

  test('never leaves -1 to 1, and is nothing where the numbers are too small to be squared', () => {
    const tiny = correlation(labels([1e-200, 2e-200, 3e-200]), labels([1, 2, 3]))
    expect(tiny).toEqual({ responses: 3, pearson: null, spearman: expect.closeTo(1, 12) })
    const { pearson } = correlation(labels([0.1, 0.2, 0.3, 0.4]), labels([0.3, 0.6, 0.9, 1.2]))
    expect(pearson).toBeLessThanOrEqual(1)
  })
})
