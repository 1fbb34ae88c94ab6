/** What the base model and a steered one say of a response's tokens, against a float64 forward pass with the explicit ascent. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Context, loadModel, type Model } from '../../native/llama.ts'
import { ValueFunction } from '../../native/value-function.ts'
import type { ControlInput } from '../../src-main/model-host/messages/generate.ts'
import type { LikelihoodEvent, LikelihoodRequest } from '../../src-main/model-host/messages/likelihood.ts'
import { batchOf } from '../fixtures/batches.ts'
import { generateOn, greedy, likelihoodOn, lively, loadHost, prefillOn, question, type Host } from '../fixtures/hosts.ts'
import { writeTinyModel, type TinyModelOptions, type TinyWeights } from '../fixtures/tiny-model.ts'
import { ascend, randomValueFunction } from '../fixtures/value-functions.ts'
import { multiply, ReferenceLlama, type Edit } from './reference-llama.ts'

const D = 64
/** of a log probability: llama.cpp's cache is float16, and that is 2e-2 of a logit of the random model; see context.test.ts */
const cacheNoise = 0.06
const never = new AbortController().signal
const folder = mkdtempSync(join(tmpdir(), 'likelihood-test-'))
afterAll(() => rmSync(folder, { recursive: true }))

const layers = randomValueFunction(7, [D, 48, 1])
const ascent = { stepSize: 0.05, updates: 20 }
const control: ControlInput = { network: 'v', ...ascent, target: null, tolerance: 0, maxEdit: null }
const steered: Edit = (state) => ascend(layers, state, ascent)

let files = 0
async function hostOf(options: TinyModelOptions = {}, changes: Parameters<typeof loadHost>[1] = {}): Promise<{ host: Host; weights: TinyWeights; model: Model }> {
  const file = join(folder, `${files++}.gguf`)
  const weights = writeTinyModel(file, options)
  const host = await loadHost(file, changes)
  await host['network.set']({ name: 'v', network: { inputDim: D, layers } }, (() => {}) as never, never)
  return { host, weights, model: await loadModel(file, 0) }
}

/** log softmax */
function logs(logits: ArrayLike<number>): number[] {
  const all = Array.from(logits)
  const highest = Math.max(...all)
  const total = highest + Math.log(all.reduce((sum, logit) => sum + Math.exp(logit - highest), 0))
  return all.map((logit) => logit - total)
}
const divergence = (p: number[], q: number[]): number => p.reduce((sum, logP, i) => sum + Math.exp(logP) * (logP - q[i]!), 0)
const entropyOf = (p: number[]): number => -p.reduce((sum, logP) => sum + Math.exp(logP) * logP, 0)

/** log distribution before each token of the response */
function distributions(weights: TinyWeights, prompt: ArrayLike<number>, response: ArrayLike<number>, edit: Edit = (state) => state): number[][] {
  const before = [...Array.from(prompt), ...Array.from(response).slice(0, -1)]
  return new ReferenceLlama(weights).decode(before).slice(prompt.length - 1).map(({ state }) => logs(multiply(weights.output, edit(state))))
}

/** Within so much, or such a part of what is larger than 1: logits are float32. */
function expectClose(actual: Float64Array | null, expected: number[], within: number): void {
  expect(actual!.length).toBe(expected.length)
  expected.forEach((value, i) => expect(Math.abs(actual![i]! - value), `token ${i + 1}: ${actual![i]} against ${value}`).toBeLessThan(within * Math.max(1, Math.abs(value))))
}

function expectReference({ base, own, divergence: kl, entropy, tokens }: LikelihoodEvent, p: number[][], q: number[][], within: number): void {
  expectClose(base, q.map((row, t) => row[tokens[t]!]!), within)
  expectClose(own, p.map((row, t) => row[tokens[t]!]!), within)
  const expected = p.map((row, t) => divergence(row, q[t]!))
  expectClose(kl, expected, within / 4) // both have the same noise
  expect(Math.hypot(...expected.map((value, t) => kl![t]! - value)) / Math.hypot(...expected)).toBeLessThan(5e-3)
  expectClose(entropy, p.map(entropyOf), within)
}

