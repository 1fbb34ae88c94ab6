/** Files of torch.save as data: what is read is exact, everything else is refused by name, and nothing is ever run. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { StudioError } from '../../src-main/contract/errors.ts'
import { TensorFile } from '../../src-main/engine/tensors/tensor-file.ts'
import { toFloat32 } from '../../src-main/engine/tensors/dtype.ts'
import { readValueFunction } from '../../src-main/engine/value/value-file.ts'
import {
  bytesOf, pickled, pickleDict, pickleGlobal, pickleStateDict, pickleTensor, pickleText, stateDictFile, storageBytes, torchEntries, torchLegacy, torchZip, zipOf, type StorageType
} from '../fixtures/torch-file.ts'

const directory = mkdtempSync(join(tmpdir(), 're-control-pth-'))
afterAll(() => rmSync(directory, { recursive: true }))

let files = 0
function written(bytes: Uint8Array): string {
  const file = join(directory, `${++files}.pth`)
  writeFileSync(file, bytes)
  return file
}

/** 3 -> 2 -> 1, all of whose numbers every type holds exactly. */
const small = [
  { name: 'fc1.weight', shape: [2, 3], values: [1, -2, 0.5, 4, 0.25, -8] },
  { name: 'fc1.bias', shape: [2], values: [0.125, -1] },
  { name: 'fc2.weight', shape: [1, 2], values: [3, -0.5] },
  { name: 'fc2.bias', shape: [1], values: [16] }
]
const renamed = (rename: (name: string) => string) => small.map((tensor) => ({ ...tensor, name: rename(tensor.name) }))
const smallNetwork = { inputDim: 3, layers: [{ weight: Float32Array.of(1, -2, 0.5, 4, 0.25, -8), bias: Float32Array.of(0.125, -1) }, { weight: Float32Array.of(3, -0.5), bias: Float32Array.of(16) }] }
const smallPickle = (legacy = false, type: StorageType = 'FloatStorage') =>
  pickled(pickleStateDict(small.map(({ name, shape, values }, i) => [name, pickleTensor({ type, key: String(i), shape, elements: values.length }, legacy)])))
const smallStorages = Object.fromEntries(small.map(({ values }, i) => [String(i), storageBytes('FloatStorage', values)]))

const messageOf = (bytes: Uint8Array): Promise<string> => readValueFunction(written(bytes)).then(() => 'read', (error: unknown) => {
  if (!(error instanceof StudioError)) throw error
  expect(error.code).toBe('not-usable')
  expect(error.message).not.toContain('\n')
  return error.message
})

