/** Spearman's rho with a percentile bootstrap interval: whole prompts are drawn again, with all their responses, and the ranks made anew. */
import { setImmediate as breathe } from 'node:timers/promises'
import { quantileSorted } from 'simple-statistics'
import { mulberry32 } from './random.ts'

const resamples = 2000
const seed = 20240605
/** draws between two looks at what else is to be done */
const drawsAtOnce = 200_000

export interface RankInterval {
  rho: number | null
  low: number | null
  high: number | null
}

/** Equal numbers of a column, by their indices; from the smallest numbers to the largest. */
type Ties = number[][]

/**
 * Of statistics of the columns' rank correlations, each with its 95 % interval over the same resamples.
 * @param columns numbers of the same items
 * @param groups indices of the items that belong together, as the responses to one prompt do: they are drawn together
 * @param statistics from rho(i, j) of columns i and j; null where one is not defined
 */
export async function rankIntervals<Name extends string>(columns: number[][], groups: number[][], statistics: Record<Name, (rho: (i: number, j: number) => number | null) => number | null>, signal: AbortSignal): Promise<Record<Name, RankInterval>> {
  const ties = columns.map(tiesOf)
  const n = columns[0]?.length ?? 0
  const names = Object.keys(statistics) as Name[]
  const valuesOf = (counts: Uint32Array): (number | null)[] => {
    const ranks = ties.map((one) => midranks(one, counts))
    return names.map((name) => statistics[name]((i, j) => correlation(ranks[i] as Float64Array, ranks[j] as Float64Array, counts)))
  }
  const observed = groups.length < 3 ? names.map(() => null) : valuesOf(new Uint32Array(n).fill(1))
  const drawn: number[][] = names.map(() => [])
  const random = mulberry32(seed)
  for (let r = 0; r < resamples && observed.some((value) => value !== null); r++) {
    const counts = new Uint32Array(n)
    for (let g = 0; g < groups.length; g++) for (const i of groups[Math.floor(random() * groups.length)] as number[]) counts[i]!++
    valuesOf(counts).forEach((value, i) => value !== null && drawn[i]?.push(value))
    if (r % Math.ceil(drawsAtOnce / n) !== 0) continue
    await breathe()
    signal.throwIfAborted()
  }
  const intervals = names.map((name, i): [Name, RankInterval] => {
    const sorted = (drawn[i] ?? []).sort((a, b) => a - b)
    const rho = observed[i] ?? null
    const known = rho !== null && sorted.length > 0
    return [name, { rho, low: known ? quantileSorted(sorted, 0.025) : null, high: known ? quantileSorted(sorted, 0.975) : null }]
  })
  return Object.fromEntries(intervals) as Record<Name, RankInterval>
}

/** Spearman's rho; null where a column never changes, or for fewer than three numbers. */
export function spearman(x: number[], y: number[]): number | null {
  if (x.length < 3) return null
  const once = new Uint32Array(x.length).fill(1)
  return correlation(midranks(tiesOf(x), once), midranks(tiesOf(y), once), once)
}

/** rho of x and y with that part taken out that both have from z; null where one of them is nothing but z. */
export function partialCorrelation(xy: number | null, xz: number | null, yz: number | null): number | null {
  if (xy === null || xz === null || yz === null) return null
  const rest = (1 - xz * xz) * (1 - yz * yz)
  return rest < 1e-12 ? null : Math.max(-1, Math.min(1, (xy - xz * yz) / Math.sqrt(rest)))
}

function tiesOf(column: number[]): Ties {
  const order = column.map((_, i) => i).sort((a, b) => (column[a] as number) - (column[b] as number))
  const ties: Ties = []
  for (const i of order) {
    const last = ties.at(-1)
    if (last !== undefined && column[last[0] as number] === column[i]) last.push(i)
    else ties.push([i])
  }
  return ties
}

/** Ranks from 1 where item i is there counts[i] times; equal numbers share the mean of theirs. */
function midranks(ties: Ties, counts: Uint32Array): Float64Array {
  const ranks = new Float64Array(counts.length)
  let before = 0
  for (const equal of ties) {
    let own = 0
    for (const i of equal) own += counts[i] as number
    for (const i of equal) ranks[i] = before + (own + 1) / 2
    before += own
  }
  return ranks
}

/** Pearson's r of columns whose item i is there counts[i] times; null where one never changes. Ranks have the mean (n + 1) / 2. */
function correlation(x: Float64Array, y: Float64Array, counts: Uint32Array): number | null {
  const middle = (counts.reduce((sum, count) => sum + count, 0) + 1) / 2
  let [xy, xx, yy] = [0, 0, 0]
  for (let i = 0; i < counts.length; i++) {
    const weight = counts[i] as number
    const [a, b] = [(x[i] as number) - middle, (y[i] as number) - middle]
    xy += weight * a * b
    xx += weight * a * a
    yy += weight * b * b
  }
  return xx === 0 || yy === 0 ? null : Math.max(-1, Math.min(1, xy / Math.sqrt(xx * yy)))
}
