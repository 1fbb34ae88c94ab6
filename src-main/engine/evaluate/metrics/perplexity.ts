/** Perplexity under the base model: how unlikely it finds a response after the plain prompt, whatever method gave it. */
import { z } from 'zod'
import { readLikelihoods } from '../likelihoods.ts'
import type { MetricSource } from '../metric.ts'

const settings = z.object({})

export const perplexity: MetricSource<typeof settings> = {
  name: 'perplexity',
  title: 'Perplexity under the base',
  description:
    'exp(-mean log p) of the response\'s tokens under the base model with the plain prompt, whole vocabulary, temperature 1. A response that repeats itself is likely too: low is fluent only beside diversity.',
  source: 'Jelinek et al. 1977',
  better: 'lower',
  settings,
  label: () => 'perplexity',
  open: (_settings, surroundings) =>
    Promise.resolve({
      measure: (items, tell) => readLikelihoods(items, surroundings, () => 'base', ({ base }) => perplexityOf(base), tell),
      close: () => {}
    })
}

/** @param logProbabilities of at least one token, in nats */
export function perplexityOf(logProbabilities: Float64Array): number {
  return Math.exp(-logProbabilities.reduce((sum, log) => sum + log, 0) / logProbabilities.length)
}
