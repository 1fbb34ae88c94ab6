/** Tensor files of somebody who wishes us ill: a small file asks for no more memory than it is worth, and what it says is refused or true. */
import fc from 'fast-check'
import { closeSync, ftruncateSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toFailure } from '../../src-main/contract/errors.ts'
import { importStatesSettings } from '../../src-main/contract/collect.ts'
import { generate } from '../../src-main/engine/control/generate.ts'
import { resolveMethod } from '../../src-main/engine/control/methods.ts'
import { importValueFunction } from '../../src-main/engine/value/exchange.ts'
import { readValueFunction } from '../../src-main/engine/value/value-file.ts'
import { bytesOf, pickled, pickleStateDict, pickleTensor, torchZip } from '../fixtures/torch-file.ts'
import { greedy, openStudio, type Studio } from '../engine/studio.ts'

let studio: Studio
let file: string
beforeAll(async () => {
  studio = await openStudio()
  file = join(studio.directory, 'files', 'any')
})
afterAll(() => studio.close())

const u64 = (value: bigint): Buffer => Buffer.from(BigUint64Array.of(value).buffer)
const safetensors = (header: string, data = Buffer.alloc(0)): Buffer => bytesOf(u64(BigInt(Buffer.byteLength(header))), Buffer.from(header), data)
const described = (tensors: Record<string, [shape: unknown, from: unknown, to: unknown, dtype?: unknown]>): string =>
  JSON.stringify(Object.fromEntries(Object.entries(tensors).map(([name, [shape, from, to, dtype = 'F32']]) => [name, { dtype, shape, data_offsets: [from, to] }])))

/** 'read', or the failure as it is shown. */
async function saidOf(bytes: Uint8Array): Promise<string> {
  writeFileSync(file, bytes)
  return readValueFunction(file).then(() => 'read', (error: unknown) => `${toFailure(error).code}: ${toFailure(error).message}`)
}

/** A file of a beginning and as many bytes as it wants, which take no room. */
function sparse(begin: Buffer, bytes: number): void {
  const handle = openSync(file, 'w')
  writeSync(handle, begin)
  ftruncateSync(handle, bytes)
  closeSync(handle)
}

const good = { 'fc1.weight': [[1, 2], 0, 8], 'fc1.bias': [[1], 8, 12] } satisfies Parameters<typeof described>[0]
const header = described(good)

