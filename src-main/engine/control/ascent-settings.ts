/** The settings that every method which ascends a value function shares. */
import { z } from 'zod'
import type { ControlPlan } from './method.ts'

const term = String.raw`\s*[1-9]\d*(\s*\*\s*-?\d+(\.\d+)?)?\s*`

export const ascentSettings = {
  valueFunction: z.int().positive().meta({ title: 'Value function' }),
  updates: z.int().min(0).max(500).default(30).meta({ title: 'Updates (n)', description: 'Steps of gradient ascent at each token' }),
  maxEdit: z.number().gt(0).max(10).nullable().default(null).meta({
    title: 'Largest edit',
    description: 'Trust region: the edit of a state is kept to at most this fraction of its length |h|; empty for none'
  }),
  further: z.string().regex(new RegExp(`^(${term}(,${term})*)?$`), 'is a list of ids, each with its weight: 3*0.5, 4').default('').meta({
    title: 'Also climb',
    description: 'Further value functions that are climbed at the same time, by id and weight, such as 3*0.5, 4'
  })
}

/** The chosen value function with weight 1, and the further ones. */
export function termsOf({ valueFunction, further }: { valueFunction: number; further: string }): ControlPlan['terms'] {
  const others = further.split(',').filter((part) => part.trim() !== '')
  return [
    { valueFunction, weight: 1 },
    ...others.map((part) => {
      const [id, weight = '1'] = part.split('*')
      return { valueFunction: Number(id), weight: Number(weight) }
    })
  ]
}
