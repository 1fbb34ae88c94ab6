/** The fields of a form from a JSON Schema: the part of the language that settings of methods and sources use. */

interface Named {
  name: string
  title: string
  description: string
  nullable: boolean
  initial: unknown
}
export interface NumberField extends Named {
  kind: 'number'
  integer: boolean
  min: number | null
  max: number | null
}
export interface TextField extends Named {
  kind: 'text'
  long: boolean
  /** what the names of files end in that it takes a path of; null: it is no path */
  extensions: string[] | null
}
export interface FlagField extends Named {
  kind: 'flag'
}
export interface ChoiceField extends Named {
  kind: 'choice'
  options: { value: string | number; label: string }[]
}
export interface LinesField extends Named {
  kind: 'lines'
}
export type SettingField = NumberField | TextField | FlagField | ChoiceField | LinesField

type Schema = Record<string, unknown>

/** The fields in the schema's order; a property of a kind that no form can show is left to its default. */
export function settingFields(schema: Schema): SettingField[] {
  return Object.entries(asSchema(schema['properties'])).flatMap(([name, property]) => {
    const field = settingField(name, asSchema(property))
    return field === null ? [] : [field]
  })
}

/** The schema's defaults; a property without one is left out. */
export function defaultSettings(schema: Schema): Record<string, unknown> {
  return Object.fromEntries(
    settingFields(schema)
      .filter((field) => field.initial !== undefined)
      .map((field) => [field.name, field.initial])
  )
}

/** "maxTokens" reads "Max tokens". */
export function humanName(name: string): string {
  const words = name.replace(/([a-z0-9])([A-Z])/g, '$1 $2').replaceAll(/[-_]/g, ' ').toLowerCase()
  return words.charAt(0).toUpperCase() + words.slice(1)
}

function settingField(name: string, property: Schema): SettingField | null {
  const branches = [property['anyOf'], property['oneOf']].flatMap((list) => (Array.isArray(list) ? list.map(asSchema) : []))
  const real = branches.filter((branch) => branch['type'] !== 'null')
  const only = real.length === 1 ? real[0] : undefined
  const nullable = branches.length > real.length
  const schema: Schema = only === undefined ? property : { ...only, ...property }
  const named: Named = {
    name,
    title: text(schema['title']) ?? humanName(name),
    description: text(schema['description']) ?? '',
    nullable,
    initial: schema['default'] ?? (nullable ? null : undefined)
  }

  const options = choices(schema, real)
  if (options.length > 0) return { ...named, kind: 'choice', options }
  switch (schema['type']) {
    case 'number':
    case 'integer':
      return {
        ...named,
        kind: 'number',
        integer: schema['type'] === 'integer',
        min: bound(schema['minimum'] ?? schema['exclusiveMinimum']),
        max: bound(schema['maximum'] ?? schema['exclusiveMaximum'])
      }
    case 'boolean':
      return { ...named, kind: 'flag' }
    case 'string':
      return { ...named, kind: 'text', long: isLong(named, schema), extensions: extensionsOf(schema) }
    case 'array':
      return asSchema(schema['items'])['type'] === 'string' ? { ...named, kind: 'lines' } : null
    default:
      return null
  }
}

function choices(schema: Schema, branches: Schema[]): ChoiceField['options'] {
  const values = Array.isArray(schema['enum']) ? schema['enum'] : branches.map((branch) => branch['const'])
  return values
    .filter((value): value is string | number => typeof value === 'string' || typeof value === 'number')
    .map((value) => ({ value, label: String(value) }))
}

/** Schemas of whole numbers carry the largest safe integers as bounds, which bound nothing. */
function bound(value: unknown): number | null {
  return typeof value === 'number' && Math.abs(value) < 1e9 ? value : null
}

/** A path has the format gguf-file, say. */
function extensionsOf(schema: Schema): string[] | null {
  const extension = /^(\w+)-file$/.exec(text(schema['format']) ?? '')?.[1]
  return extension === undefined ? null : [extension]
}

function isLong(named: Named, schema: Schema): boolean {
  const most = schema['maxLength']
  return /prompt|instruction|template|principle/i.test(named.name) || (typeof most === 'number' && most > 500) || (text(named.initial)?.length ?? 0) > 60
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function asSchema(value: unknown): Schema {
  return typeof value === 'object' && value !== null ? (value as Schema) : {}
}
