/** What the methods of a table are called on the screen: by their titles, as everywhere in the window. Files and the terminal keep their names. */
import { control } from '../../state/control.svelte.ts'
import type { MethodRow } from './figures.ts'

export function titleOf(name: string): string {
  return control.methods.find((method) => method.name === name)?.title ?? name
}

/** A label begins with the method's name; the settings that tell it from its namesakes follow. */
export function labelOf({ name, label }: Pick<MethodRow, 'name' | 'label'>): string {
  return label.startsWith(name) ? `${titleOf(name)}${label.slice(name.length)}` : titleOf(name)
}
