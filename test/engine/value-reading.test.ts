/** What a value function has learned, against float64 over the states on the disk and over the model's own weights. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { collectSettings } from '../../src-main/contract/collect.ts'
import { methods } from '../../src-main/contract/methods.ts'
import { trainSettings } from '../../src-main/contract/value.ts'
import type { ValueContext, ValueReading } from '../../src-main/contract/learned.ts'
import { createHandlers } from '../../src-main/engine/handlers.ts'
import type { Handlers } from '../../src-main/engine/engine.ts'
import { multiply } from '../native/reference-llama.ts'
import { writeTinyModel, type TinyWeights } from '../fixtures/tiny-model.ts'
import { drawn, openStudio, scoredPrompts, type Studio } from './studio.ts'

const D = 64
let studio: Studio
let handlers: Handlers
let weights: TinyWeights
let collection: number
let id: number
let reading: ValueReading

beforeAll(async () => {
  studio = await openStudio({ ends: 'often' })
  weights = writeTinyModel(join(studio.directory, 'the same.gguf'), { ends: 'often' })
  handlers = createHandlers(studio.engine)
  const dataset = await studio.importRows(scoredPrompts(24))
  collection = (await studio.run('collect', collectSettings.parse({ dataset, maxTokens: 40, seed: 5, sampling: drawn }))).subject as number
  await studio.run('reward', { collection, source: 'column', settings: { column: 'score' } })
  id = (await studio.run('train', trainSettings.parse({ collection, source: 'column', hidden: 16, epochs: 4, validation: 0.5, learningRate: 1e-2, batch: 64 }))).subject as number
  reading = methods['value.reading'].output.parse(await handlers['value.reading']({ id }))
})
afterAll(() => studio.close())

/** (states, D) */
function statesOf(response: number): number[][] {
  const { shard, offset, states } = studio.project.responses.place(response)
  const bytes = readFileSync(join(studio.project.statesDirectory, shard)).subarray(offset, offset + states * D * 2)
  const numbers = Array.from(new Float16Array(new Uint8Array(bytes).buffer))
  return Array.from({ length: states }, (_, t) => numbers.slice(t * D, (t + 1) * D))
}

/** One hidden layer with ReLU. */
function valueAndGradient(h: number[]): { value: number; gradient: number[] } {
  const [first, last] = studio.project.valueFunctions.network(id).layers as [{ weight: Float32Array; bias: Float32Array }, { weight: Float32Array; bias: Float32Array }]
  const gradient = new Array<number>(D).fill(0)
  let value = last.bias[0]!
  first.bias.forEach((bias, unit) => {
    let z = bias
    for (let d = 0; d < D; d++) z += first.weight[unit * D + d]! * h[d]!
    if (z <= 0) return
    value += last.weight[unit]! * z
    for (let d = 0; d < D; d++) gradient[d]! += last.weight[unit]! * first.weight[unit * D + d]!
  })
  return { value, gradient }
}

const unseen = (): number[] => studio.project.valueFunctions.figures(id)!.heldOut.map(({ response }) => response)
const length = (x: number[]): number => Math.hypot(...x)

test('the values of training and of unseen states, and how they spread', () => {
  const held = new Set(unseen())
  for (const [side, responses] of [['unseen', [...held]], ['training', studio.project.responses.ids(collection).filter((one) => !held.has(one))]] as const) {
    const values = responses.flatMap((one) => statesOf(one).map((h) => valueAndGradient(h).value))
    const mean = values.reduce((sum, v) => sum + v, 0) / values.length
    const shown = reading[side]
    expect(shown).toMatchObject({ responses: responses.length, states: values.length })
    expect(shown.mean).toBeCloseTo(mean, 4)
    expect(shown.sd).toBeCloseTo(Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (values.length - 1)), 4)
    expect(shown.max).toBeCloseTo(Math.max(...values), 4)
    expect(shown.min).toBeCloseTo(Math.min(...values), 4)
    expect(reading.histogram.reduce((sum, bin) => sum + bin[side], 0)).toBe(values.length)
    // rounding moves a value over the edge of a bin, but not many
    const moved = reading.histogram.map((bin) => Math.abs(values.filter((v) => v >= bin.from && v < bin.to).length - bin[side]))
    expect(moved.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(4)
  }
  expect(reading.histogram.length).toBeGreaterThan(5)
  expect(reading.histogram.length).toBeLessThanOrEqual(40)
  expect(reading.notFinite).toBe(0)
})

