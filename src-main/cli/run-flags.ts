/** Flags that several commands share. */
import { split, type Split } from '../contract/data.ts'
import { sampling, type Sampling } from '../contract/shared.ts'
import { number, text, UsageError } from './arguments.ts'
import type { Input } from './command.ts'

export const samplingFlags = ['temperature', 'top-k', 'top-p', 'min-p'] as const
export const runFlags = ['limit', 'split', 'max-tokens', 'parallel', 'seed', ...samplingFlags] as const
export const runSwitches = ['deterministic'] as const

/** What is not given is left to the schema's defaults. */
export function samplingFrom(input: Input): Sampling {
  return sampling.parse({ temperature: number(input, 'temperature'), topK: number(input, 'top-k'), topP: number(input, 'top-p'), minP: number(input, 'min-p') })
}

export interface RunFlags {
  limit?: number
  split?: Split | null
  maxTokens?: number
  parallel?: number
  seed?: number
  deterministic: boolean
  sampling: Sampling
}

/** @throws UsageError or ZodError */
export function runFlagsFrom(input: Input): RunFlags {
  return {
    limit: number(input, 'limit'),
    split: splitFrom(input),
    maxTokens: number(input, 'max-tokens'),
    parallel: number(input, 'parallel'),
    seed: number(input, 'seed'),
    deterministic: input.flags.has('deterministic'),
    sampling: samplingFrom(input)
  }
}

/** undefined where it is not given, null for all */
function splitFrom(input: Input): Split | null | undefined {
  const given = text(input, 'split')
  if (given === undefined) return undefined
  if (given === 'all') return null
  const parsed = split.safeParse(given)
  if (!parsed.success) throw new UsageError(`--split is train, held-out or all, not "${given}"`)
  return parsed.data
}
