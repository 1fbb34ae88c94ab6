/**
 * CD prefix: controlled decoding token by token, with the value function as the prefix scorer.
 *
 * Mudgal et al. (arXiv:2310.17022) draw from pi(z | x, y) proportional to p(z | x, y) e^(lambda V(x, y, z)), the solution
 * of KL-regularised decoding for the value V of a prefix. Here beta is their lambda, and V is the project's value function
 * at the state that z leads to, in standard deviations of the reward. It differs from the paper in that
 * - only the most probable tokens compete, each decoded for its state, where their scorer has a head over the vocabulary;
 * - a greedy run takes the largest score, the mode of that distribution; a run that samples applies its temperature,
 *   top-k, top-p and min-p to the scores as it does to logits, so that beta 0 is the base model's own sampling;
 * - the end-of-text token competes by V of the state after it, although V was trained on the states that tokens are drawn
 *   from, of which that is none.
 */
import { z } from 'zod'
import { ascentSettings, termsOf } from './ascent-settings.ts'
import type { SteeringMethod } from './method.ts'

const { valueFunction, further } = ascentSettings
const settings = z.object({
  valueFunction,
  branches: z.int().min(1).max(64).default(8).meta({ title: 'Tokens compared (k)', description: 'So many of the most probable next tokens are decoded, as rows of one batch' }),
  beta: z.number().min(-100).max(100).default(1).meta({ title: 'Weight (beta)', description: 'A token scores log p + beta V, V of the state that it leads to; 0 is the base model' }),
  further: further.meta({ title: 'Also value', description: 'Further value functions that are added, by id and weight, such as 3*0.5, 4' })
})

export const cdPrefix: SteeringMethod<typeof settings> = {
  name: 'cd-prefix',
  title: 'CD prefix',
  description: 'Picks each token among the k most probable ones by the value of the state that it leads to: one step of k rows a token.',
  source: 'arXiv:2310.17022, as a baseline of arXiv:2406.05954',
  settings,
  // read, and not edited
  control: (chosen) => ({ terms: termsOf(chosen), linear: false, alpha: 0, updates: 0, target: null, tolerance: 0, maxEdit: null }),
  search: ({ branches, beta }) => ({ by: 'value', topK: branches, weight: beta })
}
