/** The plane of the first two principal components of a collection's states. */
import { setImmediate as breathe } from 'node:timers/promises'
import { StudioError } from '../../contract/errors.ts'
import type { StatePlace } from '../project/responses.ts'
import { StateReader } from '../project/state-reader.ts'

/** More say no more about two components. */
const mostStates = 1500
/** Of the orthogonal iteration; the second component's error shrinks by (third / second variance) in each. */
const iterations = 40

export interface Plane {
  /** (n, D), the states that it was found from */
  states: Float64Array[]
  /** (D) */
  mean: Float64Array
  /** sum of |state - mean|^2 */
  variance: number
  /** orthonormal, (D) each */
  axes: [Float64Array, Float64Array]
  /** shares of the states' variance */
  explained: [number, number]
}

/** From states that are spread evenly over the collection. @throws StudioError where there are fewer than three, or no variance */
export async function principalPlane(directory: string, size: number, places: StatePlace[]): Promise<Plane> {
  const states = readSpread(directory, size, places)
  if (states.length < 3) throw new StudioError('bad-request', `the collection has ${states.length} states; a plane needs at least three`)
  const mean = new Float64Array(size)
  for (const state of states) for (let d = 0; d < size; d++) mean[d]! += (state[d] as number) / states.length
  const centred = states.map((state) => state.map((x, d) => x - (mean[d] as number)))
  const variance = centred.reduce((sum, x) => sum + dot(x, x), 0)
  if (variance === 0) throw new StudioError('bad-request', 'all states of the collection are the same')
  // begins with the two states that are longest and most different, so that the same states give the same plane
  const longest = centred.reduce((a, b) => (dot(b, b) > dot(a, a) ? b : a))
  const widest = centred.reduce((a, b) => (residue(b, longest) > residue(a, longest) ? b : a))
  let axes = orthonormal(longest, widest)
  for (let i = 0; i < iterations; i++) {
    axes = orthonormal(...(axes.map((axis) => covariance(centred, axis)) as [Float64Array, Float64Array]))
    await breathe()
  }
  return seen({ states, mean, variance }, axes)
}

/** The same with the direction as its second axis; the first is the first component without its part along it. */
export function turned({ axes: [component], ...plane }: Plane, direction: Float64Array): Plane {
  const [y, x] = orthonormal(direction, component)
  return seen(plane, [x, y])
}

function seen({ states, mean, variance }: Omit<Plane, 'axes' | 'explained'>, axes: Plane['axes']): Plane {
  const places = states.map((state) => onPlane({ mean, axes }, state))
  const share = (axis: 0 | 1): number => places.reduce((sum, place) => sum + place[axis] ** 2, 0) / variance
  return { states, mean, variance, axes, explained: [share(0), share(1)] }
}

export function onPlane({ mean, axes }: Pick<Plane, 'mean' | 'axes'>, state: ArrayLike<number>): [number, number] {
  return axes.map((axis) => axis.reduce((sum, a, d) => sum + a * ((state[d] as number) - (mean[d] as number)), 0)) as [number, number]
}

/** One response's state. @throws StudioError 'bad-request' for a token that it does not have */
export function readState(directory: string, size: number, { shard, offset, states }: StatePlace, token: number): Float64Array {
  if (token >= states) throw new StudioError('bad-request', `the response has ${states} states; there is no token ${token}`)
  const reader = new StateReader(directory, size)
  try {
    return Float64Array.from(reader.read(shard, offset + token * size * 2, 1))
  } finally {
    reader.close()
  }
}

function readSpread(directory: string, size: number, places: StatePlace[]): Float64Array[] {
  const total = places.reduce((sum, { states }) => sum + states, 0)
  const step = Math.max(1, total / mostStates)
  const reader = new StateReader(directory, size)
  const rows: Float64Array[] = []
  try {
    let before = 0
    for (const { shard, offset, states } of places) {
      for (let next = Math.ceil(rows.length * step); next < before + states; next = Math.ceil(rows.length * step)) {
        rows.push(Float64Array.from(reader.read(shard, offset + (next - before) * size * 2, 1)))
      }
      before += states
    }
  } finally {
    reader.close()
  }
  return rows
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let d = 0; d < a.length; d++) sum += (a[d] as number) * (b[d] as number)
  return sum
}

/** |x|^2 of what is left of x without its part along `axis` */
function residue(x: Float64Array, axis: Float64Array): number {
  const along = dot(axis, axis)
  return along === 0 ? dot(x, x) : dot(x, x) - dot(x, axis) ** 2 / along
}

/** X' X axis */
function covariance(rows: Float64Array[], axis: Float64Array): Float64Array {
  const out = new Float64Array(axis.length)
  for (const row of rows) {
    const along = dot(row, axis)
    for (let d = 0; d < out.length; d++) out[d]! += along * (row[d] as number)
  }
  return out
}

function orthonormal(a: Float64Array, b: Float64Array): [Float64Array, Float64Array] {
  const first = unit(a)
  const along = dot(first, b)
  return [first, unit(b.map((x, d) => x - along * (first[d] as number)))]
}

/** A direction without length stays: there is then no second component. */
function unit(x: Float64Array): Float64Array {
  const length = Math.sqrt(dot(x, x))
  return length === 0 ? x : x.map((v) => v / length)
}
