/**
 * What torch.save writes, as tensors that lie in the file: the zip format (data.pkl, data/N, byteorder) since PyTorch 1.6
 * and the one before it (five pickles, then the storages). Read as data: see pickle.ts.
 */
import type { FileHandle } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import { BadFile } from './bad-file.ts'
import { elementBytes } from './dtype.ts'
import { PickledDict, PickledStorage, PickledTensor, readPickle, type PickleValue } from './pickle.ts'
import { elementsOf, readBytes, spanOf, type Tensor } from './tensor.ts'
import { readZip, shown, type ZipEntry } from './zip.ts'

/** Names and shapes; the numbers lie elsewhere. */
const longestPickle = 16 * 1024 * 1024
const legacyMagic = 0x1950a86a20f9469cfc6cn
const legacyProtocol = 1001

/** Where a storage's numbers begin, how many bytes it has, and their checksum where the file has one. */
type Locate = (storage: PickledStorage) => { at: number; bytes: number; crc32?: number }

/** Keys under which a checkpoint keeps its state_dict beside an optimizer's state or an epoch. */
const wrappers = ['state_dict', 'model_state_dict', 'model', 'value_model', 'module', 'net']

export function beginsLikeZip(head: Buffer): boolean {
  return head.length >= 4 && head.readUInt32LE(0) === 0x04034b50
}

/** A pickle of protocol 2 or later. */
export function beginsLikePickle(head: Buffer): boolean {
  return head.length >= 2 && head[0] === 0x80 && (head[1] as number) >= 2 && (head[1] as number) <= 5
}

/** Tensors by name; a single one is called '', those of a list by their index. @throws BadFile */
export async function readPth(file: FileHandle, size: number, head: Buffer): Promise<Map<string, Tensor>> {
  const { value, locate } = beginsLikeZip(head) ? await readZipFormat(file, size) : await readLegacyFormat(file, size)
  return new Map(namedTensors(value).map(([name, tensor]) => [name, placed(name, tensor, locate)]))
}

async function readZipFormat(file: FileHandle, size: number): Promise<{ value: PickleValue; locate: Locate }> {
  const entries = await readZip(file, size)
  const pickles = [...entries.keys()].filter((name) => /^[^/]*\/data\.pkl$/.test(name) || name === 'data.pkl')
  const [name] = pickles
  if (name === undefined || pickles.length > 1) throw new BadFile('it is a zip file, but none of PyTorch: it has no data.pkl')
  const folder = name.slice(0, -'data.pkl'.length)
  if (entries.has(`${folder}constants.pkl`)) throw new BadFile('it is a TorchScript program; save the state_dict instead: torch.save(model.state_dict(), file)')
  const byteOrder = entries.get(`${folder}byteorder`)
  if (byteOrder !== undefined && (await contents(file, byteOrder, 16)).toString('latin1') !== 'little') throw new BadFile('its numbers are big-endian; save it again on a little-endian machine')
  const { value } = readPickle(await contents(file, entries.get(name) as ZipEntry, longestPickle))
  return {
    value,
    locate: ({ key }) => {
      const entry = entries.get(`${folder}data/${key}`)
      if (entry === undefined) throw new BadFile(`its storage ${shown(key)} is missing`)
      return entry
    }
  }
}

async function contents(file: FileHandle, { name, at, bytes, crc32: expected }: ZipEntry, most: number): Promise<Buffer> {
  if (bytes > most) throw new BadFile(`${shown(name)} in it is longer than ${most} bytes`)
  const found = await readBytes(file, at, bytes)
  if (expected !== 0 && crc32(found) !== expected) throw new BadFile(`${shown(name)} in it is damaged: its checksum is another`)
  return found
}

