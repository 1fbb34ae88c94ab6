/** A LoRA adapter on the model: how fine-tunes by PPO or DPO, say, join a comparison. */
import { z } from 'zod'
import { ggufPath } from './gguf-path.ts'
import type { SteeringMethod } from './method.ts'

const settings = z.object({
  loraFile: ggufPath('Adapter file', "GGUF file of a LoRA adapter of this model, as llama.cpp's convert_lora_to_gguf.py writes it"),
  scale: z.number().min(-10).max(10).default(1).meta({ title: 'Scale', description: 'What the adapter is multiplied by: 1 is as it was trained, 0 the model as it is' })
})

export const lora: SteeringMethod<typeof settings> = {
  name: 'lora',
  title: 'LoRA adapter',
  description: 'The model with a LoRA adapter, W + scale · (alpha / r) B A in the layers that it adapts, such as a fine-tune by DPO or PPO.',
  source: 'arXiv:2106.09685',
  settings,
  adapter: ({ loraFile, scale }) => ({ kind: 'lora', file: loraFile, scale })
}
