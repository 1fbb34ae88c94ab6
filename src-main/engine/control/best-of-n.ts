/** Best-of-N: draws several responses and keeps the one with the highest reward. */
import { z } from 'zod'
import { rewardName } from '../../contract/reward.ts'
import type { SteeringMethod } from './method.ts'

const settings = z.object({
  candidates: z.int().min(1).max(64).default(4).meta({ title: 'Candidates (N)', description: 'Responses drawn for each prompt; a greedy run draws them at temperature 0.7, top-k 50, top-p 0.95' }),
  reward: rewardName.default('tone').meta({ title: 'Reward', description: 'Name of a reward of the project that chooses among them' })
})

export const bestOfN: SteeringMethod<typeof settings> = {
  name: 'best-of-n',
  title: 'Best of N',
  description: 'Draws N responses and keeps the one with the highest reward: N times the cost, and the reward it is measured by should be another.',
  source: 'arXiv:2009.01325',
  settings,
  candidates: ({ candidates, reward }) => ({ count: candidates, reward })
}
