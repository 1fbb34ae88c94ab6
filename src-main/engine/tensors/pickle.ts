/**
 * Python pickles as data. A pickle is a program for a small stack machine; this one knows the opcodes that PyTorch's
 * files are made of and nothing that could import, call or build anything else: every global is looked up in a list,
 * and the first one that is not on it ends the reading, by name. Nothing of what it reads is ever executed.
 * Format: CPython's pickletools; PyTorch's serialization.py for the globals.
 */
import { BadFile } from './bad-file.ts'
import type { DType } from './dtype.ts'
import { shown } from './zip.ts'

/** Values that may be pushed on the stack or copied: a state_dict of a thousand tensors needs some 30,000. */
const mostValues = 1_000_000
const mostPlaces = 1_000_000
const longestInteger = 16

export type PickleValue = null | boolean | number | bigint | string | PickleValue[] | PickledDict | PickledGlobal | PickledStorage | PickledTensor

/** A dict or an OrderedDict, in its order. */
export class PickledDict {
  readonly entries: [key: PickleValue, value: PickleValue][] = []
}

export class PickledGlobal {
  readonly name: string
  constructor(name: string) {
    this.name = name
  }
}

/** A block of numbers that lies elsewhere in the file, by its key. */
export class PickledStorage {
  readonly dtype: DType
  readonly key: string
  readonly elements: number
  constructor(dtype: DType, key: string, elements: number) {
    this.dtype = dtype
    this.key = key
    this.elements = elements
  }
}

/** A view of a storage; offset and strides in elements. */
export class PickledTensor {
  readonly storage: PickledStorage
  readonly offset: number
  readonly shape: number[]
  readonly strides: number[]
  constructor(storage: PickledStorage, offset: number, shape: number[], strides: number[]) {
    this.storage = storage
    this.offset = offset
    this.shape = shape
    this.strides = strides
  }
}

const storages = new Map<string, DType>([
  ['torch.DoubleStorage', 'F64'], ['torch.FloatStorage', 'F32'], ['torch.HalfStorage', 'F16'], ['torch.BFloat16Storage', 'BF16'], ['torch.LongStorage', 'I64'],
  ['torch.IntStorage', 'I32'], ['torch.ShortStorage', 'I16'], ['torch.CharStorage', 'I8'], ['torch.ByteStorage', 'U8'], ['torch.BoolStorage', 'BOOL']
])
const callable = new Set(['collections.OrderedDict', 'torch._utils._rebuild_tensor_v2', 'torch._utils._rebuild_parameter', 'torch.Size'])

class Mark {}
type OnStack = PickleValue | Mark

/** @returns the value and the index behind its last byte. @throws BadFile */
export function readPickle(bytes: Buffer, start = 0): { value: PickleValue; end: number } {
  return new Machine(bytes, start).run()
}

class Machine {
  readonly #bytes: Buffer
  #at: number
  #stack: OnStack[] = []
  #memo = new Map<number, PickleValue>()
  #values = 0

  constructor(bytes: Buffer, start: number) {
    this.#bytes = bytes
    this.#at = start
  }