describe('a state_dict', () => {
  test.each(['FloatStorage', 'HalfStorage', 'BFloat16Storage', 'DoubleStorage'] as const)('of %s', async (type) => {
    expect(await readValueFunction(written(stateDictFile(small, type)))).toMatchObject({ network: smallNetwork, scale: 1, rewardMean: 0, rewardScale: 1 })
  })

  test.each([
    ['of DataParallel', (name: string) => `module.${name}`],
    ['compiled', (name: string) => `_orig_mod.${name}`],
    ['of a Sequential', (name: string) => name.replace('fc1', '0').replace('fc2', '2')],
    ['of a Sequential inside', (name: string) => `value_head.${name.replace('fc1', '0').replace('fc2', '2')}`],
    ['counted from zero', (name: string) => name.replace('fc1', 'layers.0').replace('fc2', 'layers.1')]
  ])('with the names %s', async (_what, rename) => {
    expect((await readValueFunction(written(stateDictFile(renamed(rename))))).network).toEqual(smallNetwork)
  })

  test.each(['state_dict', 'model', 'model_state_dict', 'value_model'])('under %s beside other things', async (key) => {
    const inner = pickleStateDict(small.map(({ name, shape, values }, i) => [name, pickleTensor({ type: 'FloatStorage', key: String(i), shape, elements: values.length })]))
    const root = pickled(pickleDict([['epoch', bytesOf('K', 7)], ['loss', bytesOf('G', Buffer.alloc(8))], ['optimizer', pickleDict([['lr', Buffer.of(0x88)]])], [key, inner]]))
    expect((await readValueFunction(written(torchZip(root, smallStorages)))).network).toEqual(smallNetwork)
  })

  test('of the format before PyTorch 1.6', async () => {
    const storages = Object.fromEntries(small.map(({ values }, i) => [String(i), { data: storageBytes('FloatStorage', values), elements: values.length }]))
    expect((await readValueFunction(written(torchLegacy(smallPickle(true), storages)))).network).toEqual(smallNetwork)
  })

  test('whose tensors are views of one storage: with offsets, transposed, expanded, as parameters', async () => {
    const values = [9, 9, 1, 4, -2, 0.25, 0.5, -8, 0.125, -1, 3, -0.5, 16]
    const view = (offset: number, shape: number[], strides: number[]) => pickleTensor({ type: 'FloatStorage', key: 'all', offset, shape, strides, elements: values.length })
    const parameter = (tensor: Buffer) => bytesOf(pickleGlobal('torch._utils', '_rebuild_parameter'), '(', tensor, 0x88, pickleGlobal('collections', 'OrderedDict'), ')R', 'tR')
    const root = pickled(pickleStateDict([['fc1.weight', view(2, [2, 3], [1, 2])], ['fc1.bias', parameter(view(8, [2], [1]))], ['fc2.weight', view(10, [1, 2], [7, 1])], ['fc2.bias', view(12, [1], [1])]]))
    const file = written(torchZip(root, { all: storageBytes('FloatStorage', values) }))
    expect((await readValueFunction(file)).network).toEqual(smallNetwork)
    const expanded = await TensorFile.open(written(torchZip(pickled(view(12, [2, 2], [0, 0])), { all: storageBytes('FloatStorage', values) })))
    expect(toFloat32('F32', await expanded.read(expanded.tensor('')))).toEqual(Float32Array.of(16, 16, 16, 16))
    await expanded.close()
  })

  test.skipIf(spawnSync('python3', ['--version']).status !== 0).each([[2, null], [2, 'state_dict'], [4, null], [5, 'model']])("that Python's own pickle wrote, protocol %i under %s", async (protocol, wrap) => {
    const file = join(directory, `python-${++files}.pth`)
    const input = JSON.stringify({ tensors: small.map(({ name, shape, values }) => [name, shape, values]), wrap, protocol })
    const { status, stderr } = spawnSync('python3', [resolve(import.meta.dirname, '..', 'fixtures', 'torch_save.py'), file], { input, encoding: 'utf8' })
    expect(stderr).toBe('')
    expect(status).toBe(0)
    expect((await readValueFunction(file)).network).toEqual(smallNetwork)
  })
})

