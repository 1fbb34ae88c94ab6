/** The most probable tokens of a row, drawing from scores that are no vocabulary, and forgetting a part of a sequence. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Context, Sampler, loadModel, openLibraries, type Model } from '../../native/llama.ts'
import { findVariant } from '../../native/variants.ts'
import { writeTinyModel } from '../fixtures/tiny-model.ts'

const folder = mkdtempSync(join(tmpdir(), 'candidates-test-'))
let model: Model
let context: Context
beforeAll(async () => {
  const file = join(folder, 'tiny.gguf')
  writeTinyModel(file)
  openLibraries(findVariant().directory)
  model = await loadModel(file, 0)
  context = new Context(model, { contextTokens: 256, sequences: 4, batchTokens: 64, threads: 1 })
})
afterAll(() => rmSync(folder, { recursive: true }))

/** Appends to sequence 0 from `position` on; the last token's row is output row 0. */
const decode = (tokens: number[], position: number) => context.decode({
  tokens: Int32Array.from(tokens), positions: Int32Array.from(tokens, (_, i) => position + i), sequences: new Int32Array(tokens.length),
  outputs: Uint8Array.from(tokens, (_, i) => (i === tokens.length - 1 ? 1 : 0)), controls: []
})

describe('candidates', () => {
  test('are the largest logits in order, with their log-probabilities over the whole vocabulary', async () => {
    context.clear(true)
    await decode([1, 300, 301], 0)
    const logits = [...context.logits(0)]
    const total = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0))
    const order = logits.map((logit, token) => ({ token, logit })).sort((a, b) => b.logit - a.logit || a.token - b.token)
    for (const count of [1, 2, 17, logits.length]) {
      const { tokens, logProbabilities } = context.candidates(0, count)
      expect([...tokens]).toEqual(order.slice(0, count).map(({ token }) => token))
      for (const [i, logP] of logProbabilities.entries()) expect(logP).toBeCloseTo(order[i]!.logit - total, 4)
    }
    expect([...context.candidates(0, logits.length).logProbabilities].reduce((sum, logP) => sum + Math.exp(logP), 0)).toBeCloseTo(1, 4)
  })

  test('wrong calls are errors in words', async () => {
    const all = model.facts().vocabularySize
    for (const count of [0, -1, 1.5, NaN, all + 1]) expect(() => context.candidates(0, count)).toThrow(/count/)
    expect(() => context.candidates(1, 2)).toThrow(/row/)
  })
})

test('a part of a sequence is forgotten, and it goes on from there as if it had not been', async () => {
  context.clear(true)
  await decode([1, 300, 301, 302, 303], 0)
  context.removeSequence(0, 2)
  await decode([310], 2)
  const after = [...context.logits(0)]
  context.clear(true)
  await decode([1, 300], 0)
  await decode([310], 2)
  expect(after.length).toBe(model.facts().vocabularySize)
  const apart = Math.max(...[...context.logits(0)].map((logit, i) => Math.abs(logit - after[i]!)))
  expect(apart).toBeLessThan(0.05)
  for (const from of [-1, 0.5, 1e9]) expect(() => context.removeSequence(0, from)).toThrow(/from/)
})

describe('a sampler draws from scores', () => {
  test('the first of the largest where it is greedy; -Infinity never', () => {
    const greedy = new Sampler({ temperature: 0, topK: 0, topP: 1, minP: 0, seed: 1 })
    expect(greedy.draw(Float32Array.of(-3, 0.5, 0.5, -Infinity))).toBe(1)
    const lively = new Sampler({ temperature: 1, topK: 0, topP: 1, minP: 0, seed: 1 })
    const counts = [0, 0, 0]
    for (let i = 0; i < 4000; i++) counts[lively.draw(Float32Array.of(Math.log(0.7), -Infinity, Math.log(0.3)))]!++
    expect(counts[1]).toBe(0)
    expect(counts[0]! / 4000).toBeCloseTo(0.7, 1)
  })

  test('numbers that are none are errors', () => {
    const greedy = new Sampler({ temperature: 0, topK: 0, topP: 1, minP: 0, seed: 1 })
    for (const logits of [Float32Array.of(1, NaN), Float32Array.of(Infinity)]) expect(() => greedy.draw(logits)).toThrow(/not finite/)
    expect(() => greedy.draw(new Float32Array())).toThrow(/no logits/)
    expect(() => greedy.draw([1, 2] as never)).toThrow(/logits/)
  })
})
