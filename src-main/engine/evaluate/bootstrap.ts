/** Percentile bootstrap intervals (Efron 1979), seeded, so that a table can be made again. */
import { mean, quantileSorted } from 'simple-statistics'

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
  const random = generator(seed)
  const means = Float64Array.from({ length: resamples }, () => {
    let sum = 0
    for (let i = 0; i < values.length; i++) sum += values[Math.floor(random() * values.length)] as number
    return sum / values.length
  }).sort()
  const sorted = Array.from(means)
  return { mean: mean(values), low: quantileSorted(sorted, 0.025), high: quantileSorted(sorted, 0.975) }
}

/** Uniform in [0, 1): mulberry32. */
function generator(state: number): () => number {
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}
