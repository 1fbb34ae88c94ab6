/** The settings that every method which searches by a reward shares. */
import { z } from 'zod'
import { rewardName } from '../../contract/reward.ts'

export const searchSettings = {
  branches: z.int().min(1).max(64).default(4).meta({ title: 'Tokens compared (k)', description: 'So many of the most probable next tokens are judged by what follows from them' }),
  weight: z.number().min(-1e6).max(1e6).default(1).meta({ title: 'Weight', description: 'A token scores log p + weight times the reward, in the reward\'s own units; 0 is the base model' }),
  reward: rewardName.default('tone').meta({ title: 'Reward', description: 'Name of a reward of the project that judges what follows' })
}
