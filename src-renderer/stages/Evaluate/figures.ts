/** The figures of an evaluation's table: what its columns, charts and orders have in common. */
import type { Comparison, EvaluationTable, Metric } from '../../../src-main/contract/evaluate.ts'

export type MethodRow = EvaluationTable['methods'][number]

export interface Interval {
  mean: number | null
  low: number | null
  high: number | null
}

export interface Figure {
  /** unique in the table; a metric's is its label */
  key: string
  title: string
  about: string
  better: 'higher' | 'lower' | null
  digits: number
  of(row: MethodRow): Interval
  /** against the first method; undefined where the figure is not compared */
  compared?: (row: number) => Comparison | undefined
  /** responses behind it that have none */
  failed?: (row: MethodRow) => number
  /** whether single responses have it, so that prompts can be ordered by it */
  ofResponses: boolean
}

const bare = (mean: number | null): Interval => ({ mean, low: null, high: null })

/** Time a token over the first method's; an older table has only the seconds. */
export function timeRatio(table: EvaluationTable, row: MethodRow): number | null {
  const first = table.methods[0]?.secondsPerToken ?? 0
  return row.timeRatio ?? (first > 0 && row.secondsPerToken > 0 ? row.secondsPerToken / first : null)
}

/** Reward, diversity, every measure, time and edit, in the table's order; what no method has is left out. */
export function figuresOf(table: EvaluationTable, metrics: readonly Metric[]): Figure[] {
  const labels = [...new Set(table.methods.flatMap((row) => Object.keys(row.measures)))]
  const pair = (row: number) => (row === 0 ? undefined : table.paired[row - 1])
  const all: Figure[] = [
    { key: 'reward', title: 'Reward', about: 'Mean reward with its 95 % bootstrap interval over prompts', better: 'higher', digits: 3, of: (row) => row.reward, compared: pair, failed: (row) => row.unlabelled, ofResponses: true },
    { key: 'diversity', title: 'Diversity', about: 'Shares of distinct 2-, 3- and 4-grams in a response, multiplied; the mean over responses', better: 'higher', digits: 3, of: (row) => row.diversityInterval ?? bare(row.diversity), compared: (row) => pair(row)?.diversity ?? undefined, ofResponses: true },
    ...labels.map((label): Figure => {
      const metric = metricOf(label, metrics)
      return {
        key: label,
        title: label,
        about: metric?.description ?? '',
        better: metric?.better ?? null,
        digits: digitsOf(table.methods.map((row) => row.measures[label]?.mean ?? 0)),
        of: (row) => row.measures[label] ?? bare(null),
        compared: (row) => pair(row)?.measures[label],
        failed: (row) => row.measures[label]?.failed ?? 0,
        ofResponses: true
      }
    }),
    { key: 'time', title: 'Time', about: 'Time a token over the first method’s', better: 'lower', digits: 2, of: (row) => bare(timeRatio(table, row)), ofResponses: false },
    { key: 'edit', title: 'Edit', about: 'Mean length of the edit of a state over the length of the state', better: null, digits: 4, of: (row) => bare(row.edit), ofResponses: true }
  ]
  return all.filter(({ key, of, failed }) => key === 'reward' || table.methods.some((row) => of(row).mean !== null || (failed?.(row) ?? 0) > 0))
}

/** A share wants three digits behind its point, a perplexity of 120 none that long. */
function digitsOf(values: readonly number[]): number {
  const largest = Math.max(...values.map(Math.abs))
  return largest >= 100 ? 1 : largest >= 10 ? 2 : 3
}

/** A label begins with its metric's name. */
function metricOf(label: string, metrics: readonly Metric[]): Metric | undefined {
  return metrics.filter(({ name }) => label.startsWith(name)).sort((a, b) => b.name.length - a.name.length)[0]
}

export interface Verdict {
  word: 'better' | 'worse' | 'higher' | 'lower' | 'unclear'
  look: 'good' | 'bad' | 'plain'
}

/** A difference counts where its interval leaves out 0 and, where it was tested, Holm's p is below 0.05. */
export function verdictOf({ low, high, pHolm }: Comparison, better: Figure['better']): Verdict {
  const up = low !== null && low > 0
  const down = high !== null && high < 0
  if ((!up && !down) || (pHolm !== null && pHolm >= 0.05)) return { word: 'unclear', look: 'plain' }
  if (better === null) return { word: up ? 'higher' : 'lower', look: 'plain' }
  return up === (better === 'higher') ? { word: 'better', look: 'good' } : { word: 'worse', look: 'bad' }
}

/** From the lowest to the highest end of all rows' intervals, with a little room; null where there is nothing to draw. */
export function axisOf(rows: readonly MethodRow[], figure: Figure): { from: number; to: number } | null {
  const ends = rows.flatMap((row) => Object.values(figure.of(row)).filter((value): value is number => value !== null))
  if (ends.length === 0) return null
  const [low, high] = [Math.min(...ends), Math.max(...ends)]
  const room = high > low ? (high - low) * 0.04 : 0.5
  return { from: low - room, to: high + room }
}
