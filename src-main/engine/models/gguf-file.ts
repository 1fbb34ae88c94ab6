/** A GGUF file's header, of a file that may be anything: read without llama.cpp, which can abort on a hostile one. */
import { gguf } from '@huggingface/gguf'
import { closeSync, openSync, readSync } from 'node:fs'
import { resolve } from 'node:path'
import { StudioError } from '../../contract/errors.ts'
import { statOf } from '../files.ts'
import { tensorBytes } from './tensor-bytes.ts'

/** bytes: a name's length, dimensions, a type and an offset; a key's length, a type and one byte */
const leastTensorInfo = 24
const leastFact = 13

export interface GgufTensor {
  name: string
  /** ggml's order: the dimension that is contiguous in memory comes first */
  shape: bigint[]
  /** as ggml numbers its types */
  dtype: number
  n_dims: number
  offset: bigint
}

export interface GgufHeader {
  /** absolute */
  file: string
  bytes: number
  metadata: Record<string, unknown>
  /** the types of its values, as GGUF numbers them */
  types: Record<string, number | undefined>
  tensors: GgufTensor[]
  /** where the tensors' offsets count from */
  dataStart: number
  parameters: number
}

/** @param purpose what it is to be, e.g. 'a model' @throws StudioError 'not-found' or 'not-usable', saying what the file is instead */
export async function readGguf(path: string, purpose: string): Promise<GgufHeader> {
  const file = resolve(path)
  const { size } = checked(file, purpose)
  let header: Awaited<ReturnType<typeof parse>>
  try {
    header = await parse(file)
  } catch (error) {
    throw unusable(file, purpose, `its header cannot be read (${error instanceof Error ? error.message : String(error)})`)
  }
  const { typedMetadata, tensorInfos, tensorDataOffset, parameterCount } = header
  // the reader takes what lies behind the end for zeros, so the end of the last tensor tells whether all is there
  const ends = tensorInfos.map((tensor) => Number(tensorDataOffset) + Number(tensor.offset) + tensorBytes(tensor))
  if (tensorInfos.length === 0 || Math.max(...ends) > size) throw unusable(file, purpose, `it is cut off after ${size} bytes`)
  if (new Set(tensorInfos.map(({ name }) => name)).size !== tensorInfos.length) throw unusable(file, purpose, 'its header names a tensor twice: it is damaged')
  const typed = Object.entries(typedMetadata as Record<string, { value: unknown; type: number }>)
  return {
    file,
    bytes: size,
    metadata: Object.fromEntries(typed.map(([key, { value }]) => [key, value])),
    types: Object.fromEntries(typed.map(([key, { type }]) => [key, type])),
    tensors: tensorInfos,
    dataStart: Number(tensorDataOffset),
    parameters: parameterCount
  }
}

export function unusable(file: string, purpose: string, reason: string): StudioError {
  return new StudioError('not-usable', `${file} is not usable as ${purpose}: ${reason}`)
}

const parse = (file: string) => gguf(file, { allowLocalFile: true, computeParametersCount: true, typedMetadata: true })

function checked(file: string, purpose: string): { size: number } {
  const stat = statOf(file)
  if (stat === undefined) throw new StudioError('not-found', `there is no file ${file}`)
  if (stat.isDirectory()) throw unusable(file, purpose, 'it is a folder')
  if (!stat.isFile()) throw unusable(file, purpose, 'it is not an ordinary file')
  const head = firstBytes(file, purpose)
  if (head.toString('latin1', 0, 4) !== 'GGUF') throw unusable(file, purpose, 'it does not begin like a GGUF file')
  // the reader takes what lies behind the end for zeros, of which it would read as many tensors as the header says
  const least = Number(head.readBigUInt64LE(8)) * leastTensorInfo + Number(head.readBigUInt64LE(16)) * leastFact
  if (least > stat.size) throw unusable(file, purpose, `its header says more than the ${stat.size} bytes that it has: it is cut off or damaged`)
  return stat
}

/** Magic, version, how many tensors, how many facts. */
function firstBytes(file: string, purpose: string): Buffer {
  const head = Buffer.alloc(24)
  try {
    const descriptor = openSync(file, 'r')
    try {
      readSync(descriptor, head, 0, head.length, 0)
    } finally {
      closeSync(descriptor)
    }
  } catch (error) {
    throw unusable(file, purpose, `it cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`)
  }
  return head
}
