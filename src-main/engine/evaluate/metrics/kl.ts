/**
 * KL divergence of a method from the base model: the mean over a response's tokens of KL(method || base) after the
 * tokens before it, whole vocabulary, temperature 1. Exact for methods that edit the last state or change the prompt:
 * both distributions are there at every position.
 */
import { z } from 'zod'
import type { ResolvedMethod } from '../../control/methods.ts'
import { readLikelihoods, type Reading } from '../likelihoods.ts'
import type { MetricSource, ToMeasure } from '../metric.ts'

const settings = z.object({})

/** Those whose next token comes from a distribution that can be computed: an edit of the state, another prompt, and what they make together. */
const closedForm = new Set(['base', 'prompting', 're-control', 'pre-control', 'static-re'])

export const kl: MetricSource<typeof settings> = {
  name: 'kl',
  title: 'KL to the base',
  description: 'Mean over the response\'s tokens of KL(method || base) in nats: how far the method\'s next-token distribution is from the base model\'s with the plain prompt, whole vocabulary, temperature 1.',
  source: 'reward against KL: arXiv:2210.10760',
  better: null,
  settings,
  label: () => 'kl',
  open: (_settings, surroundings) =>
    Promise.resolve({
      measure: (items, tell) => readLikelihoods(items, surroundings, (item) => readingOf(item, surroundings.methods[item.method]), ({ divergence }) => mean(divergence), tell),
      close: () => {}
    })
}

/** What must be read for the KL of this method's answer to these messages; a verdict where nothing must, or can. */
export function readingOf({ messages }: Pick<ToMeasure, 'messages'>, method: ResolvedMethod | undefined): Reading {
  if (method === undefined) return { failure: 'the method that gave it is not known' }
  if (method.candidates !== null) return { failure: ofBest(method.candidates.count) }
  if (!method.name.split('+').every((part) => closedForm.has(part))) return { failure: `${method.name} has no distribution of the next token that could be compared with the base model's` }
  const changed = method.control !== null || JSON.stringify(method.messages(messages)) !== JSON.stringify(messages)
  return changed ? method : { value: 0 }
}

/** An upper bound: arXiv:2401.01879. */
function ofBest(count: number): string {
  const bound = Math.log(count) - (count - 1) / count
  return `best-of-${count} chooses among whole responses, which gives no distribution of the next token; over whole responses its KL to what the candidates are drawn from is at most log ${count} - ${count - 1}/${count} = ${bound.toFixed(3)} nats`
}

function mean(values: Float64Array | null): number {
  return values === null ? NaN : values.reduce((sum, value) => sum + value, 0) / values.length
}
