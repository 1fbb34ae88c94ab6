/** Two columns of figures over the prompts that both have: the difference with its interval and its test. */
import type { Comparison } from '../../contract/evaluate.ts'
import { bootstrapMean } from './bootstrap.ts'
import type { ByPrompt } from './figures.ts'
import { holm, signFlipTest } from './permutation.ts'

/** b minus a. */
export function compared(a: ByPrompt, b: ByPrompt): Comparison {
  const differences = [...b].flatMap(([example, value]) => {
    const other = a.get(example)
    return other === undefined ? [] : [value - other]
  })
  const { mean: difference, low, high } = bootstrapMean(differences)
  return { prompts: differences.length, difference, low, high, p: signFlipTest(differences), pHolm: null }
}

/** With p corrected for all of them. */
export function corrected(comparisons: Comparison[]): Comparison[] {
  const ps = holm(comparisons.map(({ p }) => p))
  return comparisons.map((one, i) => ({ ...one, pHolm: ps[i] ?? null }))
}
