/** Raw logits of classification heads and of given heads, against float64 forward passes that know nothing of llama.cpp. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadModel, PooledContext } from '../../native/llama.ts'
import { openVariant } from '../../native/variants.ts'
import type { SkippedEvent } from '../../src-main/model-host/messages/generate.ts'
import type { Prompt } from '../../src-main/model-host/messages/model.ts'
import type { ScoredEvent } from '../../src-main/model-host/messages/read-text.ts'
import { relativeError } from '../fixtures/batches.ts'
import { loadHost, type Host } from '../fixtures/hosts.ts'
import { normals, seededRandom } from '../fixtures/random.ts'
import { writeTinyBert } from '../fixtures/tiny-bert.ts'
import { writeTinyModel, type TinyWeights } from '../fixtures/tiny-model.ts'
import { multiply, ReferenceLlama } from './reference-llama.ts'

const folder = mkdtempSync(join(tmpdir(), 'score-test-'))
const at = (name: string): string => join(folder, name)
const never = new AbortController().signal
const ignore = (): void => {}
beforeAll(() => void openVariant('cpu'))
afterAll(() => rmSync(folder, { recursive: true }))

/** keys and values are float16 */
const cacheNoise = 4e-3

async function tokensOf(file: string, text: string): Promise<Int32Array> {
  const model = await loadModel(file, 0, true)
  try {
    return model.tokenize(text, true, false)
  } finally {
    model.free()
  }
}

async function scoreOn(host: Host, prompts: Prompt[], signal = never) {
  const events: (ScoredEvent | SkippedEvent)[] = []
  await host.score({ requests: prompts.map((prompt, key) => ({ key, prompt })) }, (event) => void events.push(event), signal)
  return events
}
const logitsOf = (events: (ScoredEvent | SkippedEvent)[]): number[][] => events.map((event) => (event.kind === 'scored' ? Array.from(event.logits) : []))

const texts = ['the good people', 'love', 'no people know the love of the good and the world, what is it']

describe('a classification head in the file', () => {
  let weights: TinyWeights
  beforeAll(() => {
    weights = writeTinyModel(at('qwen3.gguf'), { labels: ['yes', 'no', 'perhaps'] })
    writeTinyModel(at('one.gguf'), { labels: ['reward'] })
  })

  test('qwen3: logits and not the softmax that llama.cpp ends with, of the last token', async () => {
    const host = await loadHost(at('qwen3.gguf'), { scores: 'own-head', batchTokens: 5 }) // the last text takes several steps
    const scored = logitsOf(await scoreOn(host, texts.map((text) => ({ text }))))
    for (const [i, text] of texts.entries()) {
      const { state } = new ReferenceLlama(weights).decode(await tokensOf(at('qwen3.gguf'), text)).at(-1)!
      expect(relativeError(scored[i]!, multiply(weights.classifier!, state))).toBeLessThan(cacheNoise)
    }
    expect(Math.abs(scored[0]!.reduce((a, b) => a + b, 0) - 1)).toBeGreaterThan(1e-2)
  })

  test('qwen3 with one label: rewards differ, where a softmax would be 1 for all', async () => {
    const scored = logitsOf(await scoreOn(await loadHost(at('one.gguf'), { scores: 'own-head' }), texts.map((text) => ({ text })))).flat()
    expect(new Set(scored).size).toBe(texts.length)
  })

  test('bert: every token sees every other one, the first token\'s state goes through both layers of the head', async () => {
    const bert = writeTinyBert(at('bert.gguf'), ['bad', 'good'])
    const host = await loadHost(at('bert.gguf'), { scores: 'own-head', contextTokens: 128 })
    const scored = logitsOf(await scoreOn(host, texts.map((text) => ({ text }))))
    for (const [i, text] of texts.entries()) {
      expect(relativeError(scored[i]!, bert.logits(await tokensOf(at('bert.gguf'), text)))).toBeLessThan(cacheNoise) // ggml's GELU is a table of float16
    }
  })

  test('the same bits whatever is scored before, and again', async () => {
    const host = await loadHost(at('qwen3.gguf'), { scores: 'own-head' })
    const together = logitsOf(await scoreOn(host, texts.map((text) => ({ text }))))
    const turned = logitsOf(await scoreOn(host, texts.toReversed().map((text) => ({ text }))))
    expect(turned.toReversed()).toEqual(together)
  })

  test('a model without a head gives no logits, and what does not fit is refused', async () => {
    writeTinyModel(at('llama.gguf'))
    writeTinyBert(at('headless.gguf'), null)
    for (const name of ['llama.gguf', 'headless.gguf']) {
      const context = new PooledContext(await loadModel(at(name), 0), { vector: 'logits', contextTokens: 64, batchTokens: 64, threads: 1 })
      await expect(context.read(Int32Array.of(1, 5))).rejects.toThrow('no classification head')
      expect(() => context.read(new Int32Array(65))).toThrow(RangeError)
      expect(() => context.read(Int32Array.of(-1))).toThrow('out of range')
      expect(() => context.read(new Int32Array())).toThrow('1 to 64 tokens')
      context.free()
      expect(() => context.read(Int32Array.of(1))).toThrow('freed')
    }
    const model = await loadModel(at('headless.gguf'), 0)
    expect(() => new PooledContext(model, { vector: 'logits', contextTokens: 1000, batchTokens: 64, threads: 1 })).toThrow('trained for')
  })
})

