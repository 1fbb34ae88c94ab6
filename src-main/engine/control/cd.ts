/**
 * CD: decoding guided by a reward itself, without a trained scorer, over the most probable tokens.
 *
 * Controlled decoding (Mudgal et al., arXiv:2310.17022) draws from p(z | x, y) e^(weight V(x, y, z)), V the reward to be
 * expected of a response that goes on from (x, y, z). Here V is estimated anew at every token, by the reward of the text
 * with z and its greedy continuation (`rollout` tokens), or of the text with z as it stands (`rollout` 0, as ARGS does,
 * arXiv:2402.01694). It differs from the paper in that
 * - their V is learned from the base model's own samples; one greedy rollout is a biased estimate, of the usual
 *   continuation instead of the average one, and cut after `rollout` tokens;
 * - only the most probable tokens compete;
 * - a reward made for whole responses judges unfinished ones;
 * - `block` tokens of the chosen continuation may be kept at once: their block-wise decoding, with the blocks from the
 *   first tokens' branches instead of independent samples.
 */
import { z } from 'zod'
import type { SteeringMethod } from './method.ts'
import { searchSettings } from './search-settings.ts'

const settings = z.object({
  ...searchSettings,
  rollout: z.int().min(0).max(1024).default(8).meta({ title: 'Rollout', description: 'Tokens by which each of the compared ones is continued before it is judged; 0 judges the text as it stands' }),
  block: z.int().min(1).max(1024).default(1).meta({ title: 'Tokens kept', description: 'Of the chosen token and its continuation, at each decision' })
})

export const cd: SteeringMethod<typeof settings> = {
  name: 'cd',
  title: 'Controlled decoding (CD)',
  description:
    'Picks each token among the k most probable ones by the reward of what follows from it. Slow: k times rollout as many tokens go through the model as in the base model, and k texts are rewarded for each token (for each block with more tokens kept); the reward that it is measured by should be another.',
  source: 'arXiv:2310.17022, as a baseline of arXiv:2406.05954',
  settings,
  search: ({ branches, weight, reward, rollout, block }) => ({ by: 'reward', topK: branches, weight, reward, lookahead: rollout, keep: block, draws: true })
}
