/** Decoding and steering a real, tiny model with random weights, against a float64 reference and against itself. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Context, Sampler, loadModel, openLibraries, type Batch, type Control, type Model, type SamplerSettings } from '../../native/llama.ts'
import { findVariant } from '../../native/variants.ts'
import { ValueFunction } from '../../native/value-function.ts'
import { batchOf, bits, generate, largest, relativeError, row, type Steering } from '../fixtures/batches.ts'
import { writeTinyModel, type TinyWeights } from '../fixtures/tiny-model.ts'
import { ascend, randomValueFunction, valueOf } from '../fixtures/value-functions.ts'
import { ReferenceLlama, multiply, referenceResponse, type Edit } from './reference-llama.ts'

const D = 64
const settings = { contextTokens: 1024, sequences: 16, batchTokens: 256, threads: 1 }
const folder = mkdtempSync(join(tmpdir(), 'context-test-'))
const file = join(folder, 'tiny.gguf')

/**
 * llama.cpp keeps keys and values as float16 and its attention sums in float16, 11 bits: some 1e-3 of a state,
 * 2e-2 of these logits. A choice that is closer than the logits' noise is no evidence either way.
 */
const stateNoise = 4e-3
const clearLead = 0.05

let weights: TinyWeights
let model: Model
let context: Context

beforeAll(async () => {
  weights = writeTinyModel(file)
  openLibraries(findVariant().directory)
  model = await loadModel(file, 0)
  context = new Context(model, settings)
})

afterAll(() => rmSync(folder, { recursive: true }))

const tokensOf = (text: string): Int32Array => model.tokenize(text, true, false)
const forgetAll = (): void => Array.from({ length: settings.sequences }, (_, i) => i).forEach((sequence) => context.removeSequence(sequence))
const greedy = (): Sampler => new Sampler({ temperature: 0, topK: 0, topP: 1, minP: 0, seed: 1 })
const openings = ['the', 'good', 'people', 'why', 'wörld 😀', 'love', 'sad', 'question', 'because', 'terrible', 'thank', 'know']
const texts = openings.flatMap((opening) => [opening, `${opening} you`, `${opening}?`])

// one hidden layer takes the shortcut in the units' space, two take its other form
const functions = [
  { name: 'one hidden layer', layers: randomValueFunction(7, [D, 48, 1]), stepSize: 0.1, updates: 10 },
  { name: 'two hidden layers', layers: randomValueFunction(7, [D, 40, 24, 1]), stepSize: 0.05, updates: 20 }
]
type Case = (typeof functions)[number]
const steeringOf = ({ layers, stepSize, updates }: Case): Steering => ({ valueFunction: new ValueFunction({ inputDim: D, layers }), stepSize, updates })
const controlOf = (one: Case, rows: number[]): Control => ({ ...steeringOf(one), rows: Int32Array.from(rows) })
const editOf = ({ layers, stepSize, updates }: Case): Edit => (state) => ascend(layers, state, { stepSize, updates })

