/** Strengths, agreement and order of ratings, each against a second way to the same numbers. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { agreementOf, betweenRaters, withSelf } from '../../src-main/engine/reward/rating/agreement.ts'
import { nextItem, pairs, ratingsLeft, shown, singles, type Item } from '../../src-main/engine/reward/rating/order.ts'
import { strengths, type Comparison } from '../../src-main/engine/reward/rating/strengths.ts'
import type { Rating } from '../../src-main/engine/project/ratings.ts'
import { seededRandom } from '../fixtures/random.ts'

const said = fc.constantFrom(1 as const, 0 as const, -1 as const)

describe('strengths', () => {
  /** Gradient ascent on the log posterior, in log strengths: nothing of it is shared with the code. */
  function byAscent(responses: number, comparisons: readonly Comparison[]): number[] {
    const logStrength = new Array<number>(responses).fill(0)
    const games = [...comparisons, ...logStrength.map((_, a): Comparison => ({ a, b: null, outcome: 0, weight: 1 }))]
    for (let step = 0; step < 20_000; step++) {
      const gradient = new Array<number>(responses).fill(0)
      for (const { a, b, outcome, weight } of games) {
        const expected = 1 / (1 + Math.exp((b === null ? 0 : logStrength[b]!) - logStrength[a]!))
        const surprise = weight * ((1 + outcome) / 2 - expected)
        gradient[a]! += surprise
        if (b !== null) gradient[b]! -= surprise
      }
      gradient.forEach((slope, i) => (logStrength[i]! += 0.2 * slope))
    }
    return logStrength.map((own) => Math.tanh(own / 2))
  }

  test('are where gradient ascent on the log posterior ends', () => {
    const random = seededRandom(7)
    for (let round = 0; round < 8; round++) {
      const n = 2 + Math.floor(random.uniform() * 4)
      const comparisons = Array.from({ length: 12 }, (): Comparison => {
        const a = Math.floor(random.uniform() * n)
        const b = Math.floor(random.uniform() * n)
        return { a, b: a === b ? null : b, outcome: (Math.floor(random.uniform() * 3) - 1) as -1 | 0 | 1, weight: random.uniform() < 0.5 ? 0.5 : 1 }
      })
      const expected = byAscent(n, comparisons)
      strengths(n, comparisons).forEach((found, i) => expect(found).toBeCloseTo(expected[i] as number, 8))
    }
  })

  test('of single ratings are their sum over their number plus one', () => {
    fc.assert(
      fc.property(fc.array(said, { maxLength: 20 }), (values) => {
        const [found] = strengths(1, values.map((outcome): Comparison => ({ a: 0, b: null, outcome, weight: 1 })))
        expect(found).toBeCloseTo(values.reduce<number>((sum, value) => sum + value, 0) / (values.length + 1), 9)
      })
    )
  })

  test('stay finite for what always wins, put a winner above a loser, and keep the order of a chain', () => {
    const chain = [0, 1, 2].map((a): Comparison => ({ a, b: a + 1, outcome: 1, weight: 1 }))
    const found = [...strengths(4, chain)]
    expect(found).toEqual([...found].sort((a, b) => b - a))
    expect(new Set(found).size).toBe(4)
    for (const one of strengths(2, Array.from({ length: 1000 }, (): Comparison => ({ a: 0, b: 1, outcome: 1, weight: 1 })))) expect(Math.abs(one)).toBeLessThan(1)
  })
})

