/**
 * DeAL: decoding as a heuristic search (Huang et al., arXiv:2402.06147). A token's score is
 * log p(y) + weight * h(y, look-ahead): h is the reward of the response with a greedy look-ahead after it. It differs
 * from the paper in that
 * - the beam has one response: the best is kept at each decision, and never given up later;
 * - a token's own log p counts; those of the look-ahead do not, as in the paper;
 * - `block` tokens of the best path are kept at once, 1 in the paper, which spares as many decisions.
 * Where the run samples, the search still takes the best: it searches, and does not draw. CD is the same search as a
 * distribution.
 */
import { z } from 'zod'
import type { SteeringMethod } from './method.ts'
import { searchSettings } from './search-settings.ts'

const settings = z.object({
  ...searchSettings,
  lookahead: z.int().min(1).max(1024).default(16).meta({ title: 'Look-ahead', description: 'Tokens by which each of the compared ones is continued before it is judged' }),
  block: z.int().min(1).max(1024).default(4).meta({ title: 'Tokens kept', description: 'Of the best path, at each decision; 1 as in the paper' })
})

export const deal: SteeringMethod<typeof settings> = {
  name: 'deal',
  title: 'DeAL',
  description:
    'Looks ahead from each of the k most probable tokens and keeps the beginning of the path with the highest reward. Slow: k times look-ahead divided by tokens kept as many tokens go through the model as in the base model; the reward that it is measured by should be another.',
  source: 'arXiv:2402.06147',
  settings,
  search: ({ branches, weight, reward, lookahead, block }) => ({ by: 'reward', topK: branches, weight, reward, lookahead, keep: block, draws: false })
}