describe('without control', () => {
  test.each([
    { options: {}, text: 'Human: what is love?\n\nAssistant: the people' },
    { options: { seed: 2, embedding: 96, layers: 3 }, text: 'Hello wörld 😀!' },
    { options: { seed: 3, embedding: 32, layers: 1 }, text: 'a' }
  ])('every state and its logits are the reference\'s, $options', async ({ options, text }) => {
    const other = join(folder, 'other.gguf')
    const reference = new ReferenceLlama(writeTinyModel(other, options))
    const own = await loadModel(other, 0)
    const { stateSize } = own.facts()
    const tokens = own.tokenize(text, true, false)
    const ownContext = new Context(own, settings)
    const decoded = await ownContext.decode(batchOf([{ sequence: 0, tokens, outputs: 'all' }]))
    expect(decoded.states.length).toBe(tokens.length * stateSize)
    expect(decoded.edited).toBeNull()
    expect([...decoded.valueBefore, ...decoded.valueAfter].every(Number.isNaN)).toBe(true)
    reference.decode(tokens).forEach(({ state, logits }, r) => {
      expect(relativeError(row(decoded.states, r, stateSize), state)).toBeLessThan(stateNoise)
      expect(relativeError(ownContext.logits(r), logits)).toBeLessThan(stateNoise)
    })
    ownContext.free()
    own.free()
  })

  test('the first token attends to itself alone: only the rounding of its value to float16 is left', async () => {
    forgetAll()
    const { states } = await context.decode(batchOf([{ sequence: 0, tokens: [300] }]))
    expect(relativeError(states, new ReferenceLlama(weights).decode([300])[0]!.state)).toBeLessThan(1e-3)
  })

  test('logits are W times the state', async () => {
    forgetAll()
    const { states } = await context.decode(batchOf([{ sequence: 0, tokens: tokensOf('the good people') }]))
    expect(relativeError(context.logits(0), multiply(weights.output, states))).toBeLessThan(1e-5)
  })

  test('output row n is the n-th entry that asks for one, however sequences are mixed', async () => {
    forgetAll()
    const [a, b] = [tokensOf('why is it'), tokensOf('people say no')]
    const order = [[0, 0], [1, 0], [1, 1], [0, 1], [0, 2], [1, 2]] as const // [sequence, position]
    const wanted = [0, 1, 1, 1, 0, 1]
    const { states } = await context.decode({
      tokens: Int32Array.from(order, ([sequence, position]) => [a, b][sequence]![position]!),
      positions: Int32Array.from(order, ([, position]) => position),
      sequences: Int32Array.from(order, ([sequence]) => sequence),
      outputs: Uint8Array.from(wanted),
      controls: []
    })
    const references = [a, b].map((tokens) => new ReferenceLlama(weights).decode(tokens))
    const flagged = order.filter((_, entry) => wanted[entry] === 1)
    expect(states.length).toBe(flagged.length * D)
    flagged.forEach(([sequence, position], r) => {
      expect(relativeError(row(states, r, D), references[sequence]![position]!.state)).toBeLessThan(stateNoise)
      expect(relativeError(context.logits(r), references[sequence]![position]!.logits)).toBeLessThan(stateNoise)
    })
  })

  test('a removed sequence leaves nothing behind, a copied one goes on like its original', async () => {
    forgetAll()
    const [first, second] = [tokensOf('the good people'), tokensOf('sad')]
    await context.decode(batchOf([{ sequence: 0, tokens: tokensOf('terrible question'), outputs: 'none' }]))
    context.removeSequence(0)
    await context.decode(batchOf([{ sequence: 0, tokens: first, outputs: 'none' }]))
    context.copySequence(0, 5)
    context.removeSequence(0)
    const { states } = await context.decode(batchOf([{ sequence: 5, tokens: [400], from: first.length }, { sequence: 0, tokens: second }]))
    expect(relativeError(row(states, 0, D), new ReferenceLlama(weights).decode([...first, 400]).at(-1)!.state)).toBeLessThan(stateNoise)
    expect(relativeError(row(states, 1, D), new ReferenceLlama(weights).decode(second).at(-1)!.state)).toBeLessThan(stateNoise)
  })
})

