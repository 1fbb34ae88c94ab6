/** Every reward source; adding one is adding a file and a line here. */
import { z } from 'zod'
import type { RewardSource as Summary } from '../../contract/entities.ts'
import { StudioError } from '../../contract/errors.ts'
import { column } from './column.ts'
import type { RewardSource } from './source.ts'
import { tone } from './tone.ts'

const sources: readonly RewardSource[] = [tone, column]

/** @throws StudioError 'bad-request' */
export function sourceNamed(name: string): RewardSource {
  const source = sources.find((candidate) => candidate.name === name)
  if (source === undefined) throw new StudioError('bad-request', `there is no reward source ${name}; there are ${sources.map((s) => s.name).join(', ')}`)
  return source
}

export function listSources(): Summary[] {
  return sources.map(({ name, title, description, settings }) => ({ name, title, description, settings: z.toJSONSchema(settings, { io: 'input' }) }))
}
