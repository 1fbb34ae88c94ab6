import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { modelFacts } from '../../src-main/contract/models.ts'
import { toFailure } from '../../src-main/contract/errors.ts'
import { inspectModel } from '../../src-main/engine/models/inspect.ts'
import { seededRandom } from '../fixtures/random.ts'
import { writeTinyModel } from '../fixtures/tiny-model.ts'

const directory = mkdtempSync(join(tmpdir(), 're-control-inspect-'))
afterAll(() => rmSync(directory, { recursive: true }))

const file = join(directory, 'tiny.gguf')
const weights = writeTinyModel(file)
const whole = readFileSync(file)

/** The failure's code, or 'read'. */
async function codeOf(bytes: Buffer): Promise<string> {
  const changed = join(directory, 'changed.gguf')
  writeFileSync(changed, bytes)
  try {
    modelFacts.parse(await inspectModel(changed))
    return 'read'
  } catch (error) {
    return toFailure(error).code
  }
}

test('the facts of a model are those it was written with', async () => {
  const numbers = weights.layers.flatMap((layer) => Object.values(layer).map((part: Float32Array | { data: Float32Array }) => ('data' in part ? part.data.length : part.length)))
  const parameters = numbers.reduce((sum, length) => sum + length, weights.tokenEmbedding.data.length + weights.output.data.length + weights.outputNorm.length)
  const facts = modelFacts.parse(await inspectModel(file))
  expect(facts).toMatchObject({
    file, bytes: whole.length, architecture: 'llama', name: 'Tiny random llama', licence: 'apache-2.0', quantization: 'F32', hasChatTemplate: true,
    parameters, embeddingLength: 64, blockCount: 2, contextLength: 2048, vocabularySize: weights.tokens.length, fits: true
  })
  expect(facts.memoryNeeded).toBeGreaterThan(whole.length)
  expect(facts.memoryAvailable).toBeGreaterThan(facts.memoryNeeded)
})

test('a model without a chat template says so', async () => {
  const plain = join(directory, 'plain.gguf')
  writeTinyModel(plain, { chatTemplate: false })
  expect(await inspectModel(plain)).toMatchObject({ hasChatTemplate: false })
})

describe('a file that is no model', () => {
  test.each<[string, () => Buffer]>([
    ['empty', () => Buffer.alloc(0)],
    ['text', () => Buffer.from('this is not a model')],
    ['the name alone', () => Buffer.from('GGUF')],
    ['an unknown version', () => { const bytes = Buffer.from(whole); bytes.writeUInt32LE(99, 4); return bytes }],
    ['2^60 tensors', () => { const bytes = Buffer.from(whole); bytes.writeBigUInt64LE(1n << 60n, 8); return bytes }],
    ['2^60 facts', () => { const bytes = Buffer.from(whole); bytes.writeBigUInt64LE(1n << 60n, 16); return bytes }],
    ['a key of 2^60 letters', () => { const bytes = Buffer.from(whole); bytes.writeBigUInt64LE(1n << 60n, 24); return bytes }]
  ])('%s', async (_what, make) => {
    expect(await codeOf(make())).toBe('not-usable')
  })

  test('no file, and a folder', async () => {
    await expect(inspectModel(join(directory, 'none.gguf'))).rejects.toThrow(expect.objectContaining({ code: 'not-found' }))
    mkdirSync(join(directory, 'folder.gguf'))
    await expect(inspectModel(join(directory, 'folder.gguf'))).rejects.toThrow(expect.objectContaining({ code: 'not-usable' }))
  })

  // the reader takes what lies behind the end for zeros; the last tensor's own length counts too
  test('a model that is cut off anywhere, header or tensors', async () => {
    const read: number[] = []
    const lengths = [...Array.from({ length: 60 }, (_, i) => 4 + i * 331), ...Array.from({ length: 20 }, (_, i) => Math.floor((whole.length * (i + 1)) / 21)), whole.length - 32]
    for (const length of lengths) if ((await codeOf(whole.subarray(0, length))) !== 'not-usable') read.push(length)
    expect(read).toEqual([])
  })

  test('a header with any byte changed is read or refused, and nothing else happens', async () => {
    const random = seededRandom(8)
    const codes = new Set<string>()
    for (let round = 0; round < 120; round++) {
      const bytes = Buffer.from(whole)
      bytes[4 + Math.floor(random.uniform() * (round < 60 ? 300 : 18_000))] = Math.floor(random.uniform() * 256)
      codes.add(await codeOf(bytes))
    }
    expect([...codes].filter((code) => code !== 'read' && code !== 'not-usable')).toEqual([])
  })
})