test('contexts: the most extreme states and changes of unseen responses, one a response, with their tokens', () => {
  const { contexts } = reading
  const values = new Map(unseen().map((one) => [one, statesOf(one).map((h) => valueAndGradient(h).value)]))
  const rises = [...values].flatMap(([, own]) => (own.length < 2 ? [] : [Math.max(...own.slice(1).map((v, t) => v - own[t]!))])).filter((rise) => rise > 0).sort((a, b) => b - a)
  const highest = [...values].map(([, own]) => Math.max(...own)).sort((a, b) => b - a)
  const lowest = [...values].map(([, own]) => Math.min(...own)).sort((a, b) => a - b)
  expectClose(contexts.highest.map(({ value }) => value), highest)
  expectClose(contexts.lowest.map(({ value }) => value), lowest)
  expectClose(contexts.rises.map(({ change }) => change!), rises)
  expect(contexts.falls.every(({ change }, i, all) => change! < 0 && (i === 0 || change! >= all[i - 1]!.change!))).toBe(true)
  for (const list of Object.values(contexts)) {
    expect(new Set(list.map(({ response }) => response)).size).toBe(list.length)
    for (const context of list) expectTrue(context, values.get(context.response)!)
  }

  function expectTrue({ response, from, marked, value, change, tokens, length: whole, reward }: ValueContext, own: number[]): void {
    const { tokens: ids } = studio.project.responses.whole(response)
    expect(whole).toBe(own.length)
    expect(marked).toBeLessThanOrEqual(15)
    expect(from === 0 || marked === 15).toBe(true)
    expect(tokens).toHaveLength(Math.min(own.length, from + marked + 6) - from)
    expectClose(tokens.map((token) => token.value), own.slice(from))
    const at = from + marked
    if (change === null) expect(value).toBeCloseTo(own[at]!, 4)
    else {
      // the next token's state is the first that has read the marked one
      expect(change).toBeCloseTo(own[at + 1]! - own[at]!, 4)
      expect(value).toBeCloseTo(own[at + 1]!, 4)
    }
    // a token of several bytes is its last byte's text, and the end of the text a special token's
    if (weights.tokens[ids[at]!]!.kind === 'normal') expect(tokens[marked]!.text).toBe(weights.tokens[ids[at]!]!.text.replaceAll('▁', ' '))
    expect(reward).toBe(studio.project.responses.labelledStates(collection, 'column').find((one) => one.response === response)!.reward)
  }
})

test('V against reward, length and position: rho by its definition, and intervals around it', () => {
  const { correlations } = reading
  const rewards = new Map(studio.project.responses.labelledStates(collection, 'column').map(({ response, reward }) => [response, reward]))
  const own = unseen().map((response) => ({ reward: rewards.get(response)!, values: statesOf(response).map((h) => valueAndGradient(h).value) }))
  const V = own.map(({ values }) => values.reduce((sum, v) => sum + v, 0) / values.length)
  const lengths = own.map(({ values }) => values.length)
  expect(correlations.reward.rho).toBeCloseTo(rho(V, own.map(({ reward }) => reward)), 6)
  expect(correlations.length.rho).toBeCloseTo(rho(V, lengths), 6)
  expect(correlations.rewardAndLength.rho).toBeCloseTo(rho(own.map(({ reward }) => reward), lengths), 6)
  const longEnough = own.filter(({ values }) => values.length >= 3)
  const position = longEnough.map(({ values }) => rho(values, values.map((_, t) => t)))
  expect(correlations.position.rho).toBeCloseTo(position.reduce((a, b) => a + b, 0) / position.length, 6)
  for (const { rho: middle, low, high } of Object.values(correlations)) {
    expect(low!).toBeLessThan(middle!)
    expect(high!).toBeGreaterThan(middle!)
  }
})

