/** The columns of an evaluation: its methods, then its sweep's points, then what was added later. */
import type { MethodChoice } from '../../contract/control.ts'
import type { EvaluateSettings, Sweep } from '../../contract/evaluate.ts'

export interface Column {
  choice: MethodChoice
  /** where it is in the sweep; null for all others */
  point: Record<string, number> | null
}

/** A column's place here is what responses and figures call `method`. */
export function columnsOf({ methods, sweep, further }: Pick<EvaluateSettings, 'methods' | 'sweep' | 'further'>): Column[] {
  const fixed = (choice: MethodChoice): Column => ({ choice, point: null })
  const swept = sweep === null ? [] : pointsOf(sweep).map((point): Column => ({ choice: { name: sweep.method.name, settings: { ...sweep.method.settings, ...point } }, point }))
  return [...methods.map(fixed), ...swept, ...further.map(fixed)]
}

/** Every combination; the last setting changes the fastest. */
export function pointsOf({ over }: Sweep): Record<string, number>[] {
  return Object.entries(over).reduce<Record<string, number>[]>((points, [name, values]) => points.flatMap((point) => values.map((value) => ({ ...point, [name]: value }))), [{}])
}