describe('against float64', () => {
  // no float16 cache has a part in its states
  const exact = { shallow: true }

  test('log p, KL and entropy of base and steered model to 1e-4', async () => {
    const { host, weights, model } = await hostOf(exact)
    const prompt = { text: 'why do good people' }
    const { measured: [one], skipped } = await likelihoodOn(host, [{ key: 0, prompt, response: ' know no love and the world is what it is', own: { prompt, control } }])
    expect(skipped).toEqual([])
    const before = model.tokenize(prompt.text, true, false)
    const [p, q] = [distributions(weights, before, one!.tokens, steered), distributions(weights, before, one!.tokens)]
    expectReference(one!, p, q, 1e-4)
    expect(Math.max(...one!.divergence!)).toBeGreaterThan(0.1)
  })

  test('perplexity of a known text: the product of the probabilities of its tokens, to the power of -1/T', async () => {
    const { host, weights, model } = await hostOf(exact)
    const { measured: [one] } = await likelihoodOn(host, [{ key: 0, prompt: { text: 'why' }, response: ' do good people know no love', own: null }])
    const q = distributions(weights, model.tokenize('why', true, false), one!.tokens)
    const product = q.reduce((total, row, t) => total * Math.exp(row[one!.tokens[t]!]!), 1)
    const perplexity = product ** (-1 / q.length)
    expect(q.length).toBe(6)
    expect(Math.exp(-one!.base.reduce((sum, log) => sum + log, 0) / q.length) / perplexity).toBeCloseTo(1, 4)
    expect(one).toMatchObject({ own: null, divergence: null })
    expectClose(one!.entropy, q.map(entropyOf), 1e-4)
  })

  test.each([
    { name: 'steered', altered: 'why do good people know love', own: control },
    { name: 'with another prompt', altered: 'be kind and think, why do good people know love', own: null },
    { name: 'with another prompt and steered', altered: 'be kind and think, why do good people know love', own: control }
  ])('a random model $name, up to its float16 cache', async ({ altered, own }) => {
    const { host, weights, model } = await hostOf()
    const plain = 'why do good people know love'
    const { measured: [one] } = await likelihoodOn(host, [{ key: 3, prompt: { text: plain }, response: ' the world is what it is', own: { prompt: { text: altered }, control: own } }])
    const p = distributions(weights, model.tokenize(altered, true, false), one!.tokens, own === null ? undefined : steered)
    const q = distributions(weights, model.tokenize(plain, true, false), one!.tokens)
    expectReference(one!, p, q, cacheNoise)
    expect(one!.key).toBe(3)
  })

  test('of the rows of one batch: the float64 sums over their own logits', async () => {
    const { model } = await hostOf()
    const context = new Context(model, { contextTokens: 256, sequences: 2, batchTokens: 64, threads: 2 })
    const tokens = model.tokenize('why do good people know love', true, false)
    const rows = tokens.length
    const valueFunction = new ValueFunction({ inputDim: D, layers })
    const own = Int32Array.from({ length: rows }, (_, i) => rows + i)
    const { likelihoods } = await context.decode({
      ...batchOf([{ sequence: 0, tokens, outputs: 'all' }, { sequence: 1, tokens, outputs: 'all' }], [{ ...control, valueFunction, rows: own }]),
      comparisons: { own, base: own.map((row) => row - rows), tokens: tokens.map((token) => (token * 7) % 50), sameState: false }
    })
    const [p, q] = [1, 0].map((part) => Array.from({ length: rows }, (_, i) => logs(context.logits(part * rows + i))))
    expectReference({ kind: 'likelihood', key: 0, tokens: tokens.map((token) => (token * 7) % 50), ...likelihoods!, closely: null, changes: null }, p!, q!, 1e-9)
    const highest = (row: number[]): { token: number; log: number } => ({ token: row.indexOf(Math.max(...row)), log: Math.max(...row) })
    for (const [rows, { tokens: top, logs: topLogs }] of [[p!, likelihoods!.ownTop], [q!, likelihoods!.baseTop]] as const) {
      expect([...top]).toEqual(rows.map((row) => highest(row).token))
      rows.forEach((row, i) => expect(topLogs[i]).toBeCloseTo(highest(row).log, 9))
    }
    expect([...likelihoods!.ownTop.tokens]).not.toEqual([...likelihoods!.baseTop.tokens])
  })

  test('of the same state nothing but the edit is between two rows, whatever was before them', async () => {
    const { model } = await hostOf()
    const context = new Context(model, { contextTokens: 256, sequences: 2, batchTokens: 64, threads: 2 })
    const parts = ['why do good people', 'the sad world is'].map((text, sequence) => ({ sequence, tokens: model.tokenize(text, true, false) }))
    const [base, own, tokens] = [Int32Array.of(0), Int32Array.of(1), Int32Array.of(300)]
    const compare = async (sameState: boolean, edited: boolean) => {
      context.clear(true)
      const controls = edited ? [{ ...control, valueFunction: new ValueFunction({ inputDim: D, layers }), rows: own }] : []
      const { likelihoods } = await context.decode({ ...batchOf(parts, controls), comparisons: { own, base, tokens, sameState } })
      return { ...likelihoods!, p: logs(context.logits(1)), q: logs(context.logits(0)) }
    }
    expect((await compare(false, false)).divergence[0]).toBeGreaterThan(0.1)
    const equal = await compare(true, false)
    expect(equal.divergence[0]).toBeLessThan(1e-12)
    expect(equal.p).toEqual(equal.q)
    // as if the base's row itself had been edited
    const edited = await compare(true, true)
    context.clear(true)
    await context.decode(batchOf(parts, [{ ...control, valueFunction: new ValueFunction({ inputDim: D, layers }), rows: base }]))
    const alone = logs(context.logits(0))
    edited.p.forEach((log, i) => expect(Math.abs(log - alone[i]!)).toBeLessThan(1e-5))
    expect(edited.divergence[0]).toBeGreaterThan(1e-3)
  })
})


