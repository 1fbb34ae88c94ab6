/** The way of one state by the explicit ascent, in float64: what the addon's shortcut comes to, update by update. */
import { setImmediate as breathe } from 'node:timers/promises'
import type { LandscapePath } from '../../contract/landscape.ts'
import { StudioError } from '../../contract/errors.ts'
import type { ControlInput } from '../../model-host/messages/generate.ts'
import type { Network } from '../../model-host/messages/train.ts'
import { valueAndGradient } from './forward.ts'
import { onPlane, type Plane } from './principal-plane.ts'

/**
 * One update is h += a dV/dh as in native/src/ascent.h: a is the step, or with a target 2 step (target - V) until V is
 * within the tolerance; an edit longer than maxEdit |h| is scaled back. The state stays where it is after it has arrived.
 * @param start (D) @param ascent in units of the raw state @throws StudioError 'bad-request' where V leaves the finite numbers
 */
export async function pathFrom(start: ArrayLike<number>, network: Network, plane: Plane, ascent: Omit<ControlInput, 'network'>): Promise<Pick<LandscapePath, 'steps' | 'edit'>> {
  const { stepSize, updates, target, tolerance, maxEdit } = ascent
  const length = Math.hypot(...Array.from(start))
  const longest = maxEdit === null ? Infinity : maxEdit * length
  const state = Float64Array.from(start)
  const steps: LandscapePath['steps'] = []
  let edit = 0
  for (let n = 0; n <= updates; n++) {
    const { value, gradient } = valueAndGradient(network, state)
    if (!Number.isFinite(value)) throw new StudioError('bad-request', `after ${n} updates the value is not finite: alpha is too large`)
    const [x, y] = onPlane(plane, state)
    steps.push({ x, y, value })
    if (n === updates || (target !== null && Math.abs(value - target) <= tolerance)) break
    edit = climb(state, start, gradient, target === null ? stepSize : 2 * stepSize * (target - value), longest)
    if (n % 10 === 0) await breathe()
  }
  return { steps, edit: length > 0 ? edit / length : 0 }
}

/** One update in place. @returns |h - start| */
function climb(state: Float64Array, start: ArrayLike<number>, gradient: Float64Array, step: number, longest: number): number {
  let squared = 0
  for (let d = 0; d < state.length; d++) {
    state[d]! += step * (gradient[d] as number)
    squared += ((state[d] as number) - (start[d] as number)) ** 2
  }
  const edit = Math.sqrt(squared)
  if (edit <= longest) return edit
  for (let d = 0; d < state.length; d++) {
    const from = start[d] as number
    state[d] = from + ((state[d] as number) - from) * (longest / edit)
  }
  return longest
}