describe.each(functions)('control by a value function with $name', (one) => {
  /** The same prompt without and with control. */
  async function both(text: string) {
    const batch = (controls: Control[]): Batch => batchOf([{ sequence: 0, tokens: tokensOf(text) }], controls)
    forgetAll()
    const base = await context.decode(batch([]))
    const baseLogits = context.logits(0)
    forgetAll()
    const steered = await context.decode(batch([controlOf(one, [0])]))
    return { base, baseLogits, steered, edited: steered.edited!, logits: context.logits(0) }
  }

  test('states stay as the model made them; edited is the ascent from them, with its values', async () => {
    const { base, steered, edited } = await both('the good people')
    expect(bits(steered.states)).toEqual(bits(base.states))
    const expected = editOf(one)([...base.states])
    expect(relativeError(expected, base.states)).toBeGreaterThan(0.02) // it does move
    expect(relativeError(edited, expected)).toBeLessThan(1e-5)
    expect(steered.valueBefore[0]).toBeCloseTo(valueOf(one.layers, [...base.states]), 3)
    expect(steered.valueAfter[0]).toBeCloseTo(valueOf(one.layers, expected), 3)
    expect(steered.edits[0]).toBeCloseTo(relativeError(edited, steered.states), 5)
    expect(steered.valueAfter[0]).toBeGreaterThan(steered.valueBefore[0]!)
    expect([base.editedOn, steered.editedOn]).toEqual([null, 'CPU'])
  })

  test('Delta logits = W u on the float32 head', async () => {
    for (const text of ['the', 'why is it?', 'terrible question']) {
      const { baseLogits, steered, edited, logits } = await both(text)
      const effect = multiply(weights.output, edited.map((x, i) => x - steered.states[i]!))
      expect(largest(effect)).toBeGreaterThan(0.1)
      expect(largest(effect.map((e, token) => logits[token]! - baseLogits[token]! - e))).toBeLessThanOrEqual(1e-4 * Math.max(1, largest(effect)))
    }
  })

  test('greedy tokens are those of the reference, and not the uncontrolled ones', async () => {
    const clear = texts.map((text) => {
      const prompt = tokensOf(text)
      return { prompt, reference: referenceResponse(weights, prompt, 24, editOf(one)) }
    }).filter(({ reference }) => reference.narrowest > clearLead)
    expect(clear.length).toBeGreaterThan(4)
    let changed = 0
    for (const { prompt, reference } of clear) {
      forgetAll()
      const [steered] = await generate(context, [prompt], 24, [greedy()], [steeringOf(one)])
      const [base] = await generate(context, [prompt], 24, [greedy()])
      expect(steered).toEqual(reference.tokens)
      if (base!.join() !== steered!.join()) changed++
    }
    expect(changed).toBeGreaterThan(clear.length / 2)
  })
})

test('greedy tokens without control are those of the reference, one at a time and many in a batch, steered ones beside them', async () => {
  const cases = [null, ...functions].flatMap((one) => texts.map((text) => {
    const prompt = tokensOf(text)
    return { one, prompt, reference: referenceResponse(weights, prompt, 16, one === null ? undefined : editOf(one)) }
  }).filter(({ reference }) => reference.narrowest > clearLead).slice(0, 5))
  expect(cases.length).toBe(15)
  const steering = cases.map(({ one }) => (one === null ? null : steeringOf(one)))
  forgetAll()
  const together = await generate(context, cases.map(({ prompt }) => prompt), 16, cases.map(greedy), steering)
  for (const [i, { prompt, reference }] of cases.entries()) {
    const [alone] = await generate(context, [prompt], 16, [greedy()], [steering[i]!])
    expect(alone).toEqual(reference.tokens)
    expect(together[i]).toEqual(alone)
  }
})