describe('a backbone with a given head', () => {
  const head = { weight: normals(seededRandom(4), 2 * 64, 0.2), bias: Float32Array.of(0.5, -2) }
  let weights: TinyWeights
  beforeAll(() => {
    weights = writeTinyModel(at('backbone.gguf'))
  })

  test('W h + b of the last token, whole conversations by the chat template, in steps', async () => {
    const host = await loadHost(at('backbone.gguf'), { scores: head, batchTokens: 4 })
    const prompts = texts.map((text): Prompt => ({ messages: [{ role: 'user', content: 'who?' }, { role: 'assistant', content: text }], whole: true }))
    const scored = logitsOf(await scoreOn(host, prompts))
    for (const [i, prompt] of prompts.entries()) {
      const { text, templated } = await host.render({ prompt }, ignore, never)
      expect({ text, templated }).toEqual({ text: `<s>user: who?\nassistant: ${texts[i]}\n`, templated: true })
      const model = await loadModel(at('backbone.gguf'), 0, true)
      const { state } = new ReferenceLlama(weights).decode(model.tokenize(text, false, true)).at(-1)!
      const expected = multiply({ rows: 2, columns: 64, data: head.weight }, state).map((x, label) => x + head.bias[label]!)
      expect(relativeError(scored[i]!, expected)).toBeLessThan(cacheNoise)
    }
  })

  test('the head of a file, given from outside, gives what it gives inside', async () => {
    const own = writeTinyModel(at('both.gguf'), { labels: ['a', 'b'] })
    const prompts = texts.map((text) => ({ text }))
    const inside = logitsOf(await scoreOn(await loadHost(at('both.gguf'), { scores: 'own-head' }), prompts))
    const outside = logitsOf(await scoreOn(await loadHost(at('both.gguf'), { scores: { weight: own.classifier!.data, bias: new Float32Array(2) } }), prompts))
    for (const [i, logits] of outside.entries()) expect(relativeError(logits, inside[i]!)).toBeLessThan(1e-4)
  })

  test('too long, empty or not finite: skipped with its reason, the others are scored; cancelled in between', async () => {
    const file = at('broken.gguf')
    writeTinyModel(file, { broken: weights.tokens.findIndex((token) => token.text === '\u2581know'), chatTemplate: false })
    const host = await loadHost(file, { scores: head, contextTokens: 64 })
    const events = await scoreOn(host, [{ text: 'love '.repeat(100) }, { text: 'the know' }, { text: 'the' }])
    expect(events[0]).toMatchObject({ kind: 'skipped', reason: expect.stringMatching(/^its \d+ tokens are more than the 64/) })
    expect(events[1]).toMatchObject({ kind: 'skipped', reason: expect.stringContaining('not finite') })
    expect(events[2]).toMatchObject({ kind: 'scored' })
    const plain = await host.render({ prompt: { messages: [{ role: 'user', content: 'a' }, { role: 'assistant', content: 'b' }], whole: true } }, ignore, never)
    expect(plain).toMatchObject({ text: '\n\nHuman: a\n\nAssistant: b', templated: false })
    const abort = new AbortController()
    abort.abort()
    await expect(scoreOn(host, [{ text: 'the' }], abort.signal)).rejects.toMatchObject({ code: 'cancelled' })
  })

  test('a head of another size is refused, and such a host neither writes nor reads responses', async () => {
    await expect(loadHost(at('backbone.gguf'), { scores: { weight: new Float32Array(63), bias: new Float32Array(1) } })).rejects.toMatchObject({ code: 'not-usable', message: expect.stringContaining('states of 63 numbers') })
    const host = await loadHost(at('backbone.gguf'), { scores: head, threads: null })
    expect(() => host.prefill({ requests: [], deterministic: false }, () => {}, never)).toThrow('give rewards')
  })
})
