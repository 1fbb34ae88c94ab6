import { describe, expect, test } from 'vitest'
import { column } from '../../src-main/engine/reward/column.ts'
import { labelled } from '../../src-main/engine/reward/label.ts'
import { listSources, sourceNamed } from '../../src-main/engine/reward/sources.ts'
import { summarise } from '../../src-main/engine/reward/summary.ts'
import { tone } from '../../src-main/engine/reward/tone.ts'
import { rewardSource } from '../../src-main/contract/entities.ts'
import { seededRandom } from '../fixtures/random.ts'

const toneOf = (text: string): number => tone.score({ prompt: '', text, columns: {} }, {})

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
  const scoreOf = (columns: Record<string, unknown>, name = 'score'): number => column.score({ prompt: '', text: 'x', columns }, { column: name })

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

test('a label that fails is a reason, never a number', () => {
  const failing = { ...tone, score: () => NaN }
  expect(labelled(failing, { prompt: '', text: '', columns: {} }, {})).toEqual({ value: null, failure: 'the source gave NaN' })
  expect(labelled(tone, { prompt: '', text: '', columns: {} }, {})).toEqual({ value: null, failure: 'the response has no words' })
  expect(labelled(tone, { prompt: '', text: 'great', columns: {} }, {})).toEqual({ value: 3, failure: null })
})

test('every source can be chosen by its name and describes its settings', () => {
  const sources = listSources()
  expect(sources.map((source) => source.name)).toEqual(['tone', 'column'])
  for (const source of sources) {
    expect(rewardSource.parse(source)).toEqual(source)
    expect(sourceNamed(source.name).name).toBe(source.name)
    expect(source.settings).toMatchObject({ type: 'object' })
  }
  expect(sources[1]?.settings).toMatchObject({ required: ['column'], properties: { column: { type: 'string', title: 'Column' } } })
  expect(() => sourceNamed('tonn')).toThrow(/there are tone, column/)
})

describe('the summary', () => {
  const labels = (values: (number | null)[]) => values.map((value, i) => ({ response: i + 1, value, failure: value === null ? `reason ${i + 1}` : null }))

  test('mean and sample deviation, by hand; failures apart', () => {
    const summary = summarise('tone', labels([1, null, 2, 6]))
    expect(summary).toMatchObject({ source: 'tone', labelled: 3, failed: 1, mean: 3, failures: [{ response: 2, reason: 'reason 2' }] })
    expect(summary.sd).toBeCloseTo(Math.sqrt(7), 12)
  })

  test('the histogram holds every value once, between the lowest and the highest', () => {
    const random = seededRandom(3)
    for (const count of [2, 3, 100, 5000]) {
      const values = Array.from({ length: count }, () => random.normal())
      const { histogram } = summarise('tone', labels(values))
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
    expect(summarise('tone', labels([2, 2])).histogram).toEqual([{ from: 2, to: 2, count: 2 }])
    expect(summarise('tone', labels([null]))).toMatchObject({ labelled: 0, failed: 1, mean: null, sd: null, histogram: [] })
    expect(summarise('tone', labels([4])).sd).toBeNull()
  })
})
