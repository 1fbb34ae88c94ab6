/**
 * How good each response to one prompt is, from what people said of it: Bradley and Terry's model (1952), in which
 * response i is preferred to j with the odds p_i : p_j. A rating of a single response is a comparison with a neutral
 * one of p = 1, so ratings of both kinds speak of the same strengths. Each response also ties once with the neutral one:
 * that little prior keeps the strength of what was never beaten finite.
 */

export interface Comparison {
  /** index of a response */
  a: number
  /** index of another; null for the neutral one */
  b: number | null
  /** 1: a is better, -1: b is, 0: a tie, which is half a win for each */
  outcome: 1 | 0 | -1
  weight: number
}

const mostRounds = 10_000
const tolerance = 1e-12

/**
 * Strengths that maximise the posterior, as (p - 1) / (p + 1): -1 to 1, and 0 is as good as neutral. With single ratings
 * only that is their sum over their number plus one. (Hunter 2004, "MM algorithms for generalized Bradley-Terry models".)
 */
export function strengths(responses: number, comparisons: readonly Comparison[]): Float64Array {
  const wins = new Float64Array(responses).fill(0.5)
  for (const { a, b, outcome, weight } of comparisons) {
    wins[a]! += (weight * (1 + outcome)) / 2
    if (b !== null) wins[b]! += (weight * (1 - outcome)) / 2
  }
  let p = new Float64Array(responses).fill(1)
  for (let round = 0; round < mostRounds; round++) {
    const met = p.map((own) => 1 / (own + 1))
    for (const { a, b, weight } of comparisons) {
      const share = weight / (p[a]! + (b === null ? 1 : p[b]!))
      met[a]! += share
      if (b !== null) met[b]! += share
    }
    const next = p.map((_, i) => wins[i]! / met[i]!)
    const moved = Math.max(0, ...next.map((own, i) => Math.abs(Math.log(own / p[i]!))))
    p = next
    if (moved < tolerance) break
  }
  return p.map((own) => (own - 1) / (own + 1))
}