describe('safetensors', () => {
  test('the file that the others change is read', async () => expect(await saidOf(safetensors(header, Buffer.alloc(12)))).toBe('read'))

  test.each<[string, () => Buffer, RegExp]>([
    ['one tensor twice', () => safetensors(`{"fc1.bias":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},${header.slice(1)}`, Buffer.alloc(12)), /says something twice/],
    ['one shape twice', () => safetensors(header.replace('"shape":[1]', '"shape":[9],"shape":[1]'), Buffer.alloc(12)), /says something twice/],
    ['its metadata twice', () => safetensors(`{"__metadata__":{"scale":"1"},"__metadata__":{"scale":"2"},${header.slice(1)}`, Buffer.alloc(12)), /says something twice/],
    ['one name written in two ways', () => safetensors(header.replace('{', '{"fc1.\\u0062ias":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},'), Buffer.alloc(12)), /says something twice/],
    ['a shape whose product is beyond all numbers', () => safetensors(described({ ...good, 'fc1.weight': [[2 ** 52, 2 ** 52], 0, 8] }), Buffer.alloc(12)), /larger than any file/],
    ['a shape whose product is beyond all numbers and then 0', () => safetensors(described({ ...good, 'fc1.weight': [[2 ** 52, 2 ** 52, 0], 0, 8] }), Buffer.alloc(12)), /bytes that its shape says|larger than any file/],
    ['a negative size', () => safetensors(described({ ...good, 'fc1.weight': [[-1, -2], 0, 8] }), Buffer.alloc(12)), /does not describe/],
    ['offsets backwards', () => safetensors(described({ ...good, 'fc1.weight': [[1, 2], 8, 0] }), Buffer.alloc(12)), /bytes that its shape says/],
    ['a scale of 0', () => safetensors(header.replace('{', '{"__metadata__":{"scale":"0"},'), Buffer.alloc(12)), /metadata is damaged, scale/],
    ['a scale of infinity', () => safetensors(header.replace('{', '{"__metadata__":{"scale":"1e999"},'), Buffer.alloc(12)), /metadata is damaged, scale/],
    ['metadata of its own kind', () => safetensors(header.replace('{', '{"__metadata__":{"__proto__":{"polluted":"1"}},'), Buffer.alloc(12)), /metadata is not text/],
    ['a header of nothing but depth', () => safetensors(`{"a":${'['.repeat(500_000)}${']'.repeat(500_000)}}`), /does not describe/],
    ['a header whose length is negative', () => bytesOf(u64(1n << 63n), Buffer.alloc(100)), /does not begin like/]
  ])('%s', async (_what, bytes, says) => {
    expect(await saidOf(bytes())).toMatch(says)
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })

  test('a header of 100 MB is not even read', async () => {
    sparse(u64(100_000_000n), 100_000_100)
    await expect(readValueFunction(file)).rejects.toThrow(/header has 100000000 bytes; that of a value function or of states has at most 1048576/)
  })

  test('states of more responses than can be, in a file that takes no room', async () => {
    const lengths = 2_000_000_000
    const said = described({ states: [[0, 64], 0, 0, 'F16'], lengths: [[lengths], 0, 8 * lengths, 'I64'] })
    sparse(safetensors(said), 8 + said.length + 8 * lengths)
    const { failure } = await studio.run('import-states', importStatesSettings.parse({ path: file }))
    expect(failure).toMatchObject({ code: 'not-usable', message: expect.stringContaining('those of 2000000000 responses; at most 10000000 are read') as string })
    expect(studio.project.collections.list()).toEqual([])
  })

  const size = fc.oneof(fc.constantFrom<unknown>(0, 1, 2, 3, -1, 0.5, 2 ** 31, 2 ** 53, 1e308, '1', null, [], true), fc.nat(40))
  const tensor = fc.tuple(fc.oneof({ weight: 4, arbitrary: fc.array(size, { maxLength: 18 }) }, { weight: 1, arbitrary: size }), size, size, fc.constantFrom<unknown>('F32', 'F64', 'BF16', 'I64', 'BOOL', '__proto__', 'F8', null))
  const name = fc.constantFrom('fc1.weight', 'fc1.bias', 'fc2.weight', 'fc2.bias', 'fc3.weight', '__proto__', 'constructor', '0.weight', '', 'fc999.bias')
  test('whatever its header describes, it is read or refused', async () => {
    await fc.assert(
      fc.asyncProperty(fc.dictionary(name, tensor, { maxKeys: 5, noNullPrototype: false }), fc.nat(80), async (tensors, bytes) => {
        expect(await saidOf(safetensors(described(tensors), Buffer.alloc(bytes)))).toMatch(/^(read$|not-usable: )/)
      }),
      { seed: 51, numRuns: 500 }
    )
  })
})

