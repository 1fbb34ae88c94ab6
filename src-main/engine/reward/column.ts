/** A number that the data set brings along, the same for every response to its prompt. */
import { z } from 'zod'
import { byRule } from './by-rule.ts'
import type { RewardSource } from './source.ts'

const settings = z.object({
  column: z.string().min(1).meta({ title: 'Column', description: 'Name of a column of the data set that holds numbers' })
})

export const column: RewardSource<typeof settings> = {
  name: 'column',
  title: 'Column of the data set',
  description: 'The number in a column of the data set.',
  settings,
  open: ({ column: name }, { signal }) => Promise.resolve(byRule(({ columns }) => numberIn(columns, name), signal))
}

/** @throws Error when the column is missing or holds no finite number */
export function numberIn(columns: Record<string, unknown>, name: string): number {
  const value = Object.hasOwn(columns, name) ? columns[name] : undefined
  if (value === undefined || value === null) throw new Error(`its example has no column "${name}"`)
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  if (typeof number !== 'number' || !Number.isFinite(number)) throw new Error(`column "${name}" is not a number`)
  return number
}