const ask = (key: number, changes: Partial<LikelihoodRequest> = {}): LikelihoodRequest => ({
  key, prompt: question(`why is it ${key}?`), response: 'the good people know no love', own: { prompt: question(`why is it ${key}?`), control }, ...changes
})

describe('a request', () => {
  let host: Host
  beforeAll(async () => {
    ;({ host } = await hostOf())
  })

  test('of equal distributions has no divergence, edited by nothing or not at all', async () => {
    const { measured } = await likelihoodOn(host, [ask(0, { own: { prompt: question('why is it 0?'), control: { ...control, stepSize: 0 } } }), ask(1, { own: { prompt: question('why is it 1?'), control: null } })])
    for (const { base, own, divergence: kl } of measured) {
      expectClose(kl, Array.from(kl!, () => 0), 1e-9)
      expectClose(own, [...base], 1e-5)
    }
  })

  test('of a text measures its tokens, and no end token', async () => {
    const { finished: [whole] } = await prefillOn(host, [{ key: 0, prompt: question('why is it 0?'), response: 'the good people know no love', maxTokens: 100 }])
    const { measured: [one], totals } = await likelihoodOn(host, [ask(0)])
    expect([...one!.tokens]).toEqual([...whole!.tokens].slice(0, -1))
    expect(totals.tokens).toBe(one!.tokens.length)
    const { measured: [ended] } = await likelihoodOn(host, [ask(0, { response: whole!.tokens })])
    expect(ended!.base.length).toBe(one!.base.length + 1)
    expectClose(one!.divergence, [...ended!.divergence!].slice(0, -1), 1e-3)
  })

  test('longer than a step and with a prompt longer than a batch is read in pieces', async () => {
    const { host: small } = await hostOf({}, { batchTokens: 16, sequences: 2 })
    const long = [ask(0, { prompt: { text: 'what is it to be kind? '.repeat(8) }, response: ' good people know no love and'.repeat(15), own: { prompt: { text: `hello ${'what is it to be kind? '.repeat(9)}` }, control } })]
    const [{ measured: [whole] }, { measured: [pieces], totals }] = [await likelihoodOn(host, long), await likelihoodOn(small, long)]
    expect(totals.steps).toBeGreaterThan(whole!.tokens.length / 8)
    for (const part of ['base', 'own', 'divergence'] as const) expectClose(pieces![part], [...whole![part]!], cacheNoise)
  })

  test('has the same bits alone and beside others, which are not disturbed', async () => {
    const { measured: alone } = await likelihoodOn(host, [ask(1)])
    const drawing = [0, 1, 2].map((key) => ({ key, prompt: question(`who is it ${key}?`), sampling: greedy, seed: 1, maxTokens: 30, control: null }))
    const expected = await generateOn(host, drawing)
    const [{ measured }, generated] = await Promise.all([likelihoodOn(host, [ask(0), ask(1), ask(2)]), generateOn(host, drawing)])
    expect(measured[1]).toEqual(alone[0])
    expect(generated.finished.map(({ tokens }) => [...tokens])).toEqual(expected.finished.map(({ tokens }) => [...tokens]))
  })

  test('gives the probabilities that steered tokens were drawn with', async () => {
    const { host: exact } = await hostOf({ shallow: true }) // else the cache's noise differs between the two ways
    const prompt = question('why is it so?')
    for (const own of [null, control]) {
      const { finished: [drawn] } = await generateOn(exact, [{ key: 0, prompt, sampling: lively, seed: 3, maxTokens: 40, control: own }])
      const { measured: [one] } = await likelihoodOn(exact, [ask(0, { prompt, response: drawn!.tokens, own: { prompt, control: own } })])
      expectClose(one!.own, [...drawn!.logProbabilities], 1e-4)
    }
  })

  test('that cannot be measured is skipped with the reason, and the others go on', async () => {
    const foreign = Int32Array.of(5, 100000)
    const { measured, skipped } = await likelihoodOn(host, [
      ask(0, { response: '' }), ask(1, { response: foreign }), ask(2, { response: ' good'.repeat(2000) }), ask(3, { response: ' good'.repeat(600) }), ask(4, { own: { prompt: question('why is it 4?'), control: { ...control, stepSize: 1e38 } } }), ask(5)
    ])
    expect(measured.map(({ key }) => key)).toEqual([5])
    const reasons = new Map(skipped.map(({ key, reason }) => [key, reason]))
    expect(reasons.get(0)).toBe('the response is empty')
    expect(reasons.get(1)).toContain("not in the model's vocabulary")
    expect(reasons.get(2)).toContain('1024')
    expect(reasons.get(3)).toContain('twice its 600 tokens')
    expect(reasons.get(4)).toContain('not finite')
    await expect(likelihoodOn(host, [ask(0, { own: { prompt: question('a'), control: { ...control, network: 'none' } } })])).rejects.toMatchObject({ code: 'bad-request' })
  })

  test('of a model whose logits are not finite is skipped', async () => {
    const { host: broken } = await hostOf({ brokenLogit: 300 })
    const { measured, skipped } = await likelihoodOn(broken, [ask(0)])
    expect(measured).toEqual([])
    expect(skipped[0]!.reason).toBe('the logits of token 1 are not finite')
  })

  test('can be cancelled', async () => {
    const abort = new AbortController()
    const reading = likelihoodOn(host, Array.from({ length: 40 }, (_, key) => ask(key)), { signal: abort.signal, onEvent: () => abort.abort() })
    await expect(reading).rejects.toMatchObject({ code: 'cancelled' })
    expect((await likelihoodOn(host, [ask(0)])).measured.length).toBe(1)
  })
})
