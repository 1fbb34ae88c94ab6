/** What is wrong with chosen settings, as far as their schema tells: said beside the form, before anything runs. */
import { settingFields, type SettingField } from '../ui/schema.ts'

/** The first fault as a sentence; null when there is none. `known` are settings that are chosen elsewhere, such as a sweep's. */
export function faultOfSettings(schema: Record<string, unknown>, settings: Record<string, unknown>, known: readonly string[] = []): string | null {
  const required = Array.isArray(schema['required']) ? schema['required'] : []
  for (const field of settingFields(schema)) {
    if (known.includes(field.name)) continue
    const fault = faultOf(field, settings[field.name], required.includes(field.name))
    if (fault !== null) return fault
  }
  return faultOfJudge(schema, settings)
}

/** A judge is an endpoint with its model's name, or a file: a schema cannot say so. */
function faultOfJudge(schema: Record<string, unknown>, { url, model, file }: Record<string, unknown>): string | null {
  const properties = (schema['properties'] ?? {}) as object
  if (!('url' in properties && 'model' in properties && 'file' in properties)) return null
  const given = (value: unknown): boolean => typeof value === 'string' && value !== ''
  if (given(url) === given(file)) return 'A judge is either an endpoint or a model file: give one of them.'
  return given(url) && !given(model) ? 'An endpoint needs the name of its model.' : null
}

function faultOf(field: SettingField, value: unknown, required: boolean): string | null {
  if (value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0)) return required ? `${field.title} is missing.` : null
  if (field.kind !== 'number') return null
  const number = Number(value)
  if (!Number.isFinite(number) || (field.integer && !Number.isInteger(number))) return `${field.title} must be a ${field.integer ? 'whole ' : ''}number.`
  if (field.min !== null && number < field.min) return `${field.title} must be at least ${field.min}.`
  if (field.max !== null && number > field.max) return `${field.title} must be at most ${field.max}.`
  return null
}

/** Index of the earlier choice that is the same as this one; -1 when none is. */
export function repeats(choices: readonly { name: string; settings: Record<string, unknown> }[], index: number): number {
  const text = ({ name, settings }: { name: string; settings: Record<string, unknown> }): string => JSON.stringify([name, Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1))])
  const own = choices[index]
  return own === undefined ? -1 : choices.slice(0, index).findIndex((other) => text(other) === text(own))
}