describe('what is refused', () => {
  const one = (value: Buffer) => torchZip(pickled(value), {})
  const tensor = (change: object, storage = storageBytes('FloatStorage', [1, 2, 3, 4])) => torchZip(pickled(pickleStateDict([['fc1.weight', pickleTensor({ type: 'FloatStorage', key: '0', shape: [1, 4], elements: 4, ...change })], ['fc1.bias', pickleTensor({ type: 'FloatStorage', key: '0', shape: [1], elements: 4 })]])), { 0: storage })

  test('the file that the others change is read', async () => {
    expect(await messageOf(tensor({}))).toBe('read')
  })

  const files: [what: string, bytes: () => Buffer, says: RegExp][] = [
    ['os.system', () => one(bytesOf(pickleGlobal('posix', 'system'), '(', pickleText('touch pwned'), 'tR')), /"posix\.system".*Nothing was run/],
    ['builtins.eval by the stack', () => one(bytesOf(pickleText('builtins'), pickleText('eval'), 0x93, '(', pickleText('1'), 'tR')), /"builtins\.eval"/],
    ['a model instead of its state_dict', () => one(bytesOf(pickleGlobal('__main__', 'ValueFunction'), ')', 0x81, '}b')), /"__main__\.ValueFunction".*state_dict/],
    ['a numpy array', () => one(pickleGlobal('numpy.core.multiarray', '_reconstruct')), /numpy/],
    ['an old-style instance', () => one(bytesOf('(', 'i__builtin__\neval\n')), /opcode 0x69/],
    ['a storage that is called', () => one(bytesOf(pickleGlobal('torch', 'FloatStorage'), ')R')), /no function/],
    ['attributes of a list', () => one(bytesOf(']', '}', 'b')), /attributes/],
    ['a number', () => one(bytesOf('K', 1)), /no state_dict/],
    ['an empty dict', () => one(Buffer.from('}')), /no tensor/],
    ['a list that holds itself', () => one(bytesOf(']q', 0, 'h', 0, 'a')), /no state_dict/],
    ['a dict that holds itself', () => one(bytesOf('}q', 0, pickleText('state_dict'), 'h', 0, 's')), /no tensor/],
    ['nesting without end', () => one(Buffer.concat([Buffer.alloc(300_000, ']'), Buffer.alloc(299_999, 'a')])), /no state_dict/],
    ['a memo without end', () => one(Buffer.concat([Buffer.from('N'), ...Array.from({ length: 1_000_001 }, (_, i) => bytesOf('r', Buffer.from(Uint32Array.of(i).buffer)))])), /remembers more/],
    ['values without end', () => one(Buffer.alloc(1_000_001, '}')), /more than 1000000 values/],
    ['a list that is copied without end', () => one(bytesOf('(', Buffer.from('NN\x86'.repeat(2000), 'latin1'), 'lq', 0, ...Array.from({ length: 600 }, () => bytesOf(pickleGlobal('collections', 'OrderedDict'), 'h', 0, 0x85, 'R')))), /more than 1000000 values/],
    ['a text longer than the file', () => one(bytesOf('X', Buffer.from([255, 255, 255, 127]))), /cut off/],
    ['an integer longer than any', () => one(bytesOf(0x8a, 200, Buffer.alloc(200, 1))), /too large/],
    ['an empty stack', () => one(Buffer.from('a')), /stack/],
    ['something left on the stack', () => one(Buffer.from('NN')), /stack/],
    ['a value that was never there', () => one(bytesOf('h', 3)), /never had/],
    ['a missing storage', () => tensor({ key: '1' }), /"1" is missing/],
    ['a storage named by a path', () => tensor({ key: '../../../../etc/passwd' }), /missing/],
    ['a storage shorter than it says', () => tensor({}, Buffer.alloc(12)), /12 bytes/],
    ['a storage longer than it says', () => tensor({}, Buffer.alloc(20)), /20 bytes/],
    ['a tensor behind its storage', () => tensor({ offset: 1 }), /behind the end/],
    ['strides behind its storage', () => tensor({ shape: [2, 4], strides: [3, 1] }), /behind the end/],
    ['more elements than numbers', () => tensor({ shape: [2_000_000_000, 2_000_000_000], strides: [0, 0] }), /larger than any file/],
    ['an expanded tensor larger than memory', () => tensor({ shape: [1, 2_000_000_000], strides: [0, 0] }), /at most|larger/],
    ['integers', () => stateDictFile(small, 'BoolStorage'), /BOOL, not floats/],
    ['a packed entry', () => zipOf(torchEntries(smallPickle(), smallStorages).map((entry, i) => (i === 2 ? { ...entry, method: 8 } : entry))), /packed/],
    ['a wrong checksum', () => zipOf(torchEntries(smallPickle(), smallStorages).map((entry, i) => (i === 3 ? { ...entry, crc: 7 } : entry))), /checksum/],
    ['big-endian numbers', () => zipOf(torchEntries(smallPickle(), smallStorages).map((entry) => (entry.name.endsWith('byteorder') ? { ...entry, data: Buffer.from('big') } : entry))), /big-endian/],
    ['a TorchScript program', () => zipOf([...torchEntries(smallPickle(), smallStorages), { name: 'value_model/constants.pkl', data: pickled(Buffer.from(')')) }]), /TorchScript/],
    ['a zip file of something else', () => zipOf([{ name: 'word/document.xml', data: Buffer.from('<x/>') }]), /no data\.pkl/],
    ['two entries of one name', () => zipOf([...torchEntries(smallPickle(), smallStorages), { name: 'value_model/data/0', data: Buffer.alloc(4) }]), /same name/],
    ['layers that do not fit', () => stateDictFile(small.map((t) => (t.name === 'fc2.weight' ? { ...t, shape: [1, 3], values: [1, 2, 3] } : t))), /takes 3 numbers/],
    ['two outputs', () => stateDictFile(small.slice(0, 2)), /2 outputs/],
    ['a missing layer', () => stateDictFile(renamed((name) => name.replace('fc2', 'fc3'))), /missing/],
    ['layers named differently', () => stateDictFile(renamed((name) => name.replace('fc2', 'out2'))), /alike/],
    ['a NaN', () => stateDictFile(small.map((t) => (t.name === 'fc2.bias' ? { ...t, values: [NaN] } : t))), /NaN/],
    ['another network', () => stateDictFile([{ name: 'lm_head.weight', shape: [1, 1], values: [1] }]), /"lm_head\.weight"/]
  ]
  test.each(files)('%s', async (_what, bytes, says) => {
    expect(await messageOf(bytes())).toMatch(says)
  })

  test('entries that overlap', async () => {
    const bytes = torchZip(smallPickle(), smallStorages)
    const end = bytes.length - 22
    // the third entry of the list is said to lie where the second does
    let at = bytes.readUInt32LE(end + 16)
    const places: number[] = []
    for (let i = 0; i < 4; i++) {
      places.push(at)
      at += 46 + bytes.readUInt16LE(at + 28)
    }
    bytes.writeUInt32LE(bytes.readUInt32LE(places[2]! + 42), places[3]! + 42)
    expect(await messageOf(bytes)).toMatch(/overlaps/)
  })

  test('every cut of both formats', async () => {
    const storages = Object.fromEntries(small.map(({ values }, i) => [String(i), { data: storageBytes('FloatStorage', values), elements: values.length }]))
    for (const whole of [torchZip(smallPickle(), smallStorages), torchLegacy(smallPickle(true), storages)]) {
      for (let length = 0; length < whole.length; length++) expect(await messageOf(whole.subarray(0, length))).not.toBe('read')
    }
  }, 120_000)
})

