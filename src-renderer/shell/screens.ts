/** The screens of the stages, in the order in which they are usually needed. */
import type { StageName } from '../../src-main/contract/project.ts'
import { Late } from './late.svelte.ts'

export const screens = new Late<StageName>({
  model: () => import('../stages/Model/Model.svelte'),
  data: () => import('../stages/Data/Data.svelte'),
  chat: () => import('../stages/Chat/Chat.svelte'),
  collect: () => import('../stages/Collect/Collect.svelte'),
  reward: () => import('../stages/Reward/Reward.svelte'),
  train: () => import('../stages/Train/Train.svelte'),
  evaluate: () => import('../stages/Evaluate/Evaluate.svelte')
})
