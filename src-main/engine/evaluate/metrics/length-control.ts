/**
 * The win rate at equal lengths, after AlpacaEval 2 (Dubois et al. 2024, arXiv 2404.04475): judges prefer the longer
 * response. A logistic regression of the outcome y (1, 0, or 0.5 for a tie) on the difference of log lengths,
 *
 *   P(win) = sigmoid(a + b x),  x = (log(1 + characters) - log(1 + the other's)) / sd of these differences,
 *
 * evaluated at x = 0. x is not centred, so that 0 is equal length. b has a standard normal prior, which keeps it finite
 * where length separates wins from losses. Unlike AlpacaEval there is no term for the difficulty of each prompt, and
 * the logarithm stands in for its tanh.
 */
import { quantileSorted, standardDeviation } from 'simple-statistics'
import type { Interval } from '../bootstrap.ts'
import { mulberry32 } from '../random.ts'

export interface Pair {
  /** prompts are drawn anew by the bootstrap, not responses */
  example: number
  /** 1, 0.5 or 0 */
  value: number
  /** in characters */
  length: number
  otherLength: number
}

interface Fit {
  a: number
  b: number
}

/** Below it a regression says nothing. */
const fewestPairs = 10
const resamples = 1000
const seed = 20240404
const maxIterations = 50
/** of a and b */
const precision = 1e-9
/** of the objective, relative: what less it falls by is rounding */
const rounding = 1e-12

/** null where there are too few pairs, or where all differ in length by the same: then the two cannot be told apart. */
export function lengthControlled(pairs: Pair[]): Interval {
  const none = { mean: null, low: null, high: null }
  if (pairs.length < fewestPairs) return none
  const differences = pairs.map(({ length, otherLength }) => Math.log1p(length) - Math.log1p(otherLength))
  const sd = standardDeviation(differences)
  if (sd < 1e-12 && differences.some((difference) => difference !== 0)) return none
  const x = differences.map((difference) => (difference === 0 ? 0 : difference / sd))
  const y = pairs.map(({ value }) => value)
  const fit = fitted(x, y, pairs.map((_, i) => i), { a: 0, b: 0 })

  const byPrompt = [...Map.groupBy(pairs.keys(), (i) => (pairs[i] as Pair).example).values()]
  const random = mulberry32(seed)
  const rates = Array.from({ length: resamples }, () => {
    const rows = Array.from(byPrompt, () => byPrompt[Math.floor(random() * byPrompt.length)] as number[]).flat()
    return rateOf(rows.map((i) => y[i] as number), fitted(x, y, rows, fit))
  }).sort((one, other) => one - other)
  return { mean: rateOf(y, fit), low: quantileSorted(rates, 0.025), high: quantileSorted(rates, 0.975) }
}

function rateOf(outcomes: number[], { a }: Fit): number {
  const [first = 0] = outcomes
  return (first === 0 || first === 1) && outcomes.every((outcome) => outcome === first) ? first : sigmoid(a)
}

/** The maximum of sum(y log p + (1 - y) log(1 - p)) - b^2 / 2 over these rows, by Newton's method with halved steps. */
function fitted(x: number[], y: number[], rows: number[], start: Fit): Fit {
  const objective = ({ a, b }: Fit): number => {
    let sum = -(b * b) / 2
    for (const i of rows) sum += y[i]! * (a + b * x[i]!) - softplus(a + b * x[i]!)
    return sum
  }
  let fit = start
  let value = objective(fit)
  for (let iteration = 0; iteration < maxIterations; iteration++) {
    let [gradientA, gradientB, aa, ab, bb] = [0, -fit.b, 0, 0, 1]
    for (const i of rows) {
      const p = sigmoid(fit.a + fit.b * x[i]!)
      const rest = y[i]! - p
      const weight = p * (1 - p)
      gradientA += rest
      gradientB += rest * x[i]!
      aa += weight
      ab += weight * x[i]!
      bb += weight * x[i]! * x[i]!
    }
    const determinant = aa * bb - ab * ab
    if (determinant < 1e-12) break // every outcome is a win, or every one a loss
    const move = { a: (bb * gradientA - ab * gradientB) / determinant, b: (aa * gradientB - ab * gradientA) / determinant }
    if (Math.abs(move.a) + Math.abs(move.b) < precision) break
    let step = 1
    let next = fit
    let nextValue = -Infinity
    for (; step > 1e-6; step /= 2) {
      next = { a: fit.a + step * move.a, b: fit.b + step * move.b }
      nextValue = objective(next)
      if (nextValue >= value - rounding * Math.abs(value)) break
    }
    fit = next
    value = nextValue
  }
  return fit
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x))

/** log(1 + exp(x)) without overflow */
const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))