describe('control of some rows of a batch', () => {
  const parts = ['the good', 'why is it?', 'people', 'Hello wörld 😀!', 'sad', 'terrible question', 'know'].map((text, sequence) => ({ text, sequence }))
  const steered = [0, 2, 3]
  const controls = (): Control[] => [
    controlOf(functions[0]!, [2, 0]),
    controlOf(functions[1]!, [3]),
    controlOf({ ...functions[0]!, stepSize: 0 }, [4]),
    controlOf({ ...functions[1]!, updates: 0 }, [5])
  ]
  const run = async (list: Control[]) => {
    const prompts = parts.map(({ text, sequence }) => ({ sequence, tokens: tokensOf(text) }))
    forgetAll()
    const first = await context.decode(batchOf(prompts, list))
    const logits = parts.map((_, r) => context.logits(r))
    const next = await context.decode(batchOf(prompts.map(({ sequence, tokens }) => ({ sequence, tokens: [300 + sequence], from: tokens.length }))))
    return { ...first, logits, next }
  }

  test('leaves every other row bit for bit as it was, also those with step size 0 or no updates', async () => {
    const base = await run([])
    const mixed = await run(controls())
    expect(bits(mixed.states)).toEqual(bits(base.states))
    parts.forEach((_, r) => {
      const isSteered = steered.includes(r)
      expect(bits(mixed.logits[r]!).join() === bits(base.logits[r]!).join()).toBe(!isSteered)
      expect(bits(row(mixed.edited!, r, D)).join() === bits(row(base.states, r, D)).join()).toBe(!isSteered)
      expect(Number.isNaN(mixed.valueBefore[r])).toBe(r === 1 || r === 6)
      expect(Number.isNaN(mixed.valueAfter[r])).toBe(r === 1 || r === 6)
      if (r === 4 || r === 5) expect(mixed.valueAfter[r]).toBe(mixed.valueBefore[r])
    })
  })

  test('gives each row the ascent of its own value function', async () => {
    const mixed = await run(controls())
    for (const [r, one] of [[0, functions[0]!], [2, functions[0]!], [3, functions[1]!]] as const) {
      expect(relativeError(row(mixed.edited!, r, D), editOf(one)([...row(mixed.states, r, D)]))).toBeLessThan(1e-5)
    }
  })

  test('is the same to the bit however many threads share the rows', async () => {
    const edits = []
    for (const threads of [1, 2, 3, 7]) { // fewer threads than rows, and more
      context.setThreads(threads)
      const mixed = await run([controlOf(functions[0]!, [2, 0]), controlOf(functions[1]!, [3]), { ...controlOf(functions[1]!, [5]), target: 3, maxEdit: 0.2 }])
      edits.push([bits(mixed.states), bits(mixed.edited!), [...mixed.valueAfter], [...mixed.edits]])
      expect(mixed.edits[5]).toBeGreaterThan(0)
      expect(mixed.edits[5]).toBeLessThanOrEqual(0.2000001)
    }
    context.setThreads(1)
    for (const one of edits.slice(1)) expect(one).toEqual(edits[0])
  })

  test('leaves the cache alone: the same tokens go on to the same states', async () => {
    expect(bits((await run(controls())).next.states)).toEqual(bits((await run([])).next.states))
  })

  test('reports no edit when there is none', async () => {
    const { edited, valueBefore } = await run(controls().slice(2))
    expect(edited).toBeNull()
    expect(valueBefore[4]).not.toBeNaN()
  })
})

describe('sampling', () => {
  const draw = async (changes: Partial<SamplerSettings>, count = 20): Promise<number[]> => {
    forgetAll()
    const sampler = new Sampler({ temperature: 1, topK: 0, topP: 1, minP: 0, seed: 1, ...changes })
    return (await generate(context, [tokensOf('why is it')], count, [sampler]))[0]!
  }

  test('the seed alone decides', async () => {
    expect(await draw({ seed: 5 })).toEqual(await draw({ seed: 5 }))
    expect(await draw({ seed: 5 })).not.toEqual(await draw({ seed: 6 }))
  })

  test('temperature 0 is greedy whatever else is set, and so are one candidate and next to no probability mass', async () => {
    const expected = await draw({ temperature: 0 })
    const { logits } = new ReferenceLlama(weights).decode(tokensOf('why is it')).at(-1)!
    expect(expected[0]).toBe(logits.indexOf(Math.max(...logits)))
    expect(await draw({ temperature: 0, topK: 40, topP: 0.9, seed: 9 })).toEqual(expected)
    expect(await draw({ topK: 1 })).toEqual(expected)
    expect(await draw({ topP: 1e-6 })).toEqual(expected)
    expect(await draw({ minP: 1 })).toEqual(expected)
    expect(await draw({})).not.toEqual(expected)
  })

  test('topK keeps the best tokens only', async () => {
    forgetAll()
    await context.decode(batchOf([{ sequence: 0, tokens: tokensOf('why is it') }]))
    const best = [...context.logits(0)].map((logit, token) => ({ logit, token })).sort((a, b) => b.logit - a.logit).slice(0, 3).map(({ token }) => token)
    const sampler = new Sampler({ temperature: 5, topK: 3, topP: 1, minP: 0, seed: 3 })
    const drawn = new Set(Array.from({ length: 200 }, () => context.sample(0, sampler)))
    expect([...drawn].sort()).toEqual(best.sort())
  })
})

