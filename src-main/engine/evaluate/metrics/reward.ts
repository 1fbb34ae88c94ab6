/**
 * Another reward of the project. A method that was trained on one reward should raise a second one too: where only its
 * own rises, it is over-optimised (Gao et al. 2023, arXiv 2210.10760).
 */
import { z } from 'zod'
import { doorsOf, rewardNamed, sourceNamed } from '../../reward/sources.ts'
import type { MetricSource } from '../metric.ts'
import { meterOf } from './scored.ts'

const settings = z.object({
  reward: z.string().min(1).max(200).meta({ title: 'Reward', description: 'Name of a reward of this project, or of a source that needs no settings' })
})

export const reward: MetricSource<typeof settings> = {
  name: 'reward',
  title: 'Another reward',
  description: 'A second reward, which the method was not trained on, by the name that it has in this project.',
  source: 'Gao et al. 2023 (arXiv 2210.10760) on over-optimisation',
  better: 'higher',
  settings,
  label: ({ reward: name }) => `reward:${name}`,
  complete(chosen, project) {
    rewardNamed(chosen.reward, null, project)
    return chosen
  },
  doorsBehind({ reward: name }, project) {
    const { source, settings: own } = rewardNamed(name, null, project)
    return doorsOf(source, own, project)
  },
  async open({ reward: name }, surroundings) {
    const { source, settings: own } = rewardNamed(name, null, surroundings.project)
    return meterOf(await source.open(own, { ...surroundings, sourceNamed }))
  }
}
