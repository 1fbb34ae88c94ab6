/** The table of an evaluation, from its responses: every figure over the same prompts. */
import { mean } from 'simple-statistics'
import type { EvaluateSettings, EvaluationTable } from '../../contract/entities.ts'
import type { ScoredResponse } from '../project/evaluations.ts'
import { bootstrapMean } from './bootstrap.ts'
import { diversity } from './diversity.ts'
import { holm, signFlipTest } from './permutation.ts'

/** @param secondsPerToken wall time a token of each method's run */
export function evaluationTable(settings: EvaluateSettings, responses: ScoredResponse[], secondsPerToken: number[]): EvaluationTable {
  const byMethod = settings.methods.map((_, method) => responses.filter((r) => r.method === method))
  return {
    methods: settings.methods.map(({ name, settings: chosen }, method) => {
      const own = byMethod[method] ?? []
      const rewards = own.flatMap((r) => (r.reward === null ? [] : [r.reward]))
      return {
        name,
        settings: chosen,
        responses: own.length,
        unlabelled: own.length - rewards.length,
        reward: bootstrapMean(rewards),
        diversity: meanOf(own.map((r) => diversity(r.text))),
        coherence: null,
        secondsPerToken: secondsPerToken[method] ?? 0,
        edit: meanOf(own.map((r) => r.edit))
      }
    }),
    paired: withHolm(settings.methods.slice(1).map(({ name }, i) => {
      const differences = pairedDifferences(byMethod[0] ?? [], byMethod[i + 1] ?? [])
      const { mean: difference, low, high } = bootstrapMean(differences)
      return { a: settings.methods[0]?.name ?? '', b: name, prompts: differences.length, difference, low, high, p: signFlipTest(differences), pHolm: null }
    }))
  }
}

function withHolm(paired: EvaluationTable['paired']): EvaluationTable['paired'] {
  const corrected = holm(paired.map(({ p }) => p))
  return paired.map((pair, i) => ({ ...pair, pHolm: corrected[i] ?? null }))
}

/** b - a on every prompt where both have a reward. */
function pairedDifferences(a: ScoredResponse[], b: ScoredResponse[]): number[] {
  const rewards = new Map(a.map((r) => [r.example, r.reward]))
  return b.flatMap((r) => {
    const other = rewards.get(r.example)
    return other === null || other === undefined || r.reward === null ? [] : [r.reward - other]
  })
}

function meanOf(values: (number | null)[]): number | null {
  const known = values.filter((value) => value !== null)
  return known.length === 0 ? null : mean(known)
}
