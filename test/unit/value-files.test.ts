import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { toFailure } from '../../src-main/contract/errors.ts'
import { packNetwork, unpackNetwork } from '../../src-main/engine/value/network.ts'
import { readValueFunction, writeValueFunction } from '../../src-main/engine/value/value-file.ts'
import type { Network } from '../../src-main/model-host/messages/train.ts'
import { normals, seededRandom } from '../fixtures/random.ts'

const directory = mkdtempSync(join(tmpdir(), 're-control-value-'))
afterAll(() => rmSync(directory, { recursive: true }))

function networkOf(...dims: number[]): Network {
  const random = seededRandom(dims.length)
  const layers = dims.slice(1).map((outputs, i) => ({ weight: normals(random, outputs * (dims[i] as number), 1), bias: normals(random, outputs, 1) }))
  return { inputDim: dims[0] as number, layers }
}

describe.each([[[6, 5, 1]], [[6, 5, 3, 1]]])('a value function of %j', (dims) => {
  const network = networkOf(...dims)

  test('comes back from its bytes as it was', () => {
    const bytes = packNetwork(network)
    expect(bytes.readFloatLE(0)).toBe(network.layers[0]!.weight[0])
    expect(unpackNetwork(bytes, dims[0]!, dims.slice(1, -1))).toEqual(network)
  })

  test('bytes that do not fit its dimensions are damage', () => {
    const bytes = packNetwork(network)
    for (const wrong of [bytes.subarray(0, -4), Buffer.alloc(0), Buffer.concat([bytes, Buffer.alloc(4)])]) {
      expect(() => unpackNetwork(wrong, dims[0]!, dims.slice(1, -1))).toThrow(expect.objectContaining({ code: 'project-damaged' }))
    }
  })

  test('comes back from a safetensors file as it was, with what it says of itself', async () => {
    const file = join(directory, 'round.safetensors')
    const about = { name: 'tone, "1 x 5"', source: 'tone', scale: 0.25, rewardMean: -1.5, rewardScale: 3, model: 'ab'.repeat(32) }
    await writeValueFunction(file, { network, ...about })
    expect(await readValueFunction(file)).toEqual({ network, ...about })
  })

  test('the file is what other readers expect: names, shapes (out, in), float32, offsets without gaps', async () => {
    const file = join(directory, 'layout.safetensors')
    await writeValueFunction(file, { network, name: 'v', source: 'tone', scale: 1, rewardMean: 0, rewardScale: 1, model: null })
    const bytes = readFileSync(file)
    const headerBytes = Number(bytes.readBigUInt64LE(0))
    const { __metadata__: _metadata, ...tensors } = JSON.parse(bytes.toString('utf8', 8, 8 + headerBytes)) as Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>
    expect(headerBytes % 8).toBe(0)
    expect(Object.keys(tensors)).toEqual(dims.slice(1).flatMap((_, i) => [`fc${i + 1}.weight`, `fc${i + 1}.bias`]))
    let offset = 0
    for (const { dtype, shape, data_offsets: [start, end] } of Object.values(tensors)) {
      expect(dtype).toBe('F32')
      expect(start).toBe(offset)
      expect(end - start).toBe(shape.reduce((product, dim) => product * dim, 4))
      offset = end
    }
    expect(8 + headerBytes + offset).toBe(bytes.length)
    expect(tensors['fc1.weight']!.shape).toEqual([dims[1], dims[0]])
    expect(bytes.readFloatLE(8 + headerBytes + 4)).toBe(network.layers[0]!.weight[1])
  })
})

type Tensor = { dtype: string; shape: number[]; data_offsets: [number, number] }
type Header = Record<string, Tensor | Record<string, string>>

