/** Another model as a column: a fine-tune that changed the weights themselves, or simply a rival. */
import { z } from 'zod'
import { ggufPath } from './gguf-path.ts'
import type { SteeringMethod } from './method.ts'

const settings = z.object({
  modelFile: ggufPath('Model file', 'GGUF file of a model that generates; its own chat template applies')
})

export const model: SteeringMethod<typeof settings> = {
  name: 'model',
  title: 'Another model',
  description: "Another model's own responses to the same prompts, such as those of a fine-tune by PPO or DPO. It is loaded for as long as it generates.",
  source: 'baseline of arXiv:2406.05954',
  settings,
  model: ({ modelFile }) => modelFile
}