describe('tokens drawn while the batch is decoded', () => {
  const chains: Partial<SamplerSettings>[] = [
    { temperature: 0 }, { topK: 50, topP: 0.95 }, { topK: 1 }, { topK: 3 }, { topK: 128 }, { topK: 300 }, { topK: 5000 }, { topP: 0.8 }, { minP: 0.1 }, { topK: 40, minP: 0.05, topP: 0.9 }, {}
  ]
  const samplerOf = (changes: Partial<SamplerSettings>, seed: number): Sampler => new Sampler({ temperature: 0.9, topK: 0, topP: 1, minP: 0, seed, ...changes })

  /** Both draw from the same logits, again and again, each with its own random state. */
  async function compare(own: Context, rounds: number): Promise<void> {
    const pairs = chains.map((chain, i) => ({ native: samplerOf(chain, 10 + i), plain: samplerOf(chain, 10 + i) }))
    for (let round = 0; round < rounds; round++) {
      for (let sequence = 0; sequence < chains.length; sequence++) own.removeSequence(sequence)
      const prompts = chains.map((_, sequence) => ({ sequence, tokens: [1, 261 + ((round * 37 + sequence * 11) % 300)] }))
      const { drawn } = await own.decode({ ...batchOf(prompts), samplers: pairs.map(({ native }) => native) })
      expect([...drawn]).toEqual(pairs.map(({ plain }, row) => own.sample(row, plain)))
    }
  }

  test('are the plain chain\'s', async () => {
    await compare(context, 60)
  })

  test('also where many logits are equal', async () => {
    const equal = join(folder, 'equal.gguf')
    writeTinyModel(equal, { repeats: 'é€😀' }) // all but a few logits are 0
    const own = await loadModel(equal, 0)
    const ownContext = new Context(own, settings)
    await compare(ownContext, 30)
    ownContext.free()
    own.free()
  })

  test('only for rows with a sampler', async () => {
    forgetAll()
    const { drawn } = await context.decode({ ...batchOf([{ sequence: 0, tokens: [1] }, { sequence: 1, tokens: [1, 300] }]), samplers: [null, greedy()] })
    expect([...drawn]).toEqual([-1, context.sample(1, greedy())])
    forgetAll()
    expect([...(await context.decode(batchOf([{ sequence: 0, tokens: [1] }]))).drawn]).toEqual([-1])
  })

  test('not from a state or logits that are not finite', async () => {
    const nan = join(folder, 'nan.gguf')
    writeTinyModel(nan, { broken: 300 })
    const own = await loadModel(nan, 0)
    const ownContext = new Context(own, settings)
    const { drawn, finite, valueBefore, valueAfter } = await ownContext.decode({ ...batchOf([{ sequence: 0, tokens: [1, 300] }], [controlOf(functions[0]!, [0])]), samplers: [samplerOf({ topP: 0.9 }, 1)] })
    expect([finite[0], drawn[0], valueBefore[0], valueAfter[0]]).toEqual([0, -1, NaN, NaN])
    expect(() => ownContext.sample(0, greedy())).toThrow(/not finite/)
    ownContext.clear(true)
    const next = await ownContext.decode({ ...batchOf([{ sequence: 0, tokens: [1, 301] }]), samplers: [greedy()] })
    expect([next.finite[0], next.drawn[0]]).toEqual([1, ownContext.sample(0, greedy())])
    ownContext.free()
    own.free()
  })
})

