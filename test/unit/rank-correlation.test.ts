/** Spearman's rho and its interval, against rho by its definition over resamples that are written out. */
import { quantileSorted } from 'simple-statistics'
import { expect, test } from 'vitest'
import { partialCorrelation, rankIntervals, spearman } from '../../src-main/engine/evaluate/rank-correlation.ts'
import { mulberry32 } from '../../src-main/engine/evaluate/random.ts'
import { ValueHistogram } from '../../src-main/engine/value/value-histogram.ts'

const never = new AbortController().signal

/** By its definition: Pearson's r of the ranks, a rank being how many are smaller, and half of those that are equal. */
function byDefinition(x: number[], y: number[]): number {
  const ranks = (all: number[]): number[] => all.map((a) => all.filter((b) => b < a).length + all.filter((b) => b === a).length / 2)
  const [a, b] = [ranks(x), ranks(y)]
  const dot = (p: number[], q: number[]): number => p.reduce((sum, one, i) => sum + (one - x.length / 2) * (q[i]! - x.length / 2), 0)
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))
}

test('rho with ties, and what has none', () => {
  const x = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3]
  const y = [2, 7, 1, 8, 2, 8, 1, 8, 2, 8]
  expect(spearman(x, y)).toBeCloseTo(byDefinition(x, y), 12)
  expect(spearman([1, 2, 3], [10, 20, 900])).toBe(1)
  expect(spearman([1, 2, 3], [5, 5, 5])).toBeNull()
  expect(spearman([1, 2], [2, 1])).toBeNull()
})

test('intervals are those of the resamples of whole prompts', async () => {
  const random = mulberry32(3)
  const x = Array.from({ length: 18 }, () => Math.round(random() * 10))
  const y = x.map((value) => Math.round(value + 12 * random()))
  const groups = [[0, 1, 2], [3], [4, 5], [6, 7, 8, 9], [10], [11, 12], [13, 14, 15], [16], [17]]
  const { of } = await rankIntervals([x, y], groups, { of: (rho) => rho(0, 1) }, never)
  const next = mulberry32(20240605)
  const drawn = Array.from({ length: 2000 }, () => {
    const items = groups.flatMap(() => groups[Math.floor(next() * groups.length)]!)
    return byDefinition(items.map((i) => x[i]!), items.map((i) => y[i]!))
  }).filter(Number.isFinite).sort((a, b) => a - b)
  expect(of.rho).toBeCloseTo(byDefinition(x, y), 12)
  expect(of.low).toBeCloseTo(quantileSorted(drawn, 0.025), 9)
  expect(of.high).toBeCloseTo(quantileSorted(drawn, 0.975), 9)
  expect(await rankIntervals([x, y], [[0, 1, 2, 3], [4]], { of: (rho) => rho(0, 1) }, never)).toEqual({ of: { rho: null, low: null, high: null } })
})

test('the partial correlation is that of what is left of both', () => {
  // of jointly normal numbers with these correlations, by the inverse of their matrix
  const [xy, xz, yz] = [0.5, 0.7, 0.6]
  const p = { xx: 1 - yz * yz, yy: 1 - xz * xz, xy: xz * yz - xy }
  expect(partialCorrelation(xy, xz, yz)).toBeCloseTo(-p.xy / Math.sqrt(p.xx * p.yy), 12)
  expect(partialCorrelation(0.5, 1, 0.5)).toBeNull()
  expect(partialCorrelation(null, 0, 0)).toBeNull()
})

test('a histogram of any range, with the same bins for both sides and none lost', () => {
  const [a, b] = [new ValueHistogram(), new ValueHistogram()]
  const random = mulberry32(9)
  const values = Array.from({ length: 20_000 }, (_, i) => (i === 777 ? 5e6 : i === 778 ? -3e4 : 2 * random() - 1))
  values.forEach((value, i) => (i % 2 === 0 ? a : b).add(value))
  for (const most of [1000, 40]) {
    const bins = ValueHistogram.together([a, b], most)
    expect(bins.length).toBeLessThanOrEqual(most)
    expect(bins.reduce((sum, { counts }) => sum + counts[0]!, 0)).toBe(10_000)
    bins.forEach(({ from, to, counts }, i) => {
      expect(counts[1]).toBe(values.filter((value, n) => n % 2 === 1 && value >= from && value < to).length)
      if (i > 0) expect(from).toBe(bins[i - 1]!.to)
    })
  }
  expect(ValueHistogram.together([new ValueHistogram(), new ValueHistogram()], 40)).toEqual([])
})