  run(): { value: PickleValue; end: number } {
    for (;;) {
      const opcode = this.#byte()
      if (opcode === 0x2e) { // STOP
        const value = this.#pop()
        if (this.#stack.length > 0) throw new BadFile('its pickle leaves something on the stack')
        return { value, end: this.#at }
      }
      this.#step(opcode)
    }
  }

  #step(opcode: number): void {
    switch (opcode) {
      case 0x80: { // PROTO
        const protocol = this.#byte()
        if (protocol > 5) throw new BadFile(`its pickle has protocol ${protocol}; only those up to 5 are known`)
        return
      }
      case 0x95: // FRAME: how far to read ahead
        this.#take(8)
        return
      case 0x28: // MARK
        return this.#push(new Mark())
      case 0x4e: // NONE
        return this.#push(null)
      case 0x88: // NEWTRUE
        return this.#push(true)
      case 0x89: // NEWFALSE
        return this.#push(false)
      case 0x4a: // BININT
        return this.#push(this.#take(4).readInt32LE())
      case 0x4b: // BININT1
        return this.#push(this.#byte())
      case 0x4d: // BININT2
        return this.#push(this.#take(2).readUInt16LE())
      case 0x8a: // LONG1
        return this.#push(integer(this.#take(this.#byte())))
      case 0x8b: // LONG4
        return this.#push(integer(this.#take(this.#take(4).readUInt32LE())))
      case 0x47: // BINFLOAT
        return this.#push(this.#take(8).readDoubleBE())
      case 0x58: // BINUNICODE
        return this.#push(this.#take(this.#take(4).readUInt32LE()).toString('utf8'))
      case 0x8c: // SHORT_BINUNICODE
        return this.#push(this.#take(this.#byte()).toString('utf8'))
      case 0x54: // BINSTRING, of Python 2
        return this.#push(this.#take(this.#take(4).readUInt32LE()).toString('latin1'))
      case 0x55: // SHORT_BINSTRING
        return this.#push(this.#take(this.#byte()).toString('latin1'))
      case 0x7d: // EMPTY_DICT
        return this.#push(new PickledDict())
      case 0x5d: // EMPTY_LIST
      case 0x29: // EMPTY_TUPLE
        return this.#push([])
      case 0x85: // TUPLE1, 2, 3
      case 0x86:
      case 0x87:
        return this.#push(this.#popSome(opcode - 0x84))
      case 0x74: // TUPLE
      case 0x6c: // LIST
        return this.#push(this.#popToMark())
      case 0x61: { // APPEND
        const value = this.#pop()
        this.#list().push(value)
        return
      }
      case 0x65: { // APPENDS
        const values = this.#popToMark()
        const list = this.#list()
        for (const value of values) list.push(value)
        return
      }
      case 0x73: { // SETITEM
        const [key, value] = this.#popSome(2) as [PickleValue, PickleValue]
        this.#dict().entries.push([key, value])
        return
      }
      case 0x75: { // SETITEMS
        const values = this.#popToMark()
        this.#addPairs(this.#dict(), values)
        return
      }
      case 0x63: // GLOBAL
        return this.#push(known(`${this.#line()}.${this.#line()}`))
      case 0x93: { // STACK_GLOBAL
        const [module, name] = this.#popSome(2)
        if (typeof module !== 'string' || typeof name !== 'string') throw new BadFile('its pickle names a global by something that is no text')
        return this.#push(known(`${module}.${name}`))
      }
      case 0x51: // BINPERSID
        return this.#push(storageOf(this.#pop()))
      case 0x52: { // REDUCE
        const [callee, given] = this.#popSome(2)
        return this.#push(this.#call(callee as PickleValue, given as PickleValue))
      }
      case 0x62: { // BUILD: an OrderedDict's attributes, such as a state_dict's _metadata
        const state = this.#pop()
        if (!(this.#top() instanceof PickledDict) || !(state instanceof PickledDict)) throw new BadFile('its pickle sets attributes of something else than a state_dict')
        return
      }
      case 0x71: // BINPUT
        return this.#put(this.#byte())
      case 0x72: // LONG_BINPUT
        return this.#put(this.#take(4).readUInt32LE())
      case 0x94: // MEMOIZE
        return this.#put(this.#memo.size)
      case 0x68: // BINGET
        return this.#push(this.#get(this.#byte()))
      case 0x6a: // LONG_BINGET
        return this.#push(this.#get(this.#take(4).readUInt32LE()))
      default:
        throw new BadFile(`its pickle has the opcode 0x${opcode.toString(16).padStart(2, '0')} at byte ${this.#at - 1}, which no state_dict needs`)
    }
  }

  #call(callee: PickleValue, given: PickleValue): PickleValue {
    if (!(callee instanceof PickledGlobal) || !callable.has(callee.name)) throw new BadFile('its pickle calls something that is no function')
    if (!Array.isArray(given)) throw new BadFile(`its pickle calls ${callee.name} without a list of arguments`)
    switch (callee.name) {
      case 'collections.OrderedDict': {
        const dict = new PickledDict()
        const [pairs] = given
        if (Array.isArray(pairs)) for (const pair of pairs) this.#addPairs(dict, Array.isArray(pair) ? pair : [pair])
        return dict
      }
      case 'torch._utils._rebuild_parameter': {
        const [tensor] = given
        if (!(tensor instanceof PickledTensor)) throw new BadFile('a parameter in it is no tensor')
        return tensor
      }
      case 'torch.Size':
        return given[0] ?? []
      default:
        return tensorOf(given)
    }
  }

  #addPairs(dict: PickledDict, values: PickleValue[]): void {
    if (values.length % 2 !== 0) throw new BadFile('its pickle has a key without a value')
    this.#count(values.length) // a list that is remembered can be given again and again
    for (let i = 0; i < values.length; i += 2) dict.entries.push([values[i] as PickleValue, values[i + 1] as PickleValue])
  }

  #put(place: number): void {
    if (this.#memo.size >= mostPlaces) throw new BadFile(`its pickle remembers more than ${mostPlaces} values`)
    this.#memo.set(place, this.#top())
  }

  #get(place: number): PickleValue {
    const value = this.#memo.get(place)
    if (value === undefined) throw new BadFile('its pickle asks for a value that it never had')
    return value
  }

