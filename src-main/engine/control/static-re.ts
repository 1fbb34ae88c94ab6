/** Static representation editing: the same direction at every token, whatever the state. */
import { z } from 'zod'
import type { SteeringMethod } from './method.ts'

const settings = z.object({
  valueFunction: z.int().positive().meta({
    title: 'Value function',
    description: 'A linear one, whose gradient is the direction: trained with no hidden layer, or as the difference of means'
  }),
  edit: z.number().gt(0).max(10).default(0.3).meta({ title: 'Edit', description: 'Length of the edit as a fraction of the state, |Δh| / |h|' })
})

export const staticRe: SteeringMethod<typeof settings> = {
  name: 'static-re',
  title: 'Static RE',
  description: 'Moves the last hidden state of every generated token in one fixed direction.',
  source: 'baseline of arXiv:2406.05954',
  settings,
  // one step that is surely too long, cut to the edit's length
  control: ({ valueFunction, edit }) => ({ terms: [{ valueFunction, weight: 1 }], linear: true, alpha: 1e6, updates: 1, target: null, tolerance: 0, maxEdit: edit })
}
