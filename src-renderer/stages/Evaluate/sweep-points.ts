/** The rows of a table that are a sweep's points, and which of all rows no other beats in both time and reward. */
import type { EvaluateSettings, EvaluationTable } from '../../../src-main/contract/evaluate.ts'
import { timeRatio } from './figures.ts'

export interface SweepPoint {
  /** in the table */
  row: number
  x: number
  /** of the second setting; null where one is swept */
  second: number | null
}

/** @returns the swept settings in their order, and every row that is a point; null without a sweep */
export function sweepPoints({ sweep }: Pick<EvaluateSettings, 'sweep'>, table: EvaluationTable): { over: string[]; points: SweepPoint[] } | null {
  const over = Object.keys(sweep?.over ?? {})
  const [first, second] = over
  if (first === undefined) return null
  const points = table.methods.flatMap(({ point }, row): SweepPoint[] => {
    const x = point?.[first]
    return x === undefined ? [] : [{ row, x, second: second === undefined ? null : (point?.[second] ?? null) }]
  })
  return { over, points }
}

/** Rows that have a time and a reward, each with whether another is as fast and as good, and better in one of both. */
export function tradeOff(table: EvaluationTable): { row: number; time: number; reward: number; dominated: boolean }[] {
  const all = table.methods.flatMap((method, row) => {
    const [time, reward] = [timeRatio(table, method), method.reward.mean]
    return time === null || reward === null ? [] : [{ row, time, reward }]
  })
  return all.map((one) => ({
    ...one,
    dominated: all.some((other) => other.time <= one.time && other.reward >= one.reward && (other.time < one.time || other.reward > one.reward))
  }))
}
