/** How the methods of one table are told apart: by name and, where a name comes twice, by the settings that differ. */
import type { MethodChoice } from '../../contract/control.ts'

const longestValue = 40

/** No two of them are the same. */
export function methodLabels(methods: MethodChoice[]): string[] {
  const seen = new Map<string, number>()
  return methods.map((method) => {
    const namesakes = methods.filter((other) => other.name === method.name)
    const differing = Object.keys(method.settings).filter((key) => namesakes.some((other) => other.settings[key] !== method.settings[key]))
    const label = [method.name, ...differing.map((key) => `${key} ${shortened(String(method.settings[key] ?? 'none'))}`)].join(', ')
    const times = (seen.get(label) ?? 0) + 1
    seen.set(label, times)
    return times === 1 ? label : `${label} (${times})`
  })
}

function shortened(text: string): string {
  return text.length <= longestValue ? text : `${text.slice(0, longestValue)}...`
}
