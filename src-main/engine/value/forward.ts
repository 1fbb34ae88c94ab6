/** V and its gradient at one state, in float64: for pictures. Generation has its own code in the addon. */
import type { Layer, Network } from '../../model-host/messages/train.ts'

/** W x + b */
export function affine({ weight, bias }: Layer, x: ArrayLike<number>): Float64Array {
  return product(weight, bias.length, x).map((z, i) => z + (bias[i] as number))
}

/** W x, of a (rows, x.length) row-major W */
export function product(weight: Float32Array, rows: number, x: ArrayLike<number>): Float64Array {
  const n = x.length
  const out = new Float64Array(rows)
  const whole = n - (n % 4)
  for (let i = 0; i < rows; i++) {
    const row = i * n
    let [a, b, c, d] = [0, 0, 0, 0] // four sums that do not wait for one another
    for (let j = 0; j < whole; j += 4) {
      a += (weight[row + j] as number) * (x[j] as number)
      b += (weight[row + j + 1] as number) * (x[j + 1] as number)
      c += (weight[row + j + 2] as number) * (x[j + 2] as number)
      d += (weight[row + j + 3] as number) * (x[j + 3] as number)
    }
    for (let j = whole; j < n; j++) a += (weight[row + j] as number) * (x[j] as number)
    out[i] = a + b + c + d
  }
  return out
}

/** V from the first layer's z = W1 h + b1 (units): what is left when z is known for many states. */
export function valueOf(network: Network, z: Float64Array): number {
  let x = z
  for (const layer of network.layers.slice(1)) x = affine(layer, relu(x))
  return x[0] as number
}

/** @param state (D) */
export function valueAndGradient(network: Network, state: Float64Array): { value: number; gradient: Float64Array } {
  const zs: Float64Array[] = []
  for (const layer of network.layers) {
    const last = zs.at(-1)
    zs.push(affine(layer, last === undefined ? state : relu(last)))
  }
  let gradient = Float64Array.of(1)
  for (let l = network.layers.length - 1; l >= 0; l--) {
    const { weight, bias } = network.layers[l] as Layer
    const inputs = weight.length / bias.length
    const below = zs[l - 1]
    const next = new Float64Array(inputs)
    for (let i = 0; i < bias.length; i++) {
      const g = gradient[i] as number
      if (g === 0) continue
      for (let j = 0, at = i * inputs; j < inputs; j++, at++) next[j]! += g * (weight[at] as number)
    }
    gradient = below === undefined ? next : next.map((g, j) => ((below[j] as number) > 0 ? g : 0))
  }
  return { value: zs.at(-1)?.[0] as number, gradient }
}

function relu(z: Float64Array): Float64Array {
  return z.map((x) => (x > 0 ? x : 0))
}