/** Magic number, protocol, machine, the object, the storages' keys; then of each storage its length and its numbers. */
async function readLegacyFormat(file: FileHandle, size: number): Promise<{ value: PickleValue; locate: Locate }> {
  const bytes = await readBytes(file, 0, Math.min(size, longestPickle))
  let at = 0
  const next = (): PickleValue => {
    const { value, end } = readPickle(bytes, at)
    at = end
    return value
  }
  if (next() !== legacyMagic || next() !== legacyProtocol) throw new BadFile('it is a pickle, but none of torch.save')
  const machine = next()
  if (!(machine instanceof PickledDict) || machine.entries.some(([key, value]) => key === 'little_endian' && value !== true)) throw new BadFile('its numbers are big-endian; save it again on a little-endian machine')
  const value = next()
  const keys = next()
  if (!Array.isArray(keys)) throw new BadFile('it does not list its storages')
  const used = new Map(storagesOf(value).map((storage) => [storage.key, storage]))
  const places = new Map<string, { at: number; bytes: number }>()
  for (const key of keys) {
    const storage = typeof key === 'string' ? used.get(key) : undefined
    if (storage === undefined || places.has(storage.key)) throw new BadFile('it has a storage that nothing in it uses')
    if (at + 8 > size) throw new BadFile('it is cut off')
    const elements = (await readBytes(file, at, 8)).readBigInt64LE()
    if (elements !== BigInt(storage.elements)) throw new BadFile(`its storage ${shown(storage.key)} gives two lengths`)
    const length = storage.elements * elementBytes[storage.dtype]
    places.set(storage.key, { at: at + 8, bytes: length })
    at += 8 + length
    if (at > size) throw new BadFile('it is cut off')
  }
  return {
    value,
    locate: ({ key }) => {
      const place = places.get(key)
      if (place === undefined) throw new BadFile(`its storage ${shown(key)} is missing`)
      return place
    }
  }
}

function storagesOf(value: PickleValue): PickledStorage[] {
  return namedTensors(value).map(([, { storage }]) => storage)
}

/** One level deep, or two where a checkpoint keeps its state_dict under a name: nothing nests deeper, so a cycle does no harm. */
function namedTensors(root: PickleValue): [name: string, tensor: PickledTensor][] {
  if (root instanceof PickledTensor) return [['', root]]
  if (Array.isArray(root) && root.length > 0 && root.every((one) => one instanceof PickledTensor)) return root.map((tensor, i) => [String(i), tensor])
  if (!(root instanceof PickledDict)) throw new BadFile('it holds no state_dict and no tensor')
  const own = tensorsIn(root)
  if (own.length > 0) return own
  for (const wrapper of wrappers) {
    const inner = root.entries.find(([key]) => key === wrapper)?.[1]
    if (inner instanceof PickledDict && tensorsIn(inner).length > 0) return tensorsIn(inner)
  }
  throw new BadFile(`it holds no tensor, neither directly nor under ${wrappers.join(', ')}`)
}

function tensorsIn({ entries }: PickledDict): [string, PickledTensor][] {
  const found = entries.filter((entry): entry is [string, PickledTensor] => typeof entry[0] === 'string' && entry[1] instanceof PickledTensor)
  if (new Set(found.map(([name]) => name)).size !== found.length) throw new BadFile('two of its tensors have the same name')
  return found
}

/** @throws BadFile where the storage is shorter than the tensor, or than it says itself */
function placed(name: string, { storage, offset, shape, strides }: PickledTensor, locate: Locate): Tensor {
  const width = elementBytes[storage.dtype]
  const { at, bytes, crc32: sum = 0 } = locate(storage)
  if (bytes !== storage.elements * width) throw new BadFile(`its storage ${shown(storage.key)} has ${bytes} bytes, not those of its ${storage.elements} numbers`)
  elementsOf(shape)
  const span = spanOf({ shape, strides })
  if (span > 0 && offset + span > storage.elements) throw new BadFile(`${name === '' ? 'the tensor' : shown(name)} in it reaches behind the end of its storage`)
  // 0: PyTorch was told to compute none
  return { dtype: storage.dtype, shape, strides, at: at + offset * width, checked: sum === 0 ? undefined : { at, bytes, crc32: sum } }
}
