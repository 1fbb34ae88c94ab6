/**
 * A reward head from a safetensors file: the one linear layer behind a backbone's last state. Of the file, which may be
 * anything, only the header and the head's own tensors are read, within their bounds.
 */
import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { z } from 'zod'
import { StudioError } from '../../contract/errors.ts'
import type { Head } from '../../model-host/messages/model.ts'
import { statOf } from '../files.ts'

const maxHeaderBytes = 16 * 1024 * 1024
const maxHeadBytes = 64 * 1024 * 1024

/** Hugging Face's ...ForSequenceClassification, and what reward models have called the same layer. */
const weightName = /(^|\.)(score|classifier|reward_head|value_head|v_head)(\.summary)?\.weight$/

const tensor = z.object({ dtype: z.string(), shape: z.array(z.int().nonnegative()).max(8), data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]) })
type TensorEntry = z.infer<typeof tensor>
const headerSchema = z.record(z.string(), z.unknown())

const bytesOf = { F32: 4, F16: 2, BF16: 2 } as const

/** @throws StudioError 'not-found' or 'not-usable', saying what the file is instead */
export function readHead(file: string): Head {
  const stat = statOf(file)
  if (stat === undefined) throw new StudioError('not-found', `there is no file ${file}`)
  if (!stat.isFile()) throw new StudioError('not-usable', `${file} is not a safetensors file`)
  const descriptor = openSync(file, 'r')
  try {
    return headIn(descriptor, statSync(file).size)
  } catch (error) {
    throw new StudioError('not-usable', `${file} is not usable as a reward head: ${(error as Error).message}`, { cause: error })
  } finally {
    closeSync(descriptor)
  }
}

function headIn(file: number, size: number): Head {
  const { header, dataStart } = headerOf(file, size)
  const names = Object.keys(header).filter((name) => weightName.test(name))
  const [name] = names
  if (name === undefined) throw new Error('it has no tensor score.weight, nor one of the other names of a reward head')
  if (names.length > 1) throw new Error(`it has several that could be the head: ${names.slice(0, 5).join(', ')}`)
  const weight = entryOf(header, name)
  const [labels = 0, inputs = 0] = weight.shape.length === 1 ? [1, weight.shape[0]] : weight.shape
  if (weight.shape.length === 0 || weight.shape.length > 2 || labels === 0 || inputs === 0) throw new Error(`${name} has the shape (${weight.shape.join(', ')}), not (labels, state)`)
  const biasName = name.replace(/weight$/, 'bias')
  const bias = header[biasName] === undefined ? null : entryOf(header, biasName)
  return {
    weight: numbersOf(name, weight, labels * inputs),
    bias: bias === null ? new Float32Array(labels) : numbersOf(biasName, bias, labels)
  }

  function numbersOf(name: string, { dtype, data_offsets: [start, end] }: TensorEntry, count: number): Float32Array {
    if (!Object.hasOwn(bytesOf, dtype)) throw new Error(`${name} is ${dtype}; F32, F16 and BF16 are read`)
    const bytes = count * bytesOf[dtype as keyof typeof bytesOf]
    if (end - start !== bytes || dataStart + end > size) throw new Error(`${name} does not have the ${count} numbers that its shape says`)
    if (bytes > maxHeadBytes) throw new Error(`${name} is too large for a reward head`)
    const numbers = toFloats(readAt(file, dataStart + start, bytes), dtype as keyof typeof bytesOf)
    if (!numbers.every(Number.isFinite)) throw new Error(`${name} holds a NaN or an infinity`)
    return numbers
  }
}

function headerOf(file: number, size: number): { header: Record<string, unknown>; dataStart: number } {
  const length = size < 8 ? Infinity : Number(readAt(file, 0, 8).readBigUInt64LE(0))
  if (length > maxHeaderBytes || 8 + length > size) throw new Error('it does not begin like a safetensors file')
  try {
    return { header: headerSchema.parse(JSON.parse(readAt(file, 8, length).toString('utf8'))), dataStart: 8 + length }
  } catch {
    throw new Error('its header is not that of a safetensors file')
  }
}

function entryOf(header: Record<string, unknown>, name: string): TensorEntry {
  const parsed = tensor.safeParse(header[name])
  if (!parsed.success) throw new Error(`its header's entry ${name} is not that of a tensor`)
  return parsed.data
}

function readAt(file: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let read = 0; read < length; ) {
    const count = readSync(file, bytes, read, length - read, position + read)
    if (count === 0) throw new Error('it is cut off')
    read += count
  }
  return bytes
}

function toFloats(bytes: Buffer, dtype: keyof typeof bytesOf): Float32Array {
  const own = Uint8Array.from(bytes).buffer
  if (dtype === 'F32') return new Float32Array(own)
  if (dtype === 'F16') return Float32Array.from(new Float16Array(own))
  return new Float32Array(Uint32Array.from(new Uint16Array(own), (half) => half << 16).buffer) // the upper half of a float32
}