describe('states', () => {
  const batch = (): Batch => batchOf([{ sequence: 0, tokens: tokensOf('the good people'), outputs: 'all' }])

  test('as float16 are the float32 ones, rounded; and none when none are wanted', async () => {
    forgetAll()
    const { states, statesF16: none } = await context.decode(batch())
    forgetAll()
    const { statesF16, states: noFloats } = await context.decode({ ...batch(), states: 'float16' })
    expect([...statesF16]).toEqual([...new Uint16Array(new Float16Array(states).buffer)])
    expect([none.length, noFloats.length]).toEqual([0, 0])
    forgetAll()
    const neither = await context.decode({ ...batch(), states: 'none' })
    expect([neither.states.length, neither.statesF16.length]).toEqual([0, 0])
    expect(context.logits(0).length).toBeGreaterThan(0)
  })

  test('without the head are the same, there are no logits, and the cache is sound', async () => {
    forgetAll()
    const whole = await context.decode(batch())
    const next = (await context.decode(batchOf([{ sequence: 0, tokens: [300], from: tokensOf('the good people').length }])))
    const logits = context.logits(0)
    forgetAll()
    const headless = await context.decode({ ...batch(), head: false })
    expect(bits(headless.states)).toEqual(bits(whole.states))
    expect(() => context.logits(0)).toThrow(/no such output row/)
    expect(() => context.sample(0, greedy())).toThrow(/no such output row/)
    const after = await context.decode(batchOf([{ sequence: 0, tokens: [300], from: tokensOf('the good people').length }]))
    expect(bits(after.states)).toEqual(bits(next.states))
    expect(bits(context.logits(0))).toEqual(bits(logits))
  })

  test('of a beginning taken over from another sequence are its own, also when that one is gone', async () => {
    const [first, second] = [tokensOf('the good people know'), [...tokensOf('the good people').slice(0, 3), 400, 401]]
    forgetAll()
    await context.decode(batchOf([{ sequence: 0, tokens: first }]))
    context.copySequence(0, 1, 3)
    context.removeSequence(0)
    const { states } = await context.decode(batchOf([{ sequence: 1, tokens: second.slice(3), from: 3 }]))
    expect(relativeError(states, new ReferenceLlama(weights).decode(second).at(-1)!.state)).toBeLessThan(stateNoise)
  })
})

