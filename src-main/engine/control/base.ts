/** The model as it is. */
import { z } from 'zod'
import type { SteeringMethod } from './method.ts'

const settings = z.object({})

export const base: SteeringMethod<typeof settings> = {
  name: 'base',
  title: 'Base model',
  description: 'The model as it is, without any edit.',
  source: '',
  settings
}
