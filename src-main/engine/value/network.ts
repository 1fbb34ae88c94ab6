/** A value function's weights as one block of bytes: float32 little-endian, layer by layer, weight then bias. */
import { StudioError } from '../../contract/errors.ts'
import type { Layer, Network } from '../../model-host/messages/train.ts'

export function packNetwork(network: Network): Buffer {
  return Buffer.concat(network.layers.flatMap(({ weight, bias }) => [bytesOf(weight), bytesOf(bias)]))
}

/** @throws StudioError 'project-damaged' when the bytes do not fit the dimensions. */
export function unpackNetwork(bytes: Buffer, inputDim: number, hiddenDims: number[]): Network {
  const dims = [inputDim, ...hiddenDims, 1]
  const layers: Layer[] = []
  let offset = 0
  const take = (count: number): Float32Array => {
    const part = new Float32Array(count)
    const end = offset + count * 4
    if (end > bytes.length) throw new StudioError('project-damaged', "a value function's weights are shorter than its dimensions say")
    Buffer.from(part.buffer).set(bytes.subarray(offset, end))
    offset = end
    return part
  }
  for (let i = 1; i < dims.length; i++) {
    const [inputs, outputs] = [dims[i - 1] as number, dims[i] as number]
    layers.push({ weight: take(inputs * outputs), bias: take(outputs) })
  }
  if (offset !== bytes.length) throw new StudioError('project-damaged', "a value function's weights are longer than its dimensions say")
  return { inputDim, layers }
}

function bytesOf(values: Float32Array): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength)
}
