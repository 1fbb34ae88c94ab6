/** What should make one doubt a method, in words with figures. */
import { setImmediate as others } from 'node:timers/promises'
import type { Comparison, EvaluateSettings, EvaluationTable, Metric } from '../../contract/evaluate.ts'
import type { Measure, ScoredResponse } from '../project/evaluations.ts'
import { compared, corrected } from './comparison.ts'
import type { ByPrompt, Figures } from './figures.ts'
import { decimal, probability, signed } from './wording.ts'

/** A difference counts where its p, corrected, is below this. */
const level = 0.05
/** Diversity below this share of the first method's has collapsed. */
const collapse = 0.5
/** A share of responses without a figure from which on the rest may be a selection. */
const manyMissing = 0.1

type Alarm = EvaluationTable['alarms'][number]
type Table = Pick<EvaluationTable, 'methods' | 'paired'>

/** Figures of which more is better, beside the reward. */
interface Second {
  label: string
  columns: ByPrompt[]
}

export async function alarmsOf(
  settings: EvaluateSettings, metrics: { label: string; better: Metric['better'] }[], table: Table, figures: Figures, responses: ScoredResponse[], measures: Measure[]
): Promise<Alarm[]> {
  const seconds: Second[] = [
    { label: 'diversity', columns: figures.diversity },
    ...metrics.filter(({ better }) => better === 'higher').map(({ label }) => ({ label, columns: figures.measures.get(label) ?? [] }))
  ]
  return [
    ...againstFirst(settings, seconds, table),
    ...(await alongSweep(settings, seconds, table, figures)),
    ...collapsed(table),
    ...missing(settings, metrics, table, responses, measures)
  ]
}

/** Over-optimisation (Gao et al. 2023, arXiv:2210.10760): the reward rises over the first method's, and another figure falls. */
function againstFirst({ source }: EvaluateSettings, seconds: Second[], { paired }: Table): Alarm[] {
  return paired.flatMap((pair) => {
    if (!rises(pair)) return []
    return seconds.flatMap(({ label }) => {
      const second = label === 'diversity' ? pair.diversity : pair.measures[label]
      if (second === null || second === undefined || !falls(second)) return []
      return [{ method: pair.b, text: `over-optimised? Its reward (${source}) is ${change(pair)} over ${pair.a}, but its ${label} is ${change(second)}, p ${probability(second.pHolm)}` }]
    })
  })
}

/** The same from one point of the sweep to the next one up, where a single setting changes. */
async function alongSweep({ source, sweep }: EvaluateSettings, seconds: Second[], { methods }: Table, figures: Figures): Promise<Alarm[]> {
  if (sweep === null) return []
  const steps = Object.entries(sweep.over).flatMap(([name, values]) => {
    const ascending = values.toSorted((a, b) => a - b)
    return methods.flatMap(({ point }, to) => {
      if (point === null) return []
      const below = ascending[ascending.indexOf(point[name] as number) - 1]
      const from = methods.findIndex((other) => other.point !== null && below !== undefined && Object.keys(point).every((key) => other.point?.[key] === (key === name ? below : point[key])))
      return from < 0 ? [] : [{ name, from, to, below, above: point[name] }]
    })
  })
  const along = async (columns: ByPrompt[]): Promise<Comparison[]> => {
    const comparisons: Comparison[] = []
    for (const { from, to } of steps) {
      comparisons.push(compared(columns[from] ?? new Map(), columns[to] ?? new Map()))
      await others()
    }
    return corrected(comparisons)
  }
  const rewards = await along(figures.reward)
  if (!rewards.some(rises)) return []
  const alarms: Alarm[] = []
  for (const { label, columns } of seconds) {
    const changes = await along(columns)
    for (const [i, { name, to, below, above }] of steps.entries()) {
      const [reward, second] = [rewards[i], changes[i]]
      if (reward === undefined || second === undefined || !rises(reward) || !falls(second)) continue
      alarms.push({ method: methods[to]?.label ?? '', text: `over-optimised? From ${name} ${below} to ${above} the reward (${source}) changes by ${change(reward)}, but ${label} by ${change(second)}, p ${probability(second.pHolm)}` })
    }
  }
  return alarms
}

function collapsed({ methods }: Table): Alarm[] {
  const [first, ...rest] = methods
  const whole = first?.diversity ?? null
  if (whole === null) return []
  return rest.flatMap(({ label, diversity }) =>
    diversity !== null && diversity < collapse * whole ? [{ method: label, text: `its responses repeat themselves: diversity ${decimal(diversity)}, that of ${first?.label} is ${decimal(whole)}` }] : []
  )
}

function missing({ source }: EvaluateSettings, metrics: { label: string }[], { methods }: Table, responses: ScoredResponse[], measures: Measure[]): Alarm[] {
  return methods.flatMap(({ label: method, responses: total, unlabelled, measures: measured }, i) => {
    const many = (count: number): boolean => total > 0 && count > manyMissing * total
    const text = (count: number, what: string, reasons: (string | null)[]): Alarm => ({
      method,
      text: count === total ? `none of its ${total} responses has a ${what}${mostFrequent(reasons)}` : `${count} of its ${total} responses have no ${what}${mostFrequent(reasons)}; the others may be a selection`
    })
    const ofMetrics = metrics.flatMap(({ label }) => {
      const failed = measured[label]?.failed ?? 0
      return many(failed) ? [text(failed, label, measures.filter((m) => m.method === i && m.metric === label).map(({ failure }) => failure))] : []
    })
    return [...(many(unlabelled) ? [text(unlabelled, `reward (${source})`, responses.filter((r) => r.method === i).map(({ failure }) => failure))] : []), ...ofMetrics]
  })
}

function mostFrequent(reasons: (string | null)[]): string {
  const groups = [...Map.groupBy(reasons.filter((reason) => reason !== null), (reason) => reason)].sort(([, a], [, b]) => b.length - a.length)
  const [reason] = groups[0] ?? []
  return reason === undefined ? '' : ` (${reason})`
}

function rises({ low }: Comparison): boolean {
  return low !== null && low > 0
}

function falls({ difference, pHolm }: Comparison): boolean {
  return difference !== null && difference < 0 && pHolm !== null && pHolm < level
}

function change({ difference, low, high }: Comparison): string {
  return `${signed(difference)} [${signed(low)}, ${signed(high)}]`
}
