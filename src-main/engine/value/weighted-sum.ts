/**
 * A weighted sum of value functions as one value function, exactly: their hidden units side by side. The model host then
 * needs to know one network a row, and climbs several for the price of one with as many units.
 */
import type { Layer, Network } from '../../model-host/messages/train.ts'

/** All networks take states of the same length. @param terms at least one */
export function weightedSum(terms: { network: Network; weight: number }[]): Network {
  const first = terms[0] as (typeof terms)[number]
  if (terms.length === 1 && first.weight === 1) return first.network
  if (terms.every(({ network }) => network.layers.length === 1)) return linearSum(terms)
  const depth = Math.max(2, ...terms.map(({ network }) => network.layers.length))
  const deep = terms.map(({ network, weight }) => ({ layers: deepened(network.layers, depth), weight }))
  const last = depth - 1
  const layersAt = (l: number): Layer[] => deep.map(({ layers }) => layers[l] as Layer)

  const inner = layersAt(0)
  const layers: Layer[] = [{ weight: joined(inner.map((layer) => layer.weight)), bias: joined(inner.map((layer) => layer.bias)) }]
  for (let l = 1; l < last; l++) layers.push(sideBySide(layersAt(l)))
  layers.push({
    weight: joined(deep.map(({ layers: own, weight }) => (own[last] as Layer).weight.map((w) => w * weight))),
    bias: Float32Array.of(deep.reduce((sum, { layers: own, weight }) => sum + ((own[last] as Layer).bias[0] ?? 0) * weight, 0))
  })
  return { inputDim: first.network.inputDim, layers }
}

function linearSum(terms: { network: Network; weight: number }[]): Network {
  const { inputDim } = (terms[0] as (typeof terms)[number]).network
  const [weight, bias] = [new Float64Array(inputDim), new Float64Array(1)]
  for (const { network, weight: factor } of terms) {
    const layer = network.layers[0] as Layer
    layer.weight.forEach((w, d) => (weight[d]! += factor * w))
    bias[0]! += factor * (layer.bias[0] ?? 0)
  }
  return { inputDim, layers: [{ weight: Float32Array.from(weight), bias: Float32Array.from(bias) }] }
}

/** With more hidden layers: a linear V as two units, relu(V) - relu(-V); one layer as two, relu(relu(z)) = relu(z). */
function deepened(layers: Layer[], depth: number): Layer[] {
  if (layers.length === depth) return layers
  if (layers.length === 1) {
    const { weight, bias } = layers[0] as Layer
    const both: Layer = { weight: joined([weight, weight.map((w) => -w)]), bias: joined([bias, bias.map((b) => -b)]) }
    return deepened([both, { weight: Float32Array.of(1, -1), bias: Float32Array.of(0) }], depth)
  }
  const [hidden, output] = layers as [Layer, Layer]
  const units = hidden.bias.length
  const identity = new Float32Array(units * units)
  for (let j = 0; j < units; j++) identity[j * units + j] = 1
  return [hidden, { weight: identity, bias: new Float32Array(units) }, output]
}

/** Layers that do not see each other: a matrix with theirs along its diagonal. */
function sideBySide(layers: Layer[]): Layer {
  const inputsOf = ({ weight, bias }: Layer): number => weight.length / bias.length
  const inputs = layers.reduce((sum, layer) => sum + inputsOf(layer), 0)
  const bias = joined(layers.map((layer) => layer.bias))
  const weight = new Float32Array(inputs * bias.length)
  let row = 0
  let column = 0
  for (const layer of layers) {
    const own = inputsOf(layer)
    for (let i = 0; i < layer.bias.length; i++) weight.set(layer.weight.subarray(i * own, (i + 1) * own), (row + i) * inputs + column)
    row += layer.bias.length
    column += own
  }
  return { weight, bias }
}

function joined(parts: Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}
