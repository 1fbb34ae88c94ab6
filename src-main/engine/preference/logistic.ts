/**
 * Logistic regression with an L2 penalty, in float64: L-BFGS (Liu & Nocedal 1989) with backtracking, on the convex
 *
 *   f(w) = mean over rows of log(1 + exp(-y_i w x_i)) + strength / 2 |w|^2
 *
 * The same rows give the same bits.
 */
import { setImmediate as breathe } from 'node:timers/promises'

export interface Rows {
  /** (count, size), row-major */
  values: Float32Array
  size: number
  /** one a row: 1 or -1 */
  labels: Int8Array
}

const memory = 10
const maxIterations = 300
/** of the gradient's length, or of that at w = 0 where this is smaller than 1 */
const precision = 1e-5
const breatheEveryMs = 20

/**
 * @param rows which of the rows to learn from
 * @param start where to begin: the solution for a similar strength, or zeros
 * @throws the signal's reason
 */
export async function fitLogistic(data: Rows, rows: Uint32Array, strength: number, start: Float64Array, signal?: AbortSignal): Promise<Float64Array> {
  const size = data.size
  let point = evaluate(data, rows, strength, start)
  const target = precision * Math.min(1, norm(evaluate(data, rows, strength, new Float64Array(size)).gradient))
  const steps: { move: Float64Array; change: Float64Array; inverse: number }[] = []
  let breathed = performance.now()
  for (let iteration = 0; iteration < maxIterations && norm(point.gradient) > target; iteration++) {
    if (performance.now() - breathed > breatheEveryMs) {
      await breathe() // the engine has other things to do
      signal?.throwIfAborted()
      breathed = performance.now()
    }
    const direction = descent(point.gradient, steps)
    const slope = dot(point.gradient, direction)
    let step = steps.length === 0 ? Math.min(1, 1 / norm(point.gradient)) : 1
    let next = evaluate(data, rows, strength, moved(point.weights, direction, step))
    while (next.value > point.value + 1e-4 * step * slope && step > 1e-12) {
      step /= 2
      next = evaluate(data, rows, strength, moved(point.weights, direction, step))
    }
    if (next.value >= point.value) break // as far as float64 goes
    const move = difference(next.weights, point.weights)
    const change = difference(next.gradient, point.gradient)
    const curvature = dot(move, change)
    if (curvature > 0) steps.push({ move, change, inverse: 1 / curvature })
    if (steps.length > memory) steps.shift()
    point = next
  }
  return point.weights
}

/** Mean of log(1 + exp(-y w x)) over these rows. */
export function logisticLoss(data: Rows, rows: Uint32Array, weights: Float64Array): number {
  let loss = 0
  for (const row of rows) loss += softplus(-(data.labels[row] as number) * score(data, row, weights))
  return loss / rows.length
}

/** w x of one row */
export function score({ values, size }: Rows, row: number, weights: Float64Array): number {
  let sum = 0
  for (let i = 0, at = row * size; i < size; i++, at++) sum += (values[at] as number) * (weights[i] as number)
  return sum
}

interface Point {
  weights: Float64Array
  value: number
  gradient: Float64Array
}

function evaluate(data: Rows, rows: Uint32Array, strength: number, weights: Float64Array): Point {
  const { values, size, labels } = data
  const gradient = new Float64Array(size)
  let value = 0
  for (const row of rows) {
    const y = labels[row] as number
    const margin = y * score(data, row, weights)
    value += softplus(-margin)
    const factor = -y / (1 + Math.exp(margin))
    for (let i = 0, at = row * size; i < size; i++, at++) gradient[i]! += factor * (values[at] as number)
  }
  for (let i = 0; i < size; i++) gradient[i] = (gradient[i] as number) / rows.length + strength * (weights[i] as number)
  return { weights, value: value / rows.length + (strength / 2) * dot(weights, weights), gradient }
}

/** -H g, H the inverse Hessian as the last steps show it (two-loop recursion). */
function descent(gradient: Float64Array, steps: { move: Float64Array; change: Float64Array; inverse: number }[]): Float64Array {
  const direction = gradient.map((g) => -g)
  const shares: number[] = []
  for (const { move, change, inverse } of steps.toReversed()) {
    const share = inverse * dot(move, direction)
    shares.push(share)
    add(direction, -share, change)
  }
  const last = steps.at(-1)
  if (last !== undefined) {
    const scale = 1 / (last.inverse * dot(last.change, last.change))
    for (let i = 0; i < direction.length; i++) direction[i]! *= scale
  }
  for (const { move, change, inverse } of steps) {
    add(direction, (shares.pop() as number) - inverse * dot(change, direction), move)
  }
  return direction
}

/** log(1 + exp(x)) without overflow */
function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number)
  return sum
}

const norm = (a: Float64Array): number => Math.sqrt(dot(a, a))
const difference = (a: Float64Array, b: Float64Array): Float64Array => a.map((x, i) => x - (b[i] as number))
const moved = (a: Float64Array, direction: Float64Array, step: number): Float64Array => a.map((x, i) => x + step * (direction[i] as number))

function add(to: Float64Array, factor: number, a: Float64Array): void {
  for (let i = 0; i < to.length; i++) to[i]! += factor * (a[i] as number)
}
