/**
 * Value functions as safetensors files with the public code's names: fc1, fc2, fc3 with .weight (out, in) and .bias,
 * float32. The metadata says what a plain tensor file cannot: scale, reward units, source.
 * Format: 8 bytes length of the header, the header as JSON, the tensors' bytes (huggingface/safetensors).
 */
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import writeFileAtomic from 'write-file-atomic'
import { StudioError } from '../../contract/errors.ts'
import { statOf } from '../files.ts'
import type { Layer, Network } from '../../model-host/messages.ts'

const maxHeaderBytes = 1024 * 1024

const tensor = z.object({ dtype: z.string(), shape: z.array(z.int().nonnegative()), data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]) })
const headerSchema = z.object({ __metadata__: z.record(z.string(), z.string()).optional() }).catchall(tensor)

export async function writeSafetensors(file: string, network: Network, metadata: Record<string, string>): Promise<void> {
  const header: Record<string, unknown> = { __metadata__: metadata }
  const parts: Buffer[] = []
  let offset = 0
  let inputs = network.inputDim
  network.layers.forEach(({ weight, bias }, i) => {
    for (const [name, values, shape] of [['weight', weight, [bias.length, inputs]], ['bias', bias, [bias.length]]] as const) {
      const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength)
      header[`fc${i + 1}.${name}`] = { dtype: 'F32', shape, data_offsets: [offset, offset + bytes.length] }
      parts.push(bytes)
      offset += bytes.length
    }
    inputs = bias.length
  })
  const json = Buffer.from(JSON.stringify(header))
  const padded = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, ' ')]) // tensors begin on 8 bytes
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(padded.length))
  await writeFileAtomic(file, Buffer.concat([length, padded, ...parts]))
}

/** @throws StudioError 'not-found' or 'not-usable' */
export function readSafetensors(file: string): { network: Network; metadata: Record<string, string> } {
  const stat = statOf(file)
  if (stat === undefined) throw new StudioError('not-found', `there is no file ${file}`)
  if (!stat.isFile()) throw new StudioError('not-usable', `${file} is not a safetensors file`)
  const bytes = readFileSync(file)
  try {
    return parse(bytes)
  } catch (error) {
    const reason = error instanceof z.ZodError || error instanceof SyntaxError ? 'its header is not that of a safetensors file' : (error as Error).message
    throw new StudioError('not-usable', `${file} is not usable as a value function: ${reason}`, { cause: error })
  }
}

function parse(bytes: Buffer): { network: Network; metadata: Record<string, string> } {
  const headerBytes = bytes.length < 8 ? Infinity : Number(bytes.readBigUInt64LE(0))
  if (headerBytes > maxHeaderBytes || 8 + headerBytes > bytes.length) throw new Error('it does not begin like a safetensors file')
  const { __metadata__: metadata = {}, ...tensors } = headerSchema.parse(JSON.parse(bytes.toString('utf8', 8, 8 + headerBytes)))
  const data = bytes.subarray(8 + headerBytes)
  const layers: Layer[] = []
  let inputDim: number | null = null
  for (let i = 1; tensors[`fc${i}.weight`] !== undefined; i++) {
    const shape = tensors[`fc${i}.weight`]?.shape ?? []
    const [outputs = 0, inputs = 0] = shape
    if (shape.length !== 2 || outputs === 0) throw new Error(`fc${i}.weight is not a matrix`)
    const biases = tensors[`fc${i}.bias`]?.shape
    if (biases !== undefined && (biases.length !== 1 || biases[0] !== outputs)) throw new Error(`fc${i}.bias does not have the ${outputs} numbers of its layer`)
    const expected: number = inputDim === null ? inputs : (layers.at(-1)?.bias.length ?? 0)
    inputDim ??= inputs
    if (inputs !== expected || inputs === 0) throw new Error(`fc${i}.weight takes ${inputs} numbers, not ${expected}`)
    layers.push({ weight: values(`fc${i}.weight`, outputs * inputs), bias: values(`fc${i}.bias`, outputs) })
  }
  if (inputDim === null || layers.length < 1 || layers.length > 3 || layers.at(-1)?.bias.length !== 1) {
    throw new Error('it must hold fc1 and, for one and two hidden layers, fc2 and fc3, the last with one output')
  }
  return { network: { inputDim, layers }, metadata }

  function values(name: string, count: number): Float32Array {
    const entry = tensors[name]
    if (entry === undefined) throw new Error(`it has no ${name}`)
    const [start, end] = entry.data_offsets
    if (entry.dtype !== 'F32') throw new Error(`${name} is ${entry.dtype}; only F32 is read`)
    if (end - start !== count * 4 || end > data.length) throw new Error(`${name} does not have the ${count} numbers that its shape says`)
    const result = new Float32Array(count)
    Buffer.from(result.buffer).set(data.subarray(start, end))
    if (!result.every(Number.isFinite)) throw new Error(`${name} holds a NaN or an infinity`)
    return result
  }
}