describe('whatever the bytes are, it is read or refused', () => {
  const refusedOrRead = async (bytes: Uint8Array): Promise<void> => {
    const file = join(directory, 'any')
    writeFileSync(file, bytes)
    await readValueFunction(file).catch((error: unknown) => {
      if (!(error instanceof StudioError)) throw error
    })
  }
  const legacy = torchLegacy(smallPickle(true), Object.fromEntries(small.map(({ values }, i) => [String(i), { data: storageBytes('FloatStorage', values), elements: values.length }])))
  const safetensors = (): Buffer => {
    const header = Buffer.from(JSON.stringify({ 'fc1.weight': { dtype: 'F32', shape: [1, 2], data_offsets: [0, 8] }, 'fc1.bias': { dtype: 'F32', shape: [1], data_offsets: [8, 12] } }))
    return bytesOf(Buffer.from(BigInt64Array.of(BigInt(header.length)).buffer), header, Buffer.alloc(12))
  }

  test.each([['zip', torchZip(smallPickle(), smallStorages)], ['legacy', legacy], ['safetensors', safetensors()]] as const)('a good %s file with some bytes changed', async (_what, whole) => {
    const change = fc.tuple(fc.nat(whole.length - 1), fc.nat(255))
    await fc.assert(fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 6 }), async (changes) => {
      const bytes = Buffer.from(whole)
      for (const [at, value] of changes) bytes[at] = value
      await refusedOrRead(bytes)
    }), { numRuns: 400, seed: 5 })
  })

  const opcodes = [0x28, 0x2e, 0x4e, 0x88, 0x89, 0x4a, 0x4b, 0x4d, 0x8a, 0x8b, 0x47, 0x58, 0x8c, 0x54, 0x55, 0x7d, 0x5d, 0x29, 0x85, 0x86, 0x87, 0x74, 0x6c, 0x61, 0x65, 0x73, 0x75, 0x63, 0x93, 0x51, 0x52, 0x62, 0x71, 0x72, 0x94, 0x68, 0x6a]
  const part = fc.oneof(fc.constantFrom(...opcodes).map((opcode) => Buffer.of(opcode)), fc.uint8Array({ maxLength: 6 }).map((bytes) => Buffer.from(bytes)), fc.constantFrom(pickleText('storage'), pickleGlobal('torch', 'FloatStorage'), pickleGlobal('collections', 'OrderedDict'), pickleGlobal('torch._utils', '_rebuild_tensor_v2'), pickleTensor({ type: 'FloatStorage', key: '0', shape: [1], elements: 1 })))
  test('a pickle of any opcodes', async () => {
    await fc.assert(fc.asyncProperty(fc.array(part, { maxLength: 60 }), (parts) => refusedOrRead(torchZip(pickled(Buffer.concat(parts)), { 0: Buffer.alloc(4) }))), { numRuns: 1000, seed: 7 })
  })

  test('any JSON as the header of a safetensors file', async () => {
    await fc.assert(fc.asyncProperty(fc.json(), fc.uint8Array({ maxLength: 40 }), async (json, data) => {
      const header = Buffer.from(json)
      await refusedOrRead(bytesOf(Buffer.from(BigInt64Array.of(BigInt(header.length)).buffer), header, Buffer.from(data)))
    }), { numRuns: 500, seed: 9 })
  })
})

test('nothing of the above was left behind in the working folder', () => {
  expect(() => readFileSync('pwned')).toThrow()
})
