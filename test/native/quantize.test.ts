/** A model's weights as another type: what the benchmark's model is made by. */
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Context, loadModel, openLibraries, quantizeModel } from '../../native/llama.ts'
import { findVariant } from '../../native/variants.ts'
import { batchOf, relativeError } from '../fixtures/batches.ts'
import { writeTinyModel } from '../fixtures/tiny-model.ts'

const folder = mkdtempSync(join(tmpdir(), 'quantize-test-'))
const source = join(folder, 'tiny.gguf')

beforeAll(() => {
  writeTinyModel(source)
  openLibraries(findVariant().directory)
})
afterAll(() => rmSync(folder, { recursive: true }))

async function statesOf(file: string): Promise<Float32Array> {
  const model = await loadModel(file, 0)
  const context = new Context(model, { contextTokens: 256, sequences: 1, batchTokens: 256, threads: 1 })
  const { states } = await context.decode(batchOf([{ sequence: 0, tokens: model.tokenize('the good people know', true, false), outputs: 'all' }]))
  context.free()
  model.free()
  return states
}

test('the model is the same up to the rounding of its weights, also from a quantised one', async () => {
  const eight = join(folder, 'q8_0.gguf')
  const four = join(folder, 'q4_0.gguf')
  await quantizeModel(source, eight, { type: 'q8_0', threads: 1 })
  await quantizeModel(eight, four, { type: 'q4_0', threads: 2 })
  expect(statSync(eight).size).toBeLessThan(statSync(source).size)
  expect(statSync(four).size).toBeLessThan(statSync(eight).size)
  const [whole, byEight, byFour] = [await statesOf(source), await statesOf(eight), await statesOf(four)]
  expect(relativeError(byEight, whole)).toBeLessThan(0.05)
  expect(relativeError(byFour, whole)).toBeLessThan(0.5)
  expect(relativeError(byFour, whole)).toBeGreaterThan(relativeError(byEight, whole))
})

test('a file that is no model, a folder that is not there and an unknown type are named', async () => {
  const text = join(folder, 'text.gguf')
  writeFileSync(text, 'not a model at all')
  const settings = { type: 'q4_0', threads: 1 } as const
  await expect(quantizeModel(text, join(folder, 'out.gguf'), settings)).rejects.toThrow(/magic/)
  await expect(quantizeModel(source, join(folder, 'nowhere', 'out.gguf'), settings)).rejects.toThrow(/failed to quantize/)
  expect(() => quantizeModel(source, join(folder, 'out.gguf'), { ...settings, type: 'q9' as 'q4_0' })).toThrow(RangeError)
  expect(existsSync(join(folder, 'out.gguf'))).toBe(false)
})