/** A good file of 3 -> 2 -> 1, changed. */
function fileOf(change: (header: Header) => unknown, data: Buffer = Buffer.alloc(4 * (6 + 2 + 2 + 1))): string {
  const header: Header = {
    'fc1.weight': { dtype: 'F32', shape: [2, 3], data_offsets: [0, 24] },
    'fc1.bias': { dtype: 'F32', shape: [2], data_offsets: [24, 32] },
    'fc2.weight': { dtype: 'F32', shape: [1, 2], data_offsets: [32, 40] },
    'fc2.bias': { dtype: 'F32', shape: [1], data_offsets: [40, 44] }
  }
  const json = Buffer.from(JSON.stringify(change(header) ?? header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  return written(Buffer.concat([length, json, data]))
}

let files = 0
function written(bytes: Buffer): string {
  const file = join(directory, `${++files}.safetensors`)
  writeFileSync(file, bytes)
  return file
}

const codeOf = (file: string): Promise<string> => readValueFunction(file).then(() => 'read', (error: unknown) => toFailure(error).code)

describe('a file that is no value function', () => {
  test('the file that the others change is read, with c = 1 and rewards as they are', async () => {
    const file = fileOf(() => {})
    expect(await readValueFunction(file)).toMatchObject({ network: { inputDim: 3 }, name: basename(file), source: 'imported', scale: 1, rewardMean: 0, rewardScale: 1, model: null })
  })

  const tensor = (header: Header, name: string): Tensor => header[name] as Tensor
  const changes: [string, (header: Header) => unknown][] = [
    ['no tensors', () => ({})],
    ['an array for a header', () => [1, 2]],
    ['null for a header', () => 'null'],
    ['a missing bias', (h) => void delete h['fc1.bias']],
    ['a missing first layer', (h) => void delete h['fc1.weight']],
    ['one layer only', (h) => void delete h['fc2.weight']],
    ['a gap between the layers', (h) => { h['fc3.weight'] = h['fc2.weight']!; delete h['fc2.weight'] }],
    ['another type', (h) => void (tensor(h, 'fc1.weight').dtype = 'BF16')],
    ['offsets behind the end', (h) => void (tensor(h, 'fc2.bias').data_offsets = [44, 48])],
    ['offsets the wrong way', (h) => void (tensor(h, 'fc2.bias').data_offsets = [44, 40])],
    ['negative offsets', (h) => void (tensor(h, 'fc1.weight').data_offsets = [-24, 0])],
    ['offsets that are no numbers', (h) => void (tensor(h, 'fc1.weight').data_offsets = ['0', '24'] as never)],
    ['a shape larger than its bytes', (h) => void (tensor(h, 'fc1.weight').shape = [2 ** 26, 2 ** 26])],
    ['a shape that is not a matrix', (h) => void (tensor(h, 'fc1.weight').shape = [2, 3, 7])],
    ['a bias of another length than its layer', (h) => void (tensor(h, 'fc1.bias').shape = [5])],
    ['no inputs', (h) => void (tensor(h, 'fc1.weight').shape = [2, 0])],
    ['layers that do not follow each other', (h) => void (tensor(h, 'fc2.weight').shape = [2, 1])],
    ['several outputs', (h) => { tensor(h, 'fc2.weight').shape = [2, 2]; tensor(h, 'fc2.weight').data_offsets = [24, 40]; tensor(h, 'fc2.bias').shape = [2]; tensor(h, 'fc2.bias').data_offsets = [36, 44] }],
    ['a tensor of nothing known', (h) => void (h['fc1.scale'] = { dtype: 'F32', shape: [0], data_offsets: [0, 0] })],
    ['bytes behind the last tensor', (h) => { delete h['fc2.bias'] }],
    ['a scale that is no number', (h) => void (h['__metadata__'] = { scale: 'much' })],
    ['a scale of zero', (h) => void (h['__metadata__'] = { scale: '0' })],
    ['metadata that is not text', (h) => void (h['__metadata__'] = { scale: 1 } as never)]
  ]
  test.each(changes)('%s', async (_what, change) => {
    expect(await codeOf(fileOf(change))).toBe('not-usable')
  })

  test.each([
    ['NaN', NaN],
    ['infinity', -Infinity]
  ])('%s among the weights', async (_what, value) => {
    const data = Buffer.alloc(44)
    data.writeFloatLE(value, 36)
    expect(await codeOf(fileOf(() => {}, data))).toBe('not-usable')
  })

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['less than a length', Buffer.alloc(7)],
    ['a length beyond the file', Buffer.from([255, 255, 0, 0, 0, 0, 0, 0, 123, 125])],
    ['a length beyond all numbers', Buffer.alloc(16, 255)],
    ['a pickle', Buffer.from('\x80\x02}q\x00X\x0a\x00\x00\x00fc1.weight', 'latin1')],
    ['a header that is not JSON', Buffer.from('\x04\0\0\0\0\0\0\0nope', 'latin1')]
  ])('%s', async (_what, bytes) => {
    expect(await codeOf(written(bytes))).toBe('not-usable')
  })

  test('no file, and a folder', async () => {
    mkdirSync(join(directory, 'folder'))
    expect(await codeOf(join(directory, 'none'))).toBe('not-found')
    expect(await codeOf(join(directory, 'folder'))).toBe('not-usable')
  })

  test('every cut of a good file', async () => {
    const whole = readFileSync(fileOf(() => {}))
    for (let length = 0; length < whole.length; length++) expect(await codeOf(written(whole.subarray(0, length)))).toBe('not-usable')
  })
})
