/** The flags that choose examples of a data set. */
import { answersKept, exampleFilter, split, type ExampleFilter } from '../contract/data.ts'
import { number, text, UsageError } from './arguments.ts'
import type { Input } from './command.ts'

export const exampleFlags = ['split', 'answers', 'duplicates', 'min-length', 'max-length', 'reward', 'min-reward', 'max-reward'] as const
export const exampleUsage =
  '--split train|held-out|all --answers pair|chosen|rejected|none --duplicates all|first|repeated --min-length N --max-length N --reward NAME --min-reward X --max-reward X'

/** @throws UsageError */
export function exampleFilterFrom(input: Input, search: string): ExampleFilter {
  const name = text(input, 'reward')
  const [min, max] = [number(input, 'min-reward'), number(input, 'max-reward')]
  if (name === undefined && (min !== undefined || max !== undefined)) throw new UsageError('--min-reward and --max-reward need --reward')
  return exampleFilter.parse({
    search,
    split: oneOf(input, 'split', [...split.options, 'all']) === 'all' ? null : text(input, 'split'),
    answers: oneOf(input, 'answers', answersKept.options),
    duplicates: oneOf(input, 'duplicates', ['all', 'first', 'repeated']),
    minLength: number(input, 'min-length'),
    maxLength: number(input, 'max-length'),
    reward: name === undefined ? null : { name, min, max }
  })
}

export function oneOf<T extends string>(input: Input, flag: string, choices: readonly T[]): T | undefined {
  const value = text(input, flag)
  const chosen = choices.find((choice) => choice === value)
  if (value !== undefined && chosen === undefined) throw new UsageError(`--${flag} is one of ${choices.join(', ')}, not "${value}"`)
  return chosen
}
