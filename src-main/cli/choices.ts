/**
 * Methods and metrics as one flag lists them: names with commas between them, each with settings of its own in braces,
 *
 *   base,re-control{alpha=2,updates=30},prompting{instruction="Be kind, and brief."}
 *
 * A setting is called as in `method list` (valueFunction) or as its flag (value-function). Its value is a number, true,
 * false, null or a text; a text with a comma, a brace or a quote is quoted, with \" and \\ inside. A list is [1,"a"].
 */
import { z } from 'zod'
import { UsageError } from './arguments.ts'

export interface ListedChoice {
  name: string
  /** after a colon: the one setting that tells a metric from its namesakes, e.g. reward:people */
  argument: string | null
  settings: Record<string, unknown>
}

/** @param schemaOf settings of what has this name; throws where there is nothing @throws UsageError and what it throws */
export function readChoices(text: string, flag: string, schemaOf: (name: string) => z.ZodObject): ListedChoice[] {
  return split(text, flag).map((item) => readChoice(item, flag, schemaOf))
}

/** One of them. */
export function readChoice(item: string, flag: string, schemaOf: (name: string) => z.ZodObject): ListedChoice {
  const brace = item.indexOf('{')
  const [head, inner] = brace < 0 ? [item, null] : [item.slice(0, brace), item.slice(brace + 1, -1)]
  if (brace >= 0 && !item.endsWith('}')) throw new UsageError(`--${flag}: after the settings of "${head}" a comma or the end is expected, not "${item.slice(item.lastIndexOf('}') + 1)}"`)
  const colon = head.indexOf(':')
  const name = (colon < 0 ? head : head.slice(0, colon)).trim()
  const argument = colon < 0 ? null : head.slice(colon + 1).trim()
  if (name === '' || argument === '') throw new UsageError(`--${flag} has a name missing in "${text(item)}"`)
  return { name, argument, settings: inner === null ? {} : readSettings(inner, name, flag, schemaOf(name)) }
}

function readSettings(inner: string, name: string, flag: string, schema: z.ZodObject): Record<string, unknown> {
  const properties = z.toJSONSchema(schema, { io: 'input' }).properties ?? {}
  const settings: Record<string, unknown> = {}
  if (inner.trim() === '') return settings
  for (const pair of split(inner, flag)) {
    const at = pair.indexOf('=')
    const key = camelCase(pair.slice(0, Math.max(0, at)).trim())
    if (at < 1 || key === '') throw new UsageError(`--${flag}: ${name}{...} takes setting=value, not "${text(pair)}"`)
    if (!Object.hasOwn(properties, key)) throw new UsageError(`--${flag}: ${name} has no setting ${key}; it has ${Object.keys(properties).join(', ') || 'none'}`)
    if (Object.hasOwn(settings, key)) throw new UsageError(`--${flag}: ${name} has ${key} twice`)
    settings[key] = readValue(pair.slice(at + 1).trim(), takesText(properties[key]), `--${flag}: ${key} of ${name}`)
  }
  return settings
}

/** The schema itself checks it further, where it is used. */
function readValue(value: string, asText: boolean, what: string): unknown {
  const quoted = value.startsWith('"') || value.startsWith('[')
  if (!quoted && asText && value !== 'null') return value
  try {
    const read: unknown = JSON.parse(value)
    if (typeof read !== 'object' || read === null || Array.isArray(read)) return read
  } catch {
    if (!quoted && value !== '') return value
  }
  throw new UsageError(`${what} cannot be "${text(value)}"`)
}

/** Whether an unquoted value is a text whatever it looks like: "3" as the name of a reward. */
function takesText(property: unknown): boolean {
  const { type, anyOf } = property as { type?: unknown; anyOf?: { type?: unknown }[] }
  return type === 'string' || (anyOf?.some((branch) => branch.type === 'string') ?? false)
}

/** At the commas outside of braces, brackets and quotes. @throws UsageError where one of them does not end */
function split(list: string, flag: string): string[] {
  const items: string[] = []
  const closing: string[] = []
  let from = 0
  for (let i = 0; i < list.length; i++) {
    const character = list[i] as string
    const inside = closing.at(-1)
    if (inside === '"') {
      if (character === '\\') i++
      else if (character === '"') closing.pop()
    } else if (character === inside) closing.pop()
    else if (character === '"') closing.push('"')
    else if (character === '{') closing.push('}')
    else if (character === '[') closing.push(']')
    else if (character === '}' || character === ']') throw new UsageError(`--${flag} has a "${character}" too many in "${text(list)}"`)
    else if (character === ',' && closing.length === 0) {
      items.push(list.slice(from, i).trim())
      from = i + 1
    }
  }
  if (closing.length > 0) throw new UsageError(`--${flag} has no ${closing.at(-1)} at the end of "${text(list)}"`)
  return [...items, list.slice(from).trim()]
}

function camelCase(flag: string): string {
  return flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

function text(long: string): string {
  return long.length <= 80 ? long : `${long.slice(0, 80)}...`
}
