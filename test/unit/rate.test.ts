import { expect, test } from 'vitest'
import { Rate } from '../../src-main/engine/jobs/progress.ts'

/** A rate with marks at given seconds after its start. */
function rateOf(start: number, marks: [seconds: number, done: number][]): Rate {
  const rate = new Rate()
  rate.restart(start)
  const begin = performance.now()
  for (const [seconds, done] of marks) rate.mark(done, begin + seconds * 1000)
  return rate
}

test('is unknown before anything was timed', () => {
  expect(new Rate().perSecond).toBeNull()
  expect(rateOf(0, []).perSecond).toBeNull()
  expect(rateOf(0, [[0.1, 5]]).perSecond).toBeNull()
  expect(rateOf(0, [[0.1, 5]]).secondsLeft(10)).toBeNull()
})

test('counts units a second and tells the time left', () => {
  const rate = rateOf(0, [[2, 8], [4, 20]])
  expect(rate.perSecond).toBeCloseTo(5, 1)
  expect(rate.secondsLeft(120)).toBeCloseTo(20, 0)
  expect(rate.secondsLeft(20)).toBe(0)
  expect(rate.secondsLeft(null)).toBeNull()
})

test('what an earlier run had finished does not count', () => {
  expect(rateOf(1000, [[2, 1010]]).perSecond).toBeCloseTo(5, 1)
})

test('looks at the last seconds only', () => {
  const slowThenFast: [number, number][] = [[20, 1], [40, 2], [60, 3], [80, 203], [100, 403]]
  expect(rateOf(0, slowThenFast).perSecond).toBeCloseTo(10, 1)
})

test('a standstill has no time left', () => {
  const rate = rateOf(3, [[1, 3], [2, 3]])
  expect(rate.perSecond).toBe(0)
  expect(rate.secondsLeft(10)).toBeNull()
})