describe('refuses, and goes on working', () => {
  const good = (): Batch => batchOf([{ sequence: 0, tokens: [1, 300] }])
  const controlWith = (changes: object): Batch => ({ ...good(), controls: [{ ...controlOf(functions[0]!, [0]), ...changes }] })
  const wrong = (value: unknown) => value as never

  test.each<[string, () => Batch, RegExp | typeof Error]>([
    ['a token out of range', () => ({ ...good(), tokens: Int32Array.of(1, 100000) }), /entry 1 .* out of range/],
    ['a negative token', () => ({ ...good(), tokens: Int32Array.of(-1, 1) }), /entry 0 .* out of range/],
    ['a sequence out of range', () => ({ ...good(), sequences: Int32Array.of(0, 16) }), /entry 1 .* out of range/],
    ['a negative position', () => ({ ...good(), positions: Int32Array.of(-1, 0) }), /entry 0 .* out of range/],
    ['an empty batch', () => batchOf([]), /a batch has 1 to 256 tokens/],
    ['a batch that is too large', () => batchOf([{ sequence: 0, tokens: new Int32Array(257) }]), /a batch has 1 to 256 tokens/],
    ['lists of different lengths', () => ({ ...good(), positions: Int32Array.of(0) }), RangeError],
    ['a plain array', () => ({ ...good(), tokens: wrong([1, 300]) }), TypeError],
    ['another typed array', () => ({ ...good(), outputs: wrong(new Int8Array(2)) }), TypeError],
    ['no batch', () => wrong(undefined), TypeError],
    ['no controls', () => ({ ...good(), controls: wrong(undefined) }), Error],
    ['a value function of another dimension', () => controlWith({ valueFunction: new ValueFunction({ inputDim: 32, layers: randomValueFunction(1, [32, 4, 1]) }) }), /takes states of 32 numbers, the model has 64/],
    ['something else as value function', () => controlWith({ valueFunction: model }), TypeError],
    ['a row that is not in the batch', () => controlWith({ rows: Int32Array.of(1) }), RangeError],
    ['a negative row', () => controlWith({ rows: Int32Array.of(-1) }), RangeError],
    ['a row that two controls name', () => ({ ...good(), controls: [controlOf(functions[0]!, [0]), controlOf(functions[1]!, [0])] }), /output row 0 is named by two controls/],
    ['half an update', () => controlWith({ updates: 1.5 }), RangeError],
    ['one sampler for two rows', () => {
      const sampler = greedy()
      return { ...batchOf([{ sequence: 0, tokens: [1] }, { sequence: 1, tokens: [1] }]), samplers: [sampler, sampler] }
    }, /one sampler is named for two rows/],
    ['fewer samplers than rows', () => ({ ...good(), samplers: [] }), /one entry for each output row/],
    ['something else as a sampler', () => ({ ...good(), samplers: [wrong(model)] }), TypeError],
    ['a sampler without the head', () => ({ ...good(), samplers: [greedy()], head: false }), /no logits to draw from/],
    ['an unknown format of states', () => ({ ...good(), states: wrong('float64') }), /float64/],
    ['a position twice', () => ({ ...good(), positions: Int32Array.of(0, 0) }), /entry 1 has the position of an earlier one/],
    ['a position beyond the context', () => ({ ...good(), positions: Int32Array.of(0, 1024) }), /entry 1 .* out of range/],
    ['an infinite step', () => controlWith({ stepSize: Infinity }), RangeError]
  ])('%s', async (_, batch, error) => {
    forgetAll()
    expect(() => context.decode(batch())).toThrow(error)
    expect((await context.decode(good())).states.length).toBe(D)
  })

  test('positions that leave a gap or go back', async () => {
    for (const positions of [[0, 5], [1, 0]]) {
      forgetAll()
      await expect(context.decode({ ...good(), positions: Int32Array.from(positions) })).rejects.toThrow(/sequence 0 positions/)
      expect(() => context.logits(0)).toThrow(/no such output row/)
    }
    forgetAll()
    expect((await context.decode(good())).states.length).toBe(D)
  })

  test('an ascent that leaves the finite numbers: its row is left alone, its values are NaN', async () => {
    forgetAll()
    const base = await context.decode(good())
    const logits = context.logits(0)
    forgetAll()
    const steep = functions[0]!.layers.map(({ weight, bias }) => ({ weight: weight.map((w) => w * 1e12), bias }))
    const control = controlOf({ ...functions[0]!, layers: steep, updates: 30 }, [0])
    const steered = await context.decode({ ...good(), controls: [control] })
    expect([steered.valueAfter[0], steered.edits[0]]).toEqual([NaN, NaN])
    expect(bits(steered.states)).toEqual(bits(base.states))
    expect(bits(context.logits(0))).toEqual(bits(logits))
  })

  test('more tokens than the context holds', async () => {
    const small = new Context(model, { ...settings, contextTokens: 256, sequences: 3 })
    const full = batchOf([{ sequence: 0, tokens: new Int32Array(128).fill(300) }, { sequence: 1, tokens: new Int32Array(128).fill(301) }])
    const more = batchOf([{ sequence: 2, tokens: [302] }])
    await small.decode(full)
    await expect(small.decode(more)).rejects.toThrow(/the context is full/)
    small.removeSequence(1)
    const { states } = await small.decode(more)
    expect(relativeError(states, new ReferenceLlama(weights).decode([302])[0]!.state)).toBeLessThan(stateNoise)
  })

  test('anything else while a batch is being decoded', async () => {
    forgetAll()
    const decoding = context.decode(good())
    for (const call of [() => context.decode(good()), () => context.sample(0, greedy()), () => context.logits(0), () => context.removeSequence(0), () => context.copySequence(0, 1), () => context.clear(false), () => context.setThreads(1), () => context.free()]) {
      expect(call).toThrow(/being decoded/)
    }
    expect((await decoding).states.length).toBe(D)
  })

  test('use after free; a context outlives the freeing of its model', async () => {
    const own = await loadModel(file, 0)
    const ownContext = new Context(own, settings)
    own.free()
    for (const call of [() => own.facts(), () => own.tokenize('a', true, false), () => own.piece(5), () => new Context(own, settings)]) expect(call).toThrow(/freed/)
    expect((await ownContext.decode(good())).states.length).toBe(D)
    ownContext.free()
    ownContext.free()
    for (const call of [() => ownContext.decode(good()), () => ownContext.logits(0), () => ownContext.sample(0, greedy()), () => ownContext.removeSequence(0)]) expect(call).toThrow(/freed/)
  })

  test('rows, sequences, tokens and settings that do not exist', async () => {
    forgetAll()
    await context.decode(good())
    for (const bad of [1, -1, NaN]) expect(() => context.logits(bad)).toThrow(RangeError)
    for (const bad of [16, -1, NaN]) {
      expect(() => context.removeSequence(bad)).toThrow(RangeError)
      expect(() => context.copySequence(0, bad)).toThrow(RangeError)
      expect(() => context.copySequence(bad, 0)).toThrow(RangeError)
      expect(() => context.copySequence(0, 1, bad === 16 ? 1025 : bad)).toThrow(RangeError)
    }
    context.copySequence(0, 1)
    expect(() => context.copySequence(0, 1)).toThrow(/sequence 1 is not empty/) // would keep two tokens a position
    expect(() => context.copySequence(0, 0)).toThrow(/sequence 0 is not empty/)
    expect(() => context.clear(wrong(1))).toThrow(TypeError)
    for (const bad of [663, -1, 1e9]) expect(() => model.piece(bad)).toThrow(RangeError)
    for (const bad of [{ threads: 0 }, { sequences: 0 }, { batchTokens: 1.5 }]) expect(() => new Context(model, { ...settings, ...bad })).toThrow(RangeError)
    expect(() => new Context(model, { ...settings, contextTokens: wrong('256') })).toThrow(TypeError)
    expect(() => context.sample(0, wrong({}))).toThrow(Error)
    expect(() => new Sampler(wrong({ temperature: 1 }))).toThrow(TypeError)
  })

  test('files that are no models', async () => {
    await expect(loadModel(join(folder, 'missing.gguf'), 0)).rejects.toThrow(/missing.gguf/)
    await expect(loadModel(import.meta.filename, 0)).rejects.toThrow(/expected 'GGUF'/)
  })
})

// Each in a process of its own, because a fault in it ends the process.
test.each([
  'a sampler before the libraries are open',
  'a context before the libraries are open',
  'a folder without libraries',
  'a folder that is not there',
  'a second folder',
  'a context of a sampler',
  'sampling with a model',
  'more sequences than tokens of a step',
  'a batch within batchTokens, larger than the context'
])('an error and no crash: %s', async (name) => {
  const script = join(import.meta.dirname, '../fixtures/misuse.ts')
  const run = promisify(execFile)(process.execPath, [script, name, file], { env: { ...process.env, ELECTRON_RUN_AS_NODE: '1', GGML_NO_BACKTRACE: '1' } })
  expect((await run.catch((error: { stdout: string }) => error)).stdout).toMatch(/^error: /)
})
