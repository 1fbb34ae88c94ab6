/** A reward head from a safetensors file, which may be anything. */
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { readHead } from '../../src-main/engine/reward/head-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'head-file-test-'))
afterAll(() => rmSync(folder, { recursive: true }))
let files = 0

function fileOf(header: unknown, data: Uint8Array = new Uint8Array()): string {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  const file = join(folder, `${++files}.safetensors`)
  writeFileSync(file, Buffer.concat([length, json, data]))
  return file
}
const entry = (dtype: string, shape: unknown[], start: number, end: number) => ({ dtype, shape, data_offsets: [start, end] })
const bytesOf = (numbers: { buffer: ArrayBufferLike }): Uint8Array => new Uint8Array(numbers.buffer)

test('score.weight with and without its bias, beside other tensors, in each type', () => {
  const data = Float32Array.of(9, 9, 1, -2, 0.5, 3, 7, 8)
  const file = fileOf({ __metadata__: { format: 'pt' }, 'model.norm.weight': entry('F32', [2], 0, 8), 'score.weight': entry('F32', [2, 2], 8, 24), 'score.bias': entry('F32', [2], 24, 32) }, bytesOf(data))
  expect(readHead(file)).toEqual({ weight: Float32Array.of(1, -2, 0.5, 3), bias: Float32Array.of(7, 8) })
  const half = fileOf({ 'v_head.summary.weight': entry('F16', [1, 3], 0, 6) }, bytesOf(Float16Array.of(1, -2, 0.25)))
  expect(readHead(half)).toEqual({ weight: Float32Array.of(1, -2, 0.25), bias: new Float32Array(1) })
  const brain = fileOf({ 'base_model.model.score.weight': entry('BF16', [3], 0, 6) }, bytesOf(Uint16Array.of(0x3f80, 0xc000, 0x4049))) // 1, -2, 3.140625
  expect(readHead(brain)).toEqual({ weight: Float32Array.of(1, -2, 3.140625), bias: new Float32Array(1) })
})

const four = bytesOf(Float32Array.of(1, 2, 3, 4))
const huge = 2 ** 53 - 2
test.each([
  ['no head', { 'lm_head.weight': entry('F32', [2, 2], 0, 16) }, /no tensor score\.weight/],
  ['two heads', { 'score.weight': entry('F32', [2], 0, 8), 'v_head.weight': entry('F32', [2], 8, 16) }, /several that could be the head: score\.weight, v_head\.weight/],
  ['another type', { 'score.weight': entry('I8', [1, 16], 0, 16) }, /is I8; F32, F16 and BF16 are read/],
  ['a type of Object', { 'score.weight': entry('constructor', [1, 16], 0, 16) }, /F32, F16 and BF16/],
  ['a shape beyond the data', { 'score.weight': entry('F32', [2, 3], 0, 16) }, /the 6 numbers that its shape says/],
  ['data beyond the file', { 'score.weight': entry('F32', [1, 8], 0, 32) }, /the 8 numbers that its shape says/],
  ['offsets the wrong way', { 'score.weight': entry('F32', [1, 4], 16, 0) }, /the 4 numbers/],
  ['huge numbers', { 'score.weight': entry('F32', [1, huge], 0, huge) }, /numbers that its shape says|too large/],
  ['no numbers at all', { 'score.weight': entry('F32', [0, 4], 0, 0) }, /shape/],
  ['three dimensions', { 'score.weight': entry('F32', [1, 2, 2], 0, 16) }, /shape \(1, 2, 2\)/],
  ['an entry that is none', { 'score.weight': 'F32' }, /is not that of a tensor/],
  ['a bias of another length', { 'score.weight': entry('F32', [1, 2], 0, 8), 'score.bias': entry('F32', [2], 8, 16) }, /score\.bias does not have the 1 numbers/],
  ['a header that is a list', [1, 2], /header is not that/],
  ['a header that is no JSON', '{"score.weight": ', /header is not that/],
  ['a header nested deeply', '['.repeat(100_000) + ']'.repeat(100_000), /header is not that/]
])('%s is refused', (_what, header, message) => {
  expect(() => readHead(fileOf(header, four))).toThrow(message)
})

test('a NaN, a file that is cut off, empty, or none', () => {
  const weight = { 'score.weight': entry('F32', [1, 2], 0, 8) }
  expect(() => readHead(fileOf(weight, bytesOf(Float32Array.of(1, NaN))))).toThrow('NaN')
  const cut = fileOf(weight, four)
  truncateSync(cut, 12)
  expect(() => readHead(cut)).toThrow('does not begin like a safetensors file')
  truncateSync(cut, 0)
  expect(() => readHead(cut)).toThrow('does not begin like a safetensors file')
  writeFileSync(cut, Buffer.alloc(64, 0xff))
  expect(() => readHead(cut)).toThrow('does not begin like a safetensors file')
  expect(() => readHead(join(folder, 'none'))).toThrow('there is no file')
  expect(() => readHead(folder)).toThrow('not a safetensors file')
})
