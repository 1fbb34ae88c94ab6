/** A tensor that lies in a file: where its elements are, and how to read some of its rows without reading the rest. */
import type { FileHandle } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import { BadFile } from './bad-file.ts'
import { elementBytes, type DType } from './dtype.ts'

export interface Tensor {
  dtype: DType
  /** () for a single number */
  shape: number[]
  /** elements between neighbours along each dimension */
  strides: number[]
  /** byte of the file at which its first element begins */
  at: number
  /** the bytes that it lies in and their CRC-32, where the file says it */
  checked?: { at: number; bytes: number; crc32: number }
}

/** Of what is read at once: no layer of a value function and no response is longer. */
export const mostBytesAtOnce = 1024 * 1024 * 1024
/** Of a tensor that repeats its numbers: a kilobyte can say that it is a gigabyte. */
const mostRepeated = 1 << 20
const bytesOfCheck = 16 * 1024 * 1024

/** @throws BadFile for sizes that no file has */
export function elementsOf(shape: readonly number[]): number {
  const count = shape.reduce((product, size) => product * size, 1)
  if (!Number.isSafeInteger(count)) throw new BadFile(`a tensor of the shape (${shape.slice(0, 8).join(', ')}) is larger than any file`)
  return count
}

/** Strides of a tensor whose rows follow each other without gaps. */
export function rowMajor(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length)
  let stride = 1
  for (let d = shape.length - 1; d >= 0; d--) {
    strides[d] = stride
    stride *= Math.max(1, shape[d] as number)
  }
  return strides
}

/** Elements from the first to the last one, both counted: what a storage must hold behind its beginning. 0 where it is empty. */
export function spanOf({ shape, strides }: Pick<Tensor, 'shape' | 'strides'>): number {
  if (shape.includes(0)) return 0
  return shape.reduce((span, size, d) => span + (size - 1) * (strides[d] as number), 1)
}

/** Index `from` up to `from + count` of the first dimension, or for a single number the number. */
export function rowsOf(tensor: Tensor, from: number, count: number): Tensor {
  const { shape, strides, dtype, at } = tensor
  return { dtype, shape: [count, ...shape.slice(1)], strides, at: at + from * (strides[0] ?? 0) * elementBytes[dtype] }
}

/** @throws BadFile when its bytes are not those that were written */
export async function checkTensor(file: FileHandle, { checked }: Tensor, signal?: AbortSignal): Promise<void> {
  if (checked === undefined) return
  let found = 0
  for (let done = 0; done < checked.bytes; ) {
    signal?.throwIfAborted()
    const length = Math.min(checked.bytes - done, bytesOfCheck)
    found = crc32(await readBytes(file, checked.at + done, length), found)
    done += length
  }
  if (found !== checked.crc32) throw new BadFile('the numbers in it are damaged: their checksum is another')
}

/** All elements in row-major order. @throws BadFile when they are too many at once or the file ends before them */
export async function readTensor(file: FileHandle, tensor: Tensor): Promise<Buffer> {
  const width = elementBytes[tensor.dtype]
  const count = elementsOf(tensor.shape)
  const span = spanOf(tensor)
  if (Math.max(span, count) * width > mostBytesAtOnce) throw new BadFile(`a tensor of the shape (${tensor.shape.join(', ')}) is larger than ${mostBytesAtOnce / 2 ** 30} GB`)
  if (count === 0) return Buffer.alloc(0)
  if (count > span && count > mostRepeated) throw new BadFile(`a tensor of the shape (${tensor.shape.join(', ')}) has ${count} elements and only ${span} numbers: save it with .contiguous()`)
  const bytes = await readBytes(file, tensor.at, span * width)
  return isRowMajor(tensor) ? bytes : gathered(tensor, bytes, count, width)
}

/** @throws BadFile when the file ends before them */
export async function readBytes(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const bytes = Buffer.from(new ArrayBuffer(length))
  for (let read = 0; read < length; ) {
    const { bytesRead } = await file.read(bytes, read, Math.min(length - read, 64 * 1024 * 1024), at + read)
    if (bytesRead === 0) throw new BadFile('it is cut off')
    read += bytesRead
  }
  return bytes
}

function isRowMajor({ shape, strides }: Tensor): boolean {
  const expected = rowMajor(shape)
  return shape.every((size, d) => size === 1 || strides[d] === expected[d])
}

/** Elements that lie anywhere in `bytes` (a transposed or expanded tensor's) one after the other. */
function gathered({ shape, strides }: Tensor, bytes: Buffer, count: number, width: number): Buffer {
  const result = Buffer.from(new ArrayBuffer(count * width))
  const index = new Array<number>(shape.length).fill(0)
  let from = 0
  for (let to = 0; to < count; to++) {
    for (let b = 0; b < width; b++) result[to * width + b] = bytes[from * width + b] as number
    for (let d = shape.length - 1; d >= 0; d--) {
      from += strides[d] as number
      index[d] = (index[d] as number) + 1
      if ((index[d] as number) < (shape[d] as number)) break
      from -= (strides[d] as number) * (shape[d] as number)
      index[d] = 0
    }
  }
  return result
}
