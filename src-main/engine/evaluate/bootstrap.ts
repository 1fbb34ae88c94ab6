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
  const n = values.length
  const drawn = Float64Array.from(values)
  const next = indices(n)
  const means = Float64Array.from({ length: resamples }, () => {
    let sum = 0
    for (let i = 0; i < n; i++) sum += drawn[next()] as number
    return sum / n
  }).sort()
  const sorted = Array.from(means)
  return { mean: mean(values), low: quantileSorted(sorted, 0.025), high: quantileSorted(sorted, 0.975) }
}

/** Up to so many prompts their draws are kept: a table resamples as many prompts hundreds of times, each time with the same draws. */
const keptUpTo = 1500
let kept: Uint16Array = new Uint16Array()
let keptOf = 0

/** Indices below n, those of the resamples one after the other. */
function indices(n: number): () => number {
  const random = mulberry32(seed)
  if (n > keptUpTo) return () => Math.floor(random() * n)
  if (keptOf !== n) {
    kept = new Uint16Array(resamples * n)
    for (let i = 0; i < kept.length; i++) kept[i] = Math.floor(random() * n)
    keptOf = n
  }
  const all = kept
  let at = 0
  return () => all[at++] as number
}
