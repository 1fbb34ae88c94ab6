import { expect, test } from 'vitest'
import { logTicks } from '../../src-renderer/ui/charts/log-ticks.ts'

test.each([
  [0.09, 0.15, [0.1, 0.12, 0.14]],
  [0.8, 1.3, [0.8, 1, 1.2]],
  [0.05, 0.9, [0.05, 0.1, 0.2, 0.5]],
  [1, 5, [1, 2, 3, 4, 5]],
  [0.001, 10, [0.001, 0.01, 0.1, 1, 10]],
  [1e-9, 1e3, [1e-9, 1e-6, 1e-3, 1, 1e3]],
  [2, 2, [2]]
])('the ticks from %d to %d are %j', (from, to, ticks) => expect(logTicks(from, to)).toEqual(ticks))

test('of any range there are few, in order, and within it', () => {
  for (let i = 0; i < 2000; i++) {
    const from = 10 ** (12 * Math.sin(i) - 3)
    const to = from * 10 ** (4 * Math.cos(3 * i) ** 2)
    const ticks = logTicks(from, to)
    expect(ticks.length).toBeLessThanOrEqual(5)
    expect(ticks).toEqual([...ticks].sort((a, b) => a - b))
    for (const tick of ticks) expect(tick >= from * (1 - 1e-6) && tick <= to * (1 + 1e-6)).toBe(true)
  }
})
