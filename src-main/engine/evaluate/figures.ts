/** What a table is made of: a number for each prompt of each column, seeds averaged within their prompt. */
import type { Measure, ScoredResponse } from '../project/evaluations.ts'
import { diversity } from './diversity.ts'

/** example -> the mean of its responses that have a figure, in the order of the examples; prompts without any are left out */
export type ByPrompt = Map<number, number>

export interface Figures {
  /** one a column, as all the others */
  reward: ByPrompt[]
  diversity: ByPrompt[]
  edit: ByPrompt[]
  /** by the metrics' labels */
  measures: Map<string, ByPrompt[]>
}

type Place = Pick<ScoredResponse, 'example' | 'method'>

/** @param responses and measures in the order of their examples */
export function figuresOf(columns: number, labels: string[], responses: ScoredResponse[], measures: Measure[]): Figures {
  const byMetric = Map.groupBy(measures, ({ metric }) => metric)
  return {
    reward: byPrompt(columns, responses, ({ reward }) => reward),
    diversity: byPrompt(columns, responses, ({ text }) => diversity(text)),
    edit: byPrompt(columns, responses, ({ edit }) => edit),
    measures: new Map(labels.map((label) => [label, byPrompt(columns, byMetric.get(label) ?? [], ({ value }) => value)]))
  }
}

export function byPrompt<T extends Place>(columns: number, rows: T[], valueOf: (row: T) => number | null): ByPrompt[] {
  const sums = Array.from({ length: columns }, () => new Map<number, { sum: number; count: number }>())
  for (const row of rows) {
    const value = valueOf(row)
    const column = sums[row.method]
    if (value === null || column === undefined) continue
    const { sum, count } = column.get(row.example) ?? { sum: 0, count: 0 }
    column.set(row.example, { sum: sum + value, count: count + 1 })
  }
  return sums.map((column) => new Map([...column].map(([example, { sum, count }]) => [example, sum / count])))
}
