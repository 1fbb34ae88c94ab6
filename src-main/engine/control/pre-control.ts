/** Pre-Control (arXiv:2510.12121): the state is steered to a value, and no further. */
import { z } from 'zod'
import { ascentSettings, termsOf } from './ascent-settings.ts'
import type { SteeringMethod } from './method.ts'

const { valueFunction, ...others } = ascentSettings
const settings = z.object({
  valueFunction,
  target: z.number().min(-20).max(20).default(1).meta({
    title: 'Target value',
    description: "The value to reach at every token, in standard deviations of the training rewards above their mean"
  }),
  tolerance: z.number().min(0).max(20).default(0.05).meta({ title: 'Tolerance', description: 'Within this of the target the edit stops' }),
  alpha: z.number().min(0).max(20).default(0.5).meta({
    title: 'Step size (alpha)',
    description: 'Of the descent on (V - target)², in standardised states: too large a step swings past the target'
  }),
  ...others
})

export const preControl: SteeringMethod<typeof settings> = {
  name: 'pre-control',
  title: 'Pre-Control',
  description: 'Edits the last hidden state of every generated token until its value is the target.',
  source: 'arXiv:2510.12121',
  settings,
  control: (chosen) => ({ ...chosen, terms: termsOf(chosen), linear: false })
}
