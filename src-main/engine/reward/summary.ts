/** Mean, spread and histogram of a source's rewards. */
import { max, mean, min, sampleStandardDeviation } from 'simple-statistics'
import type { RewardSummary } from '../../contract/entities.ts'
import type { Label } from '../project/rewards.ts'

const bins = 24
const failuresShown = 100

export function summarise(source: string, labels: Label[]): RewardSummary {
  const values = labels.flatMap((label) => (label.value === null ? [] : [label.value]))
  const failures = labels.flatMap((label) => (label.failure === null ? [] : [{ response: label.response, reason: label.failure }]))
  return {
    source,
    labelled: values.length,
    failed: failures.length,
    mean: values.length === 0 ? null : mean(values),
    sd: values.length < 2 ? null : sampleStandardDeviation(values),
    histogram: histogram(values),
    failures: failures.slice(0, failuresShown)
  }
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
