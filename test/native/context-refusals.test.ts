/** What a context and its parts refuse, and that they go on working. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { Context, Sampler, loadModel, type Batch } from '../../native/llama.ts'
import { ValueFunction } from '../../native/value-function.ts'
import { batchOf, bits, relativeError } from '../fixtures/batches.ts'
import { randomValueFunction } from '../fixtures/value-functions.ts'
import { ReferenceLlama } from './reference-llama.ts'
import { D, controlOf, functions, greedy, openTinyContext, settings, stateNoise } from './tiny-context.ts'

const { folder, file, weights, model, context, forgetAll } = await openTinyContext()

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
