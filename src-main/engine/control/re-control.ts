/** RE-Control (Kong et al., NeurIPS 2024): gradient ascent on the value of the state, at every generated token. */
import { z } from 'zod'
import { ascentSettings, termsOf } from './ascent-settings.ts'
import type { SteeringMethod } from './method.ts'

const { valueFunction, ...others } = ascentSettings
const settings = z.object({
  valueFunction,
  alpha: z.number().min(0).max(20).default(2.5).meta({
    title: 'Step size (alpha)',
    description: "Length of one step along the value's gradient, in standardised states: a step of alpha c² in the raw state"
  }),
  ...others
})

export const reControl: SteeringMethod<typeof settings> = {
  name: 're-control',
  title: 'RE-Control',
  description: 'Edits the last hidden state of every generated token along the gradient of the value function.',
  source: 'arXiv:2406.05954',
  settings,
  control: (chosen) => ({ ...chosen, terms: termsOf(chosen), linear: false, target: null, tolerance: 0 })
}
