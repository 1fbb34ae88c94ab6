/**
 * The safetensors format: 8 bytes length of the header, the header as JSON, the tensors' bytes without gaps
 * (huggingface/safetensors). Reading gives where the tensors lie; writing goes on as the bytes come.
 */
import type { FileHandle } from 'node:fs/promises'
import { BadFile } from './bad-file.ts'
import { elementBytes, isDType, type DType } from './dtype.ts'
import { elementsOf, readBytes, rowMajor, type Tensor } from './tensor.ts'
import { shown } from './zip.ts'

/** Value functions and states have a handful of tensors. */
const longestHeader = 1024 * 1024
const mostDimensions = 16

/** The header before its tensors, which must follow in this order, each with all its bytes. */
export function safetensorsHeader(tensors: readonly { name: string; dtype: DType; shape: number[] }[], metadata: Record<string, string>): Buffer {
  const header: Record<string, unknown> = { __metadata__: metadata }
  let offset = 0
  for (const { name, dtype, shape } of tensors) {
    const end = offset + elementsOf(shape) * elementBytes[dtype]
    header[name] = { dtype, shape, data_offsets: [offset, end] }
    offset = end
  }
  const json = Buffer.from(JSON.stringify(header))
  const padded = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, ' ')]) // tensors begin on 8 bytes
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(padded.length))
  return Buffer.concat([length, padded])
}

/** @throws BadFile for a header that does not describe the file to its last byte */
export async function readSafetensors(file: FileHandle, size: number): Promise<{ tensors: Map<string, Tensor>; metadata: Record<string, string> }> {
  if (size < 8) throw new BadFile('it does not begin like a safetensors file')
  const headerBytes = Number((await readBytes(file, 0, 8)).readBigUInt64LE())
  if (8 + headerBytes > size) throw new BadFile('it does not begin like a safetensors file')
  if (headerBytes > longestHeader) throw new BadFile(`its header has ${headerBytes} bytes; that of a value function or of states has at most ${longestHeader}`)
  const header = objectIn((await readBytes(file, 8, headerBytes)).toString('utf8'))
  const metadata = metadataOf(header.get('__metadata__'))
  header.delete('__metadata__')
  const begin = 8 + headerBytes
  const ranges: [name: string, start: number, end: number][] = []
  const tensors = new Map<string, Tensor>()
  for (const [name, entry] of header) {
    const { dtype, shape, start, end } = described(name, entry)
    if (end - start !== elementsOf(shape) * elementBytes[dtype]) throw new BadFile(`${shown(name)} does not have the bytes that its shape says`)
    ranges.push([name, start, end])
    tensors.set(name, { dtype, shape, strides: rowMajor(shape), at: begin + start })
  }
  let last = 0
  for (const [name, start, end] of ranges.sort((a, b) => a[1] - b[1] || a[2] - b[2])) {
    if (start !== last) throw new BadFile(`${shown(name)} does not begin where the tensor before it ends`)
    last = end
  }
  if (begin + last !== size) throw new BadFile(begin + last > size ? 'it is cut off' : 'there is something behind its last tensor')
  return { tensors, metadata }
}

function objectIn(text: string): Map<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new BadFile('its header is not JSON')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new BadFile('its header is not that of a safetensors file')
  const header = new Map(Object.entries(value))
  const inner = [...header.values()].reduce((sum: number, entry) => sum + (typeof entry === 'object' && entry !== null && !Array.isArray(entry) ? Object.keys(entry).length : 0), 0)
  const [outerKeys, innerKeys] = keysWritten(text)
  if (outerKeys !== header.size || innerKeys !== inner) throw new BadFile('its header says something twice, and readers differ in which of them counts')
  return header
}

/** Keys of the outermost object and of the objects in it, as they are written: JSON.parse drops all but the last of a name. */
function keysWritten(json: string): [outer: number, inner: number] {
  const keys = [0, 0, 0]
  let depth = 0
  let quoted = false
  for (let i = 0; i < json.length; i++) {
    const character = json[i] as string
    if (quoted) {
      if (character === '\\') i++
      else if (character === '"') quoted = false
    } else if (character === '"') quoted = true
    else if (character === '{' || character === '[') depth++
    else if (character === '}' || character === ']') depth--
    else if (character === ':' && depth <= 2) keys[depth]!++
  }
  return [keys[1] as number, keys[2] as number]
}

function metadataOf(value: unknown): Record<string, string> {
  if (value === undefined) return {}
  if (typeof value !== 'object' || value === null || !Object.values(value).every((one) => typeof one === 'string')) throw new BadFile('its metadata is not text')
  return value as Record<string, string>
}

function described(name: string, entry: unknown): { dtype: DType; shape: number[]; start: number; end: number } {
  const { dtype, shape, data_offsets: offsets } = (typeof entry === 'object' && entry !== null ? entry : {}) as Record<string, unknown>
  if (typeof dtype !== 'string' || !areCounts(shape) || shape.length > mostDimensions || !areCounts(offsets) || offsets.length !== 2) throw new BadFile(`its header does not describe ${shown(name)}`)
  if (!isDType(dtype)) throw new BadFile(`${shown(name)} is ${shown(dtype)}, which is not read`)
  return { dtype, shape, start: offsets[0] as number, end: offsets[1] as number }
}

function areCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((one) => Number.isSafeInteger(one) && one >= 0)
}