  #push(value: OnStack): void {
    this.#count(1)
    this.#stack.push(value)
  }

  #count(values: number): void {
    this.#values += values
    if (this.#values > mostValues) throw new BadFile(`its pickle has more than ${mostValues} values`)
  }

  #top(): PickleValue {
    const value = this.#stack.at(-1)
    if (value === undefined || value instanceof Mark) throw new BadFile('its pickle takes more from the stack than there is')
    return value
  }

  #pop(): PickleValue {
    const value = this.#top()
    this.#stack.pop()
    return value
  }

  #popSome(count: number): PickleValue[] {
    const values: PickleValue[] = []
    while (values.length < count) values.push(this.#pop())
    return values.reverse()
  }

  #popToMark(): PickleValue[] {
    const values: PickleValue[] = []
    for (;;) {
      const value = this.#stack.pop()
      if (value === undefined) throw new BadFile('its pickle takes more from the stack than there is')
      if (value instanceof Mark) return values.reverse()
      values.push(value)
    }
  }

  #list(): PickleValue[] {
    const list = this.#top()
    if (!Array.isArray(list)) throw new BadFile('its pickle appends to something that is no list')
    return list
  }

  #dict(): PickledDict {
    const dict = this.#top()
    if (!(dict instanceof PickledDict)) throw new BadFile('its pickle sets an item of something that is no dict')
    return dict
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++]
    if (byte === undefined) throw new BadFile('its pickle is cut off')
    return byte
  }

  #take(length: number): Buffer {
    if (this.#at + length > this.#bytes.length) throw new BadFile('its pickle is cut off')
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  #line(): string {
    const end = this.#bytes.indexOf(10, this.#at)
    if (end === -1) throw new BadFile('its pickle is cut off')
    const text = this.#bytes.toString('utf8', this.#at, Math.min(end, this.#at + 1000))
    this.#at = end + 1
    return text
  }
}

/** @throws BadFile with its name for every global but those of a state_dict */
function known(name: string): PickledGlobal {
  if (!storages.has(name) && !callable.has(name)) throw new BadFile(`it asks for ${shown(name)}, which a state_dict does not need. Nothing was run; save the state_dict alone: torch.save(model.state_dict(), file)`)
  return new PickledGlobal(name)
}

/** Two's complement, little-endian. */
function integer(bytes: Buffer): number | bigint {
  if (bytes.length > longestInteger) throw new BadFile('its pickle has an integer that is too large')
  let value = 0n
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] as number)
  value = BigInt.asIntN(8 * bytes.length, value)
  return Number.isSafeInteger(Number(value)) ? Number(value) : value
}

/** ('storage', its type, its key, the device that it was on, elements, None) */
function storageOf(id: PickleValue): PickledStorage {
  const [kind, type, key, _device, elements, view = null] = Array.isArray(id) ? id : []
  const dtype = type instanceof PickledGlobal ? storages.get(type.name) : undefined
  if (kind !== 'storage' || dtype === undefined || typeof key !== 'string' || !isCount(elements)) throw new BadFile('its pickle has a reference that is no storage of numbers')
  if (view !== null) throw new BadFile('a storage in it is a view of another one, as before PyTorch 0.4; save it again with torch.save')
  return new PickledStorage(dtype, key, elements)
}

/** (storage, offset, size, stride, requires_grad, hooks) */
function tensorOf([storage, offset, shape, strides]: PickleValue[]): PickledTensor {
  if (!(storage instanceof PickledStorage) || !isCount(offset) || !areCounts(shape) || !areCounts(strides) || shape.length !== strides.length || shape.length > 16) {
    throw new BadFile('a tensor in it has no storage, offset, shape and strides of numbers')
  }
  return new PickledTensor(storage, offset, [...shape], [...strides])
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function areCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every(isCount)
}
