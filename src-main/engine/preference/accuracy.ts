/** How often the chosen answer of a pair scores higher. */
import type { Share } from '../../contract/preference.ts'
import { bootstrapMean } from '../evaluate/bootstrap.ts'

/** 1 where the chosen answer scores higher, 0 where the rejected one does; a draw is half a hit. */
export function hits(chosen: ArrayLike<number>, rejected: ArrayLike<number>): number[] {
  return Array.from(chosen, (score, i) => {
    const other = rejected[i] as number
    return score === other ? 0.5 : score > other ? 1 : 0
  })
}

/**
 * Their mean with Wilson's 95 % interval (1927). The pairs of one prompt are not independent: as many trials are
 * counted as there are prompts. null without pairs.
 * @param prompts one a pair
 */
export function shareOf(hits: number[], prompts: readonly string[]): Share | null {
  if (hits.length === 0) return null
  const accuracy = mean(hits)
  const n = new Set(prompts).size
  const z = 1.959964
  const center = (accuracy + (z * z) / (2 * n)) / (1 + (z * z) / n)
  const half = ((z / (1 + (z * z) / n)) * Math.sqrt((accuracy * (1 - accuracy)) / n + (z * z) / (4 * n * n)))
  return { accuracy, low: Math.max(0, center - half), high: Math.min(1, center + half) }
}

/** How much more often `hits` hit than `others` do on the same pairs: percentile bootstrap over the prompts. */
export function leadOf(hits: number[], others: number[], prompts: readonly string[]): Share | null {
  if (hits.length === 0) return null
  const byPrompt = new Map<string, number[]>()
  prompts.forEach((prompt, i) => byPrompt.set(prompt, [...(byPrompt.get(prompt) ?? []), (hits[i] as number) - (others[i] as number)]))
  const { mean: accuracy, low, high } = bootstrapMean([...byPrompt.values()].map(mean))
  return { accuracy: accuracy ?? 0, low: low ?? 0, high: high ?? 0 }
}

const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
