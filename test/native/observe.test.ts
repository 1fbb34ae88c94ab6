/** A context without the state hook is llama.cpp's own: the same logits, nothing seen, nothing steered. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Context, loadModel, openLibraries, type Model } from '../../native/llama.ts'
import { findVariant } from '../../native/variants.ts'
import { ValueFunction } from '../../native/value-function.ts'
import { batchOf, bits } from '../fixtures/batches.ts'
import { writeTinyModel } from '../fixtures/tiny-model.ts'
import { randomValueFunction } from '../fixtures/value-functions.ts'

const D = 64
const settings = { contextTokens: 256, sequences: 2, batchTokens: 256, threads: 1 }
const folder = mkdtempSync(join(tmpdir(), 'observe-test-'))
let model: Model

beforeAll(async () => {
  const file = join(folder, 'tiny.gguf')
  writeTinyModel(file)
  openLibraries(findVariant().directory)
  model = await loadModel(file, 0)
})
afterAll(() => rmSync(folder, { recursive: true }))

const batch = () => batchOf([{ sequence: 0, tokens: model.tokenize('why do good people', true, false), outputs: 'all' as const }])

test('the logits are the same, bit by bit', async () => {
  const observed = new Context(model, settings)
  const bare = new Context(model, { ...settings, observe: false })
  const rows = (await observed.decode(batch())).states.length / D
  const { states, edited, valueBefore } = await bare.decode(batch())
  expect([states.length, edited, valueBefore.length]).toEqual([0, null, 0])
  expect(rows).toBeGreaterThan(3)
  for (let row = 0; row < rows; row++) expect(bits(bare.logits(row))).toEqual(bits(observed.logits(row)))
})

test('a control is refused, and the context goes on', async () => {
  const bare = new Context(model, { ...settings, observe: false })
  const valueFunction = new ValueFunction({ inputDim: D, layers: randomValueFunction(1, [D, 8, 1]) })
  const control = { valueFunction, stepSize: 0.1, updates: 1, rows: Int32Array.of(0) }
  expect(() => bare.decode({ ...batch(), controls: [control] })).toThrow(/does not observe states/)
  expect((await bare.decode(batch())).states.length).toBe(0)
})

test('whether to observe is a boolean', () => {
  expect(() => new Context(model, { ...settings, observe: 1 as never })).toThrow(TypeError)
})
