/** When a process counts as hanging. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Answers } from '../../src-main/app/answers.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('three questions without an answer, and it is told once; the next answer takes it back', () => {
  const told: boolean[] = []
  let asked = 0
  const answers = new Answers(() => asked++, (now) => told.push(now))
  answers.begin()
  vi.advanceTimersByTime(15_000)
  expect({ asked, told }).toEqual({ asked: 3, told: [] })
  vi.advanceTimersByTime(60_000)
  expect(told).toEqual([true])
  answers.answered()
  answers.answered()
  expect(told).toEqual([true, false])
  vi.advanceTimersByTime(20_000)
  expect(told).toEqual([true, false, true])
  answers.end()
  const before = asked
  vi.advanceTimersByTime(60_000)
  expect(asked).toBe(before)
})

test('what answers each time, or was started anew, does not hang', () => {
  const told: boolean[] = []
  const answers = new Answers(() => setTimeout(() => answers.answered(), 4000), (now) => told.push(now))
  answers.begin()
  vi.advanceTimersByTime(100_000)
  expect(told).toEqual([])
  const silent = new Answers(() => {}, (now) => told.push(now))
  silent.begin()
  vi.advanceTimersByTime(15_000)
  silent.begin()
  vi.advanceTimersByTime(15_000)
  expect(told).toEqual([])
  silent.end()
  answers.end()
})