test('promoted and suppressed tokens: W times the move along the mean gradient, centred', async () => {
  const promoted = methods['value.promoted'].output.parse(await handlers['value.promoted']({ id }))
  const states = unseen().flatMap(statesOf)
  const gradients = states.map((h) => valueAndGradient(h).gradient)
  const mean = Array.from({ length: D }, (_, d) => gradients.reduce((sum, g) => sum + g[d]!, 0) / gradients.length)
  const stateLength = states.reduce((sum, h) => sum + length(h), 0) / states.length
  expect(promoted).toMatchObject({ valueFunction: id, unseen: true, gradientStates: states.length, vocabulary: weights.tokens.length, move: 0.1 })
  expect(promoted.common).toBeCloseTo(length(mean) / (gradients.reduce((sum, g) => sum + length(g), 0) / gradients.length), 4)
  expect(promoted.gain / (0.1 * stateLength * length(mean))).toBeCloseTo(1, 4)
  const changes = multiply(weights.output, mean.map((g) => (0.1 * stateLength * g) / length(mean)))
  const centre = changes.reduce((a, b) => a + b, 0) / changes.length
  const order = changes.map((change, token) => ({ token, change: change - centre })).sort((a, b) => b.change - a.change)
  const largest = order[0]!.change
  expect(promoted.promoted.map(({ token }) => token)).toEqual(order.slice(0, 20).map(({ token }) => token))
  expect(promoted.suppressed.map(({ token }) => token)).toEqual(order.slice(-20).toReversed().map(({ token }) => token))
  for (const { token, change, spread, text } of [...promoted.promoted, ...promoted.suppressed]) {
    expect(Math.abs(change - (changes[token]! - centre)) / largest).toBeLessThan(1e-4)
    expect(spread / largest).toBeLessThan(1e-4) // the head is linear: every state's logits change alike
    expect(text).not.toBe('')
  }
  expect(promoted.kl).toBeGreaterThan(0)
})

test('a later reading ends the one before it, and one that is stopped says so', async () => {
  const first = handlers['value.reading']({ id })
  const second = handlers['value.reading']({ id })
  await expect(first).rejects.toMatchObject({ code: 'cancelled' })
  expect((await second).unseen.responses).toBe(unseen().length)
  const stopped = handlers['value.promoted']({ id })
  await handlers['value.stopReading']({})
  await expect(stopped).rejects.toMatchObject({ code: 'cancelled' })
})

test('what cannot be read is said; without unseen responses there are no contexts', async () => {
  const network = { inputDim: 3, layers: [{ weight: Float32Array.of(1, 1, 1), bias: Float32Array.of(0) }] }
  const whole = { name: 'i', source: 'column', scale: 1, rewardMean: 0, rewardScale: 1, settings: null, bestEpoch: 0, curve: [], calibration: [], manifest: null }
  const imported = studio.project.valueFunctions.add({ ...whole, source: 'imported', collection: null, network })
  await expect(handlers['value.reading']({ id: imported })).rejects.toThrow(/was imported: the states that it was trained on are not in this project/)
  const flat = { inputDim: D, layers: [{ weight: new Float32Array(D), bias: Float32Array.of(2) }] }
  const old = studio.project.valueFunctions.add({ ...whole, collection, network: flat })
  const seen = await handlers['value.reading']({ id: old })
  expect(seen.unseen).toEqual({ responses: 0, states: 0, mean: null, sd: null, min: null, max: null })
  expect(seen.training).toMatchObject({ responses: 24, mean: 2, sd: 0 })
  expect(seen.contexts.highest).toEqual([])
  expect(seen.correlations.reward).toEqual({ rho: null, low: null, high: null, responses: 0 })
  expect(seen.remarks.join()).toMatch(/No unseen responses are known/)
  await expect(handlers['value.promoted']({ id: old })).rejects.toThrow(/has no gradient at any of these states/)
})

function expectClose(actual: number[], expected: number[]): void {
  expect(actual.length).toBeGreaterThan(0)
  actual.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 4))
}

/** Spearman's: Pearson's r of the ranks, a rank being how many are smaller, and half of those that are equal. */
function rho(x: number[], y: number[]): number {
  const ranks = (all: number[]): number[] => all.map((a) => all.filter((b) => b < a).length + all.filter((b) => b === a).length / 2)
  const [a, b] = [ranks(x), ranks(y)]
  const mean = x.length / 2
  const dot = (p: number[], q: number[]): number => p.reduce((sum, one, i) => sum + (one - mean) * (q[i]! - mean), 0)
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))
}
