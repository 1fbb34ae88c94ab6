/** Mean, spread and histogram of what is labelled under a name, and how the names of a collection go together. */
import { max, mean, min, sampleCorrelation, sampleStandardDeviation } from 'simple-statistics'
import type { RewardCorrelation, RewardSummary } from '../../contract/reward.ts'
import type { Project } from '../project/project.ts'
import type { Label, Labelling } from '../project/rewards.ts'

const bins = 24
const failuresShown = 100

/** @throws StudioError 'not-found' */
export function rewardSummary(project: Project, collection: number, name: string): RewardSummary {
  const labelling = project.rewards.labelling(collection, name)
  return summarise(labelling, project.rewards.labels(labelling.id), project.collections.get(collection).responses)
}

export function rewardSummaries(project: Project, collection: number): RewardSummary[] {
  const { responses } = project.collections.get(collection)
  return project.rewards.labellings(collection).map((labelling) => summarise(labelling, project.rewards.labels(labelling.id), responses))
}

/** @param responses how many the collection has */
export function summarise({ name, source, settings }: Pick<Labelling, 'name' | 'source' | 'settings'>, labels: Label[], responses: number): RewardSummary {
  const values = labels.flatMap((label) => (label.value === null ? [] : [label.value]))
  const failures = labels.flatMap((label) => (label.failure === null ? [] : [{ response: label.response, reason: label.failure }]))
  return {
    name, source, settings,
    labelled: values.length,
    failed: failures.length,
    waiting: responses - labels.length,
    mean: values.length === 0 ? null : mean(values),
    sd: values.length < 2 ? null : sampleStandardDeviation(values),
    min: values.length === 0 ? null : min(values),
    max: values.length === 0 ? null : max(values),
    histogram: histogram(values),
    failures: failures.slice(0, failuresShown)
  }
}

/** Every two names that count in the collection, over the responses that both have labelled. @throws StudioError 'not-found' */
export function rewardCorrelations(project: Project, collection: number): RewardCorrelation[] {
  project.collections.get(collection)
  const columns = project.rewards.labellings(collection).map(({ id, name }) => ({ name, labels: project.rewards.labels(id) }))
  return columns.flatMap((a, i) => columns.slice(i + 1).map((b) => ({ a: a.name, b: b.name, ...correlation(a.labels, b.labels) })))
}

/** Pearson's r of the values and Spearman's of their ranks. */
export function correlation(a: Label[], b: Label[]): Omit<RewardCorrelation, 'a' | 'b'> {
  const others = new Map(b.map(({ response, value }) => [response, value]))
  const pairs = a.flatMap(({ response, value }) => {
    const other = others.get(response) ?? null
    return value === null || other === null ? [] : [[value, other] as const]
  })
  const [x, y] = [pairs.map(([value]) => value), pairs.map(([, other]) => other)]
  if (pairs.length < 3 || min(x) === max(x) || min(y) === max(y)) return { responses: pairs.length, pearson: null, spearman: null }
  return { responses: pairs.length, pearson: pearson(x, y), spearman: pearson(ranks(x), ranks(y)) }
}

/** null where the squares of so small numbers vanish */
function pearson(x: number[], y: number[]): number | null {
  const r = sampleCorrelation(x, y)
  return Number.isFinite(r) ? Math.max(-1, Math.min(1, r)) : null
}

/** From 1; equal values share the mean of their ranks. */
function ranks(values: number[]): number[] {
  const order = values.map((value, i) => ({ value, i })).sort((a, b) => a.value - b.value)
  const result = new Array<number>(values.length)
  for (let start = 0; start < order.length; ) {
    let end = start
    while (end < order.length && order[end]!.value === order[start]!.value) end++
    for (let at = start; at < end; at++) result[order[at]!.i] = (start + end + 1) / 2
    start = end
  }
  return result
}

function histogram(values: number[]): RewardSummary['histogram'] {
  if (values.length === 0) return []
  const [low, high] = [min(values), max(values)]
  if (low === high) return [{ from: low, to: high, count: values.length }]
  const width = (high - low) / bins
  const counts = new Array<number>(bins).fill(0)
  for (const value of values) counts[Math.min(bins - 1, Math.floor((value - low) / width))]!++
  return counts.map((count, i) => ({ from: low + i * width, to: low + (i + 1) * width, count }))
}
