/** How the methods of one table are told apart: by name and, where a name comes twice, by the settings that differ. */
import type { EvaluationTable } from '../../contract/entities.ts'

export function methodLabels(methods: EvaluationTable['methods']): string[] {
  return methods.map((method) => {
    const namesakes = methods.filter((other) => other.name === method.name)
    const differing = Object.keys(method.settings).filter((key) => namesakes.some((other) => other.settings[key] !== method.settings[key]))
    return [method.name, ...differing.map((key) => `${key} ${String(method.settings[key])}`)].join(', ')
  })
}
