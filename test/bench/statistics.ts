/** The middle and the spread of repeated measurements. */
import { max, median, min, quantile } from 'simple-statistics'

/** Fewer repetitions than this are no measurement. */
export const leastRepetitions = 5

export interface Spread {
  median: number
  /** first and third quartile */
  low: number
  high: number
  least: number
  most: number
  count: number
}

/** @throws RangeError for fewer than five values, and for one that is not finite */
export function spreadOf(values: readonly number[]): Spread {
  if (values.length < leastRepetitions) throw new RangeError(`${values.length} repetitions are fewer than ${leastRepetitions}`)
  if (!values.every(Number.isFinite)) throw new RangeError('a measured value is not finite')
  const all = [...values]
  return { median: median(all), low: quantile(all, 0.25), high: quantile(all, 0.75), least: min(all), most: max(all), count: all.length }
}

/** variant / base of each round, so that what slows both in one round cancels out. @throws RangeError as spreadOf, and for unequal lengths */
export function ratios(variant: readonly number[], base: readonly number[]): Spread {
  if (variant.length !== base.length) throw new RangeError(`${variant.length} measurements against ${base.length}`)
  return spreadOf(variant.map((value, round) => value / (base[round] as number)))
}

/** The median in milliseconds of times in seconds. */
export function milliseconds(seconds: readonly number[]): number {
  return median([...seconds]) * 1000
}
