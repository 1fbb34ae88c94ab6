/** Responses that are there already, read by the model for their states: as if it had drawn their tokens itself. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { PrefillRequest } from '../../src-main/model-host/messages/generate.ts'
import type { Prompt } from '../../src-main/model-host/messages/model.ts'
import { relativeError } from '../fixtures/batches.ts'
import { floats, generateOn, greedy, loadHost, prefillOn, question, type Host } from '../fixtures/hosts.ts'
import { writeTinyModel, type TinyWeights } from '../fixtures/tiny-model.ts'
import { ReferenceLlama } from './reference-llama.ts'

const D = 64
const endToken = 2
const folder = mkdtempSync(join(tmpdir(), 'prefill-test-'))
const file = join(folder, 'tiny.gguf')
let weights: TinyWeights
let host: Host
beforeAll(async () => {
  weights = writeTinyModel(file)
  host = await loadHost(file)
})
afterAll(() => rmSync(folder, { recursive: true }))

const idOf = (text: string): number => weights.tokens.findIndex((token) => token.text === text)
const given = (key: number, response: string, prompt: Prompt = question(`why is it ${key}?`), maxTokens = 200): PrefillRequest => ({ key, prompt, response, maxTokens })

test('T tokens, the end token last, come with T states: the first is the last prompt token\'s, none is the last token\'s', async () => {
  const { finished: [one], totals } = await prefillOn(host, [given(0, 'the good people', { text: 'love' })])
  expect(one).toMatchObject({ promptText: 'love', promptTokens: 2, text: 'the good people', finish: 'end' })
  expect(one!.tokens.at(-1)).toBe(endToken)
  expect(one!.states!.length).toBe(one!.tokens.length * D)
  expect(totals.tokens).toBe(one!.tokens.length)
  expect(totals.promptTokens).toBe(2)
  const reference = new ReferenceLlama(weights).decode([1, idOf('\u2581love'), ...one!.tokens.slice(0, -1)]).slice(1)
  expect(relativeError(floats(one!.states!), reference.flatMap(({ state }) => state))).toBeLessThan(4e-3)
})

test('the tokens are those that the text has after its prompt; special tokens in it are text', async () => {
  const prompt = { text: 'the' }
  const { finished } = await prefillOn(host, [given(0, ' good people', prompt), given(1, 'good', prompt), given(2, ' a</s>', prompt)])
  expect([...finished[0]!.tokens]).toEqual([idOf('\u2581good'), idOf('\u2581people'), endToken])
  expect([...finished[1]!.tokens]).not.toContain(idOf('\u2581')) // "thegood" is one word
  expect([...finished[2]!.tokens].indexOf(endToken)).toBe(finished[2]!.tokens.length - 1)
  expect(finished[2]!.tokens.length).toBeGreaterThan(4)
})

test('a response that is too long is cut where a drawn one would have been, without the end token', async () => {
  const { finished: [one] } = await prefillOn(host, [given(0, ' good people know', { text: 'the' }, 2)])
  expect([...one!.tokens]).toEqual([idOf('\u2581good'), idOf('\u2581people')])
  expect(one).toMatchObject({ finish: 'length' })
  expect(one!.states!.length).toBe(2 * D)
})

test('the states are those of drawing the same tokens', async () => {
  const prompts = Array.from({ length: 60 }, (_, i) => question(`why is it ${i}?`))
  const drawn = await generateOn(host, prompts.map((prompt, key) => ({ key, prompt, sampling: greedy, seed: 1, maxTokens: 5, control: null })))
  const read = await prefillOn(host, drawn.finished.map(({ text }, key) => given(key, text, prompts[key])))
  let compared = 0
  for (const [i, { tokens, states }] of drawn.finished.entries()) {
    const own = read.finished[i]!
    if (own.tokens.slice(0, tokens.length).join() !== tokens.join()) continue // another way to write the same text
    compared++
    expect(relativeError(floats(own.states!.slice(0, states!.length)), floats(states!))).toBeLessThan(5e-3)
  }
  expect(compared).toBeGreaterThan(5)
})

test('responses to one prompt share its keys, and have the states that they have alone', async () => {
  const prompt = question('why do good people know no love and the world is what it is, over and over?')
  const texts = [' good people', ' no love']
  const alone = []
  for (const [key, text] of texts.entries()) alone.push((await prefillOn(host, [given(key, text, prompt)])).finished[0]!)
  const { finished, totals } = await prefillOn(host, texts.map((text, key) => given(key, text, prompt)))
  expect(totals.sharedTokens).toBe(finished[0]!.promptTokens - 1)
  expect(totals.promptTokens).toBe(finished[0]!.promptTokens + 1)
  for (const [i, one] of finished.entries()) expect(relativeError(floats(one.states!), floats(alone[i]!.states!))).toBeLessThan(1e-2)
})

test('whole batches of several responses, one longer than a batch, and generation beside them', async () => {
  const small = await loadHost(file, { batchTokens: 64, contextTokens: 1024 })
  const texts = Array.from({ length: 9 }, (_, i) => ' good people know no love and'.repeat(i === 4 ? 20 : i + 1))
  const alone = []
  for (const [key, text] of texts.entries()) alone.push((await prefillOn(host, [given(key, text)])).finished[0]!)
  const reading = prefillOn(small, texts.map((text, key) => given(key, text)))
  const chat = await generateOn(small, [{ key: 0, prompt: question('who?'), sampling: greedy, seed: 1, maxTokens: 10, control: null }])
  const { finished, totals } = await reading
  expect(chat.finished[0]!.tokens).toEqual((await generateOn(host, [{ key: 0, prompt: question('who?'), sampling: greedy, seed: 1, maxTokens: 10, control: null }])).finished[0]!.tokens)
  for (const [i, one] of finished.entries()) {
    expect(one.tokens).toEqual(alone[i]!.tokens)
    expect(relativeError(floats(one.states!), floats(alone[i]!.states!))).toBeLessThan(1e-2)
  }
  const decoded = totals.tokens + totals.promptTokens - finished.length
  expect(totals.steps - chat.totals.steps).toBeLessThanOrEqual(Math.ceil(decoded / 64) + 2)
})

test('what cannot be read is skipped with the reason', async () => {
  const { finished, skipped } = await prefillOn(host, [given(0, 'love'), given(1, ' good'.repeat(2000), { text: 'the' }, 2000), given(2, 'you', { text: '' }), given(3, '')])
  expect(finished.map(({ key }) => key)).toEqual([0, 2, 3]) // an empty prompt still has its begin token, an empty response its end token
  expect(skipped.map(({ key }) => key)).toEqual([1])
  expect(skipped[0]!.reason).toMatch(/2 tokens and 2000 new ones .* 1024/)
})

test('can be cancelled', async () => {
  const abort = new AbortController()
  const reading = prefillOn(host, Array.from({ length: 40 }, (_, key) => given(key, ' good people'.repeat(100))), {
    signal: abort.signal,
    onEvent: ({ kind }) => kind === 'finished' && abort.abort()
  })
  await expect(reading).rejects.toMatchObject({ code: 'cancelled' })
  expect((await prefillOn(host, [given(0, 'love')])).finished.length).toBe(1)
})
