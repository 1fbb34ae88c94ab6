/** A command's words as typed input; a method's or a source's flags come from its own settings schema. */
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { StudioError } from '../contract/errors.ts'
import type { Command, Input } from './command.ts'

export class UsageError extends StudioError {
  constructor(message: string) {
    super('bad-request', message)
  }
}

/** @throws UsageError for a missing word, an unknown flag or a flag without its value */
export function parseArguments(command: Command, words: string[]): Input {
  const options: Record<string, { type: 'string' | 'boolean'; multiple: boolean }> = { json: { type: 'boolean', multiple: true } }
  for (const flag of command.switches ?? []) options[flag] = { type: 'boolean', multiple: true }
  for (const flag of command.flags) options[flag] = { type: 'string', multiple: true }
  let parsed: { positionals: string[]; values: Record<string, unknown> }
  try {
    parsed = parseArgs({ args: joinNegativeNumbers(words), options, allowPositionals: true, strict: true })
  } catch (error) {
    throw new UsageError((error instanceof Error ? error.message : String(error)).split('. ')[0] ?? '')
  }
  if (parsed.positionals.length !== command.positionals.length) {
    throw new UsageError(`${command.name} takes ${command.positionals.length === 0 ? 'no words' : command.positionals.join(' ')} before its flags`)
  }
  const flags = new Map<string, string[]>()
  for (const [flag, value] of Object.entries(parsed.values)) flags.set(flag, (value as (string | boolean)[]).map(String))
  return { positionals: parsed.positionals, flags }
}

/** The last text of a flag. */
export function text(input: Input, flag: string): string | undefined {
  return input.flags.get(flag)?.at(-1)
}

/** @throws UsageError */
export function required(input: Input, flag: string): string {
  const value = text(input, flag)
  if (value === undefined) throw new UsageError(`--${flag} is missing`)
  return value
}

/** @throws UsageError */
export function number(input: Input, flag: string): number | undefined {
  const value = text(input, flag)
  return value === undefined ? undefined : toNumber(value, flag)
}

/** "a=b" of every use of a flag. @throws UsageError */
export function pairs(input: Input, flag: string): Record<string, string> {
  return Object.fromEntries(
    (input.flags.get(flag) ?? []).map((pair) => {
      const at = pair.indexOf('=')
      if (at < 1) throw new UsageError(`--${flag} takes part=column, not "${pair}"`)
      return [pair.slice(0, at), pair.slice(at + 1)]
    })
  )
}

/** The flags of a settings schema: valueFunction is --value-function. */
export function flagsOf(schema: z.ZodObject): string[] {
  return Object.keys(schema.shape).map(flagOf)
}

/** Settings from the flags that this schema names; the schema itself checks them where they are used. @throws UsageError */
export function settingsFrom(schema: z.ZodObject, input: Input): Record<string, unknown> {
  const properties = z.toJSONSchema(schema, { io: 'input' }).properties ?? {}
  const settings: Record<string, unknown> = {}
  for (const [name, property] of Object.entries(properties)) {
    const value = text(input, flagOf(name))
    if (value === undefined) continue
    const types = typesOf(property)
    const isNumber = types.includes('number') || types.includes('integer')
    if (types.includes('array')) settings[name] = input.flags.get(flagOf(name)) // every use of the flag is one of the list
    else settings[name] = isNumber ? toNumber(value, flagOf(name)) : types.includes('boolean') ? value === 'true' : value
  }
  return settings
}

/** The types that a property allows: one, or those of its branches where it may be null too. */
function typesOf(property: z.core.JSONSchema._JSONSchema): unknown[] {
  if (typeof property === 'boolean') return []
  return property.anyOf === undefined ? [property.type] : property.anyOf.flatMap(typesOf)
}

function flagOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

function toNumber(value: string, flag: string): number {
  const number = Number(value)
  if (value.trim() === '' || !Number.isFinite(number)) throw new UsageError(`--${flag} takes a number, not "${value}"`)
  return number
}

/** `--alpha -1` as `--alpha=-1`, which parseArgs would take for a flag otherwise. */
function joinNegativeNumbers(words: string[]): string[] {
  const joined: string[] = []
  for (const word of words) {
    const last = joined.at(-1)
    if (/^-\.?\d/.test(word) && last?.startsWith('--') === true && !last.includes('=')) joined[joined.length - 1] = `${last}=${word}`
    else joined.push(word)
  }
  return joined
}