describe('a file of torch.save', () => {
  const small = torchZip(pickled(pickleStateDict([['fc1.weight', pickleTensor({ type: 'FloatStorage', key: '0', shape: [1, 4], elements: 4 })], ['fc1.bias', pickleTensor({ type: 'FloatStorage', key: '0', shape: [1], elements: 4 })]])), { 0: Buffer.alloc(16) })

  /** With the 64-bit records that its end then points to. */
  function with64({ count = 5n, length = BigInt(small.readUInt32LE(small.length - 10)), at = BigInt(small.readUInt32LE(small.length - 6)), recordAt = null as bigint | null }): Buffer {
    const body = small.subarray(0, small.length - 22)
    const record = Buffer.alloc(56)
    record.writeUInt32LE(0x06064b50, 0)
    record.writeBigUInt64LE(44n, 4)
    record.writeBigUInt64LE(count, 24)
    record.writeBigUInt64LE(count, 32)
    record.writeBigUInt64LE(length, 40)
    record.writeBigUInt64LE(at, 48)
    const locator = bytesOf('PK\x06\x07', Buffer.alloc(4), u64(recordAt ?? BigInt(body.length)), Buffer.from([1, 0, 0, 0]))
    return bytesOf(body, record, locator, 'PK\x05\x06', Buffer.alloc(4), Buffer.alloc(12, 255), Buffer.alloc(2))
  }

  test('with 64-bit records that are true is read', async () => {
    expect(await saidOf(small)).toBe('read')
    expect(await saidOf(with64({}))).toBe('read')
  })

  test.each<[string, Parameters<typeof with64>[0]]>([
    ['more entries than there are', { count: 6n }], ['twenty thousand entries and one', { count: 20_001n }], ['2^64 - 1 entries', { count: (1n << 64n) - 1n }], ['no entries', { count: 0n }],
    ['a list of 2^63 bytes', { length: 1n << 63n }], ['a list of a gigabyte', { length: 1n << 30n }], ['a list behind the end', { at: 1n << 40n }], ['a list before the beginning', { at: (1n << 64n) - 100n }],
    ['a list in the middle of the numbers', { at: 70n }], ['a record behind the end', { recordAt: 1n << 40n }], ['a record where there is none', { recordAt: 3n }], ['a record at 2^64 - 1', { recordAt: (1n << 64n) - 1n }]
  ])('64-bit records that say %s', async (_what, lies) => {
    expect(await saidOf(with64(lies))).toMatch(/^not-usable: .*(list of contents|no data\.pkl|cut off|not where)/)
  })

  test('a kilobyte that says it is a gigabyte', async () => {
    const large = torchZip(pickled(pickleStateDict([['fc1.weight', pickleTensor({ type: 'FloatStorage', key: '0', shape: [1, 190_000_000], strides: [0, 0], elements: 4 })], ['fc1.bias', pickleTensor({ type: 'FloatStorage', key: '0', shape: [1], elements: 4 })]])), { 0: Buffer.alloc(16) })
    expect(await saidOf(large)).toMatch(/not-usable: .* has 190000000 elements and only 1 numbers/)
  })
})

describe('a value function of', () => {
  const D = 64
  test.each([['the largest numbers', 3.4e38], ['large numbers', 1e20], ['the smallest numbers', 1e-45]])('%s steers to an answer or an error in a line, and the host lives', async (_what, value) => {
    const weights = Float32Array.from({ length: 8 * D + 8 + 8 + 1 }, (_, i) => (i % 2 === 0 ? value : -value))
    const said = described({ 'fc1.weight': [[8, D], 0, 32 * D], 'fc1.bias': [[8], 32 * D, 32 * D + 32], 'fc2.weight': [[1, 8], 32 * D + 32, 32 * D + 64], 'fc2.bias': [[1], 32 * D + 64, 32 * D + 68] })
    writeFileSync(file, safetensors(said, Buffer.from(weights.buffer)))
    const { id } = await importValueFunction(studio.project, file)
    const method = resolveMethod({ name: 're-control', settings: { valueFunction: id, alpha: 20, updates: 100 } })
    const answered = async (): Promise<string> => {
      try {
        await generate(studio.around, await studio.engine.models.use(studio.project), [{ key: 0, method, messages: [{ role: 'user', content: 'Why?' }], seed: 1 }], { maxTokens: 3, parallel: 1, sampling: greedy, tokens: true, deterministic: false, onEvent: () => {} })
        return 'answered'
      } catch (error) {
        return toFailure(error).code
      }
    }
    expect(['answered', 'not-usable', 'bad-request']).toContain(await answered())
    expect(studio.hosts()).toBe(1)
  })
})
