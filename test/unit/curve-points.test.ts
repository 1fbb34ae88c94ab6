import fc from 'fast-check'
import { expect, test } from 'vitest'
import { smoothed, thinned } from '../../src-renderer/ui/charts/curve-points.ts'

const curve = (...ys: (number | null)[]) => ys.map((y, x) => ({ x, y }))

test('smoothing: a constant stays, weight 0 changes nothing, the first point is its own, gaps stay', () => {
  expect(smoothed(curve(3, 3, 3), 0.9).map(({ y }) => y)).toEqual([expect.closeTo(3, 12), expect.closeTo(3, 12), expect.closeTo(3, 12)])
  expect(smoothed(curve(1, 5, 2), 0)).toEqual(curve(1, 5, 2))
  const [first, second, gap, last] = smoothed(curve(1, 5, null, 2), 0.5)
  expect(first!.y).toBeCloseTo(1, 12)
  expect(second!.y).toBeCloseTo((0.5 * 0.5 * 1 + 0.5 * 5) / 0.75, 12)
  expect(gap!.y).toBeNull()
  expect(last!.y).toBeGreaterThan(1)
})

test('thinning keeps a bounded number, both ends, every extreme of the whole curve, and the order', () => {
  fc.assert(
    fc.property(fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 3000 }), (ys) => {
      const points = curve(...ys)
      const kept = thinned(points, 400)
      expect(kept.length).toBeLessThanOrEqual(400)
      expect([kept[0], kept.at(-1)]).toEqual([points[0], points.at(-1)])
      const values = kept.map(({ y }) => y as number)
      expect([Math.min(...values), Math.max(...values)]).toEqual([Math.min(...ys), Math.max(...ys)])
      for (let i = 1; i < kept.length; i++) expect(kept[i]!.x).toBeGreaterThan(kept[i - 1]!.x)
    }),
    { seed: 2, numRuns: 50 }
  )
})
