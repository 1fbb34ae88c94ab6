/** A file of tensors of any kind that is read, told by its first bytes: safetensors or what torch.save writes. */
import { open, type FileHandle } from 'node:fs/promises'
import { StudioError } from '../../contract/errors.ts'
import { statOf } from '../files.ts'
import { BadFile, naming } from './bad-file.ts'
import { beginsLikePickle, beginsLikeZip, readPth } from './pth.ts'
import { readSafetensors } from './safetensors.ts'
import { checkTensor, readBytes, readTensor, rowsOf, type Tensor } from './tensor.ts'

export class TensorFile {
  readonly path: string
  readonly bytes: number
  readonly tensors: ReadonlyMap<string, Tensor>
  readonly metadata: Record<string, string>
  readonly #handle: FileHandle

  private constructor(path: string, bytes: number, handle: FileHandle, content: { tensors: Map<string, Tensor>; metadata: Record<string, string> }) {
    this.path = path
    this.bytes = bytes
    this.#handle = handle
    this.tensors = content.tensors
    this.metadata = content.metadata
  }

  /** @throws StudioError 'not-found' or 'not-usable' */
  static async open(path: string): Promise<TensorFile> {
    const stat = statOf(path)
    if (stat === undefined) throw new StudioError('not-found', `there is no file ${path}`)
    if (!stat.isFile()) throw new StudioError('not-usable', `${path} cannot be used: it is not an ordinary file`)
    const handle = await open(path)
    try {
      return new TensorFile(path, stat.size, handle, await naming(path, () => contentOf(handle, stat.size)))
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  /** @throws BadFile when there is none */
  tensor(name: string): Tensor {
    const tensor = this.tensors.get(name)
    if (tensor === undefined) throw new BadFile(name === '' ? 'it is not a single tensor' : `it has no tensor ${name}`)
    return tensor
  }

  /** Elements in row-major order: of the whole tensor, or of `count` entries of its first dimension. @throws BadFile */
  read(tensor: Tensor, from = 0, count: number | null = null): Promise<Buffer> {
    return readTensor(this.#handle, count === null ? tensor : rowsOf(tensor, from, count))
  }

  /** Reads what the file has a checksum of. @throws BadFile */
  check(tensor: Tensor, signal?: AbortSignal): Promise<void> {
    return checkTensor(this.#handle, tensor, signal)
  }

  close(): Promise<void> {
    return this.#handle.close()
  }
}

async function contentOf(handle: FileHandle, size: number): Promise<{ tensors: Map<string, Tensor>; metadata: Record<string, string> }> {
  const head = await readBytes(handle, 0, Math.min(size, 16))
  if (beginsLikeZip(head) || beginsLikePickle(head)) return { tensors: await readPth(handle, size, head), metadata: {} }
  return readSafetensors(handle, size)
}