describe('agreement', () => {
  const table = (counts: Record<string, number>): [1 | 0 | -1, 1 | 0 | -1][] =>
    Object.entries(counts).flatMap(([key, n]) => Array.from({ length: n }, () => key.split(',').map(Number) as [1 | 0 | -1, 1 | 0 | -1]))

  test('Cohen\'s kappa of a table worked out by hand', () => {
    // 50 grants, read by two: 20 yes/yes, 5 yes/no, 10 no/yes, 15 no/no. 0.7 agree, 0.5 x 0.6 + 0.5 x 0.4 = 0.5 by chance
    const found = agreementOf(table({ '1,1': 20, '1,-1': 5, '-1,1': 10, '-1,-1': 15 }))
    expect(found).toMatchObject({ compared: 50, agreed: 0.7 })
    expect(found.kappa).toBeCloseTo(0.4, 12)
  })

  test('is one minus disagreements seen over disagreements expected, whatever was said', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(said, said), { minLength: 1, maxLength: 60 }), (all) => {
        const n = all.length
        const seen = all.filter(([a, b]) => a !== b).length / n
        // expected: every first with every second
        const expected = all.reduce((sum, [a]) => sum + all.filter(([, b]) => a !== b).length, 0) / n ** 2
        const { kappa, agreed } = agreementOf(all)
        expect(agreed).toBeCloseTo(1 - seen, 12)
        if (expected === 0) expect(kappa).toBeNull()
        else expect(kappa).toBeCloseTo(1 - seen / expected, 9)
      })
    )
  })

  const rating = (rater: string, first: number, second: number | null, value: 1 | 0 | -1): Rating => ({ id: 0, rater, first, second, value })

  test('of a pair that was shown the other way round is about the responses, not their places', () => {
    const ratings = [rating('a', 1, 2, 1), rating('b', 2, 1, -1), rating('a', 3, 4, 1), rating('b', 4, 3, 1), rating('a', 2, 1, -1), rating('a', 3, 4, -1)]
    expect(betweenRaters(ratings)).toMatchObject({ compared: 2, agreed: 0.5 })
    expect(withSelf(ratings, 'a')).toMatchObject({ compared: 2, agreed: 0.5 })
    expect(withSelf(ratings, 'b')).toEqual({ compared: 0, agreed: null, kappa: null })
  })

  test('of three raters is over every two of them, each by what they said first', () => {
    const ratings = [rating('a', 1, null, 1), rating('a', 1, null, -1), rating('b', 1, null, 1), rating('c', 1, null, -1)]
    expect(betweenRaters(ratings)).toMatchObject({ compared: 3, agreed: 1 / 3 })
  })
})

describe('the order', () => {
  const groups = [[1, 2, 3, 4], [5, 6], [7]]

  test('pairs are samples of one prompt, each met by two others', () => {
    expect(pairs(groups)).toEqual([[1, 2], [2, 3], [3, 4], [4, 1], [5, 6]])
    expect(singles(groups)).toEqual([1, 2, 3, 4, 5, 6, 7].map((id) => [id]))
  })

  /** Everything that is shown to one rater until nothing is left. */
  function walk(items: readonly Item[], seed: number): Item[] {
    const rated: Item[] = []
    for (let item = nextItem(items, rated, seed); item !== null; item = nextItem(items, rated, seed)) rated.push(item)
    return rated
  }

  test('goes through everything once, and every tenth is one from before; what is left is known at each step', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 1000 }), (n, seed) => {
        const items = Array.from({ length: n }, (_, i) => [i + 1])
        const order = walk(items, seed)
        expect(new Set(order.map(([id]) => id)).size).toBe(n)
        order.forEach((item, i) => {
          const before = order.slice(0, i).filter(([id]) => id === item[0]).length
          expect(before).toBe((i + 1) % 10 === 0 ? 1 : 0)
          expect(ratingsLeft(n - new Set(order.slice(0, i).map(([id]) => id)).size, i)).toBe(order.length - i)
        })
      })
    )
  })

  test('is shuffled, the same again for the same collection and another for the next', () => {
    const items = Array.from({ length: 200 }, (_, i) => [i + 1])
    const order = walk(items, 1).map(([id]) => id as number)
    expect(walk(items, 1).map(([id]) => id)).toEqual(order)
    expect(walk(items, 2).map(([id]) => id)).not.toEqual(order)
    const rising = order.filter((id, i) => i > 0 && id > (order[i - 1] as number)).length
    expect(rising / order.length).toBeGreaterThan(0.35)
    expect(rising / order.length).toBeLessThan(0.65)
  })

  test('a pair\'s first place goes to either, differs between raters, and is turned when it comes again', () => {
    const many = Array.from({ length: 400 }, (_, i) => [2 * i + 1, 2 * i + 2])
    const lowerFirst = (rater: string): number => many.filter((item) => shown(item, rater, 0)[0] === item[0]).length / many.length
    for (const rater of ['ada', 'bo']) expect(Math.abs(lowerFirst(rater) - 0.5)).toBeLessThan(0.1)
    expect(many.map((item) => shown(item, 'ada', 0)[0])).not.toEqual(many.map((item) => shown(item, 'bo', 0)[0]))
    for (const item of many) expect(shown(item, 'ada', 1)).toEqual([...shown(item, 'ada', 0)].reverse())
    expect(shown([9], 'ada', 1)).toEqual([9])
  })
})
