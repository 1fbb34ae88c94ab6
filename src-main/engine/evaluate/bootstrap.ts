/** Percentile bootstrap intervals (Efron 1979), seeded, so that a table can be made again. */
import { mean, quantileSorted } from 'simple-statistics'
import { mulberry32 } from './random.ts'

const resamples = 10_000
const seed = 20240605

export interface Interval {
  mean: number | null
  low: number | null
  high: number | null
}

/** Mean of the values and its 95 % interval; resamples the values, one a prompt. */
export function bootstrapMean(values: number[]): Interval {
  if (values.length === 0) return { mean: null, low: null, high: null }
  const random = mulberry32(seed)
  const means = Float64Array.from({ length: resamples }, () => {
    let sum = 0
    for (let i = 0; i < values.length; i++) sum += values[Math.floor(random() * values.length)] as number
    return sum / values.length
  }).sort()
  const sorted = Array.from(means)
  return { mean: mean(values), low: quantileSorted(sorted, 0.025), high: quantileSorted(sorted, 0.975) }
}
