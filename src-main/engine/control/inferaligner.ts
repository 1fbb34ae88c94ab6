/** InferAligner (arXiv:2401.11206): a steering vector that is only applied where a probe of the prompt asks for it. */
import { z } from 'zod'
import { vectorPlan } from './control-vector.ts'
import { ggufPath } from './gguf-path.ts'
import type { SteeringMethod } from './method.ts'
import { staticRe } from './static-re.ts'

const settings = z.object({
  valueFunction: z.int().positive().meta({
    title: 'Value function',
    description: 'A linear one, whose gradient is the direction that responses are steered along; where a control vector is named, any'
  }),
  probe: z.int().positive().nullable().default(null).meta({
    title: 'Probe',
    description: "Value function that is read at the prompt's last state, linear or not; empty for the one that gives the direction"
  }),
  steer: z.enum(['below', 'above']).default('below').meta({ title: 'Steer', description: 'The responses to prompts whose value is below, or above, the threshold' }),
  threshold: z.number().min(-20).max(20).default(0).meta({ title: 'Threshold', description: 'In standard deviations of the training rewards above their mean' }),
  edit: z.number().gt(0).max(10).default(0.3).meta({ title: 'Edit', description: 'Length of the edit as a fraction of the state, |Δh| / |h|; not of a control vector' }),
  vector: ggufPath('Control vector file', 'GGUF file with direction.1, direction.2 and so on, which steers all layers instead of the last state').nullable().default(null),
  strength: z.number().min(-100).max(100).default(1).meta({ title: 'Strength', description: 'What the control vector is multiplied by' })
})

export const inferAligner: SteeringMethod<typeof settings> = {
  name: 'inferaligner',
  title: 'InferAligner',
  description:
    "Steers a response along a fixed direction only where a probe of the prompt's last state says so; otherwise it is the base model's. The paper steers the activations of all layers; here the last hidden state, or all layers where a control vector is named.",
  source: 'arXiv:2401.11206',
  settings,
  control: ({ valueFunction, edit, vector }) => (vector === null ? (staticRe.control?.({ valueFunction, edit }) ?? null) : null),
  adapter: ({ vector, strength }) => (vector === null ? null : vectorPlan({ vectorFile: vector, strength, firstLayer: 1, lastLayer: null })),
  gate: ({ valueFunction, probe, steer, threshold }) => ({ valueFunction: probe ?? valueFunction, side: steer, threshold })
}
