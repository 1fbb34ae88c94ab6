import { humanName } from '../ui/schema.ts'

/** The settings of a method in one line, the value function by its name. */
export function describeSettings(settings: Record<string, unknown>, valueFunctions: readonly { id: number; name: string }[]): string {
  return Object.entries(settings)
    .flatMap(([name, value]) => {
      if (value === null || value === undefined || value === '') return []
      if (name === 'valueFunction') return [valueFunctions.find((one) => one.id === value)?.name ?? `value function ${String(value)}`]
      if (typeof value === 'string' && value.endsWith('.gguf')) return [value.split(/[\\/]/).at(-1)]
      if (typeof value === 'string') return [value.length > 40 ? `${value.slice(0, 40)}…` : value]
      if (typeof value === 'boolean') return value ? [words(name)] : []
      return [`${words(name)} ${typeof value === 'number' ? String(value) : JSON.stringify(value)}`]
    })
    .join(', ')
}

/** "maxEdit" reads "max edit". */
function words(name: string): string {
  return humanName(name).toLowerCase()
}
