/**
 * The tiny model steered where it runs, on the graphics processor named by RE_CONTROL_TEST_DEVICE (Vulkan0, CUDA0):
 * states are edited in its memory, with the answers of the processor. Skipped where none is named or it is not there.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Context, Sampler, loadModel, type Batch, type Control, type Decoded, type Model } from '../../native/llama.ts'
import { ValueFunction } from '../../native/value-function.ts'
import { createHost } from '../../src-main/model-host/host.ts'
import type { TrainInput } from '../../src-main/model-host/messages/train.ts'
import { batchOf, bits, largest, relativeError, row } from '../fixtures/batches.ts'
import { generateOn, greedy, question, type Host } from '../fixtures/hosts.ts'
import { seededRandom } from '../fixtures/random.ts'
import { openTestGpu, testBackend, testDevice } from '../fixtures/test-device.ts'
import { writeTinyModel } from '../fixtures/tiny-model.ts'
import { ascend, randomValueFunction, valueOf } from '../fixtures/value-functions.ts'
import { multiply } from './reference-llama.ts'

const D = 64
const allLayers = 3
const settings = { contextTokens: 256, sequences: 8, batchTokens: 256, threads: 1 }
const folder = mkdtempSync(join(tmpdir(), 'gpu-steering-test-'))
afterAll(() => rmSync(folder, { recursive: true }))

const functions = [
  { layers: randomValueFunction(7, [D, 48, 1]), stepSize: 0.1, updates: 10 },
  { layers: randomValueFunction(7, [D, 40, 24, 1]), stepSize: 0.05, updates: 20 }
]
type Case = (typeof functions)[number]
const controlOf = ({ layers, ...ascent }: Case, rows: number[], changes: Partial<Control> = {}): Control =>
  ({ valueFunction: new ValueFunction({ inputDim: D, layers }), ...ascent, rows: Int32Array.from(rows), ...changes })

const prompts = [[1, 300], [1, 301, 302], [1, 303], [1, 304, 305, 306], [1, 307], [1, 308, 309]]
const batch = (controls: Control[]): Batch => batchOf(prompts.map((tokens, sequence) => ({ sequence, tokens })), controls)

/** One step in a context of its own, with the logits of every row. */
async function decode(model: Model, step: Batch): Promise<Decoded & { logits: Float32Array[] }> {
  const context = new Context(model, settings)
  const decoded = await context.decode(step)
  const logits = Array.from(decoded.finite, (_, r) => context.logits(r))
  context.free()
  return { ...decoded, logits }
}

describe.runIf(openTestGpu())(`on the graphics processor that RE_CONTROL_TEST_DEVICE names (here: ${testDevice})`, () => {
  const file = join(folder, 'tiny.gguf')
  const weights = writeTinyModel(file)
  let model: Model
  beforeAll(async () => {
    model = await loadModel(file, allLayers)
  })

  // the output layer is the first to go to a GPU
  test.each([0, 1, 2, 3])('with %i of 3 layers there the states are edited beside the output layer', async (gpuLayers) => {
    const own = await loadModel(file, gpuLayers)
    const [one] = functions as [Case]
    const { states, edited, editedOn } = await decode(own, batch([controlOf(one, [0])]))
    expect(editedOn).toBe(gpuLayers === 0 ? 'CPU' : testDevice)
    expect(relativeError(row(edited!, 0, D), ascend(one.layers, [...row(states, 0, D)], one))).toBeLessThan(1e-5)
    own.free()
  })

  const controls = (): Control[] => [
    controlOf(functions[0]!, [3, 0]),
    controlOf(functions[1]!, [2]),
    controlOf(functions[1]!, [5], { target: 3, tolerance: 0.01, maxEdit: 0.05 })
  ]
  const steered = [0, 2, 3]

  test('rows of several controls get their own ascent, all others keep every bit', async () => {
    const base = await decode(model, batch([]))
    const mixed = await decode(model, batch(controls()))
    expect([base.editedOn, mixed.editedOn]).toEqual([null, testDevice])
    expect(bits(mixed.states)).toEqual(bits(base.states))
    for (const r of [1, 4]) {
      expect(bits(mixed.logits[r]!)).toEqual(bits(base.logits[r]!))
      expect(bits(row(mixed.edited!, r, D))).toEqual(bits(row(base.states, r, D)))
      expect([mixed.valueBefore[r], mixed.valueAfter[r], mixed.edits[r]]).toEqual([NaN, NaN, NaN])
    }
    for (const r of steered) {
      const one = functions[r === 2 ? 1 : 0]!
      const state = row(mixed.states, r, D)
      const expected = ascend(one.layers, [...state], one)
      expect(relativeError(expected, state)).toBeGreaterThan(0.02) // it does move
      expect(relativeError(row(mixed.edited!, r, D), expected)).toBeLessThan(1e-5)
      expect(mixed.valueBefore[r]).toBeCloseTo(valueOf(one.layers, [...state]), 3)
      expect(mixed.valueAfter[r]).toBeCloseTo(valueOf(one.layers, expected), 3)
      expect(mixed.edits[r]).toBeCloseTo(relativeError(expected, state), 4)
    }
    expect(mixed.edits[5]).toBeGreaterThan(0)
    expect(mixed.edits[5]).toBeLessThanOrEqual(0.0500001)
  })

  test('Delta logits = W u on the float32 head', async () => {
    const base = await decode(model, batch([]))
    const { states, edited, logits } = await decode(model, batch(controls()))
    for (const r of steered) {
      const [h, moved] = [row(states, r, D), row(edited!, r, D)]
      const effect = multiply(weights.output, moved.map((x, i) => x - h[i]!))
      expect(largest(effect)).toBeGreaterThan(0.1)
      expect(largest(effect.map((e, token) => logits[r]![token]! - base.logits[r]![token]! - e))).toBeLessThan(1e-3 * largest(effect))
    }
  })

  test('a step of 0 and no updates tell the values and change no bit', async () => {
    const base = await decode(model, batch([]))
    const still = await decode(model, batch([controlOf(functions[0]!, [0], { stepSize: 0 }), controlOf(functions[1]!, [1], { updates: 0 })]))
    expect(still.logits.map(bits)).toEqual(base.logits.map(bits))
    expect([still.edited, still.edits[0], still.edits[1]]).toEqual([null, 0, 0])
    expect(still.valueAfter[1]).toBeCloseTo(valueOf(functions[1]!.layers, [...row(base.states, 1, D)]), 3)
  })

  test('states that are not wanted are not handed out; the edit and what is told of it are the same', async () => {
    const wide = await decode(model, batch(controls()))
    for (const format of ['none', 'float16'] as const) {
      const narrow = await decode(model, { ...batch(controls()), states: format })
      expect([narrow.states.length, narrow.edited, narrow.editedOn]).toEqual([0, null, testDevice])
      expect([...narrow.statesF16]).toEqual(format === 'none' ? [] : [...new Uint16Array(new Float16Array(wide.states).buffer)])
      expect(narrow.logits.map(bits)).toEqual(wide.logits.map(bits))
      expect([...narrow.finite]).toEqual([1, 1, 1, 1, 1, 1])
      expect([narrow.valueBefore, narrow.valueAfter, narrow.edits]).toEqual([wide.valueBefore, wide.valueAfter, wide.edits])
    }
  })

  test('more rows than are checked at once', async () => {
    const tokens = Array.from({ length: 150 }, (_, i) => 261 + i)
    const control = controlOf(functions[0]!, tokens.map((_, r) => r).filter((r) => r % 2 === 0))
    const { finite, valueAfter } = await decode(model, { ...batchOf([{ sequence: 0, tokens, outputs: 'all' }], [control]), states: 'none' })
    expect([...finite]).toEqual(tokens.map(() => 1))
    expect([...valueAfter].map(Number.isNaN)).toEqual(tokens.map((_, r) => r % 2 === 1))
  })

  test('more updates than a graph holds are made on the processor', async () => {
    const one = { ...functions[0]!, stepSize: 1e-3, updates: 1200 }
    const { states, edited, editedOn } = await decode(model, batch([controlOf(one, [1])]))
    expect(editedOn).toBe('CPU')
    expect(relativeError(row(edited!, 1, D), ascend(one.layers, [...row(states, 1, D)], one))).toBeLessThan(1e-5)
    expect((await decode(model, { ...batch([controlOf(one, [1])]), states: 'none' })).editedOn).toBe('CPU')
  })

  test.each(['none', 'float16', 'float32'] as const)('a state that is not finite is told, and neither edited nor drawn from; states as %s', async (states) => {
    const broken = join(folder, 'broken.gguf')
    writeTinyModel(broken, { broken: 300 })
    const own = await loadModel(broken, allLayers)
    const sampler = (): Sampler => new Sampler({ ...greedy, seed: 1 })
    for (const control of [[], [controlOf(functions[0]!, [0])], [controlOf(functions[1]!, [0], { target: 3, maxEdit: 0.1 })]]) {
      const context = new Context(own, settings)
      const step = (token: number): Batch => ({ ...batchOf([{ sequence: 0, tokens: [1, token] }], control), states, samplers: [sampler()] })
      const { finite, drawn, valueBefore, valueAfter, edits } = await context.decode(step(300))
      expect([finite[0], drawn[0], valueBefore[0], valueAfter[0], edits[0]]).toEqual([0, -1, NaN, NaN, NaN])
      context.clear(true)
      const next = await context.decode(step(301))
      expect([next.finite[0], next.drawn[0], Number.isNaN(next.valueAfter[0])]).toEqual([1, context.sample(0, sampler()), control.length === 0])
      context.free()
    }
    own.free()
  })

  test('an ascent that leaves the finite numbers leaves its row alone, its values are NaN', async () => {
    const base = await decode(model, batch([]))
    const steep = functions[0]!.layers.map(({ weight, bias }) => ({ weight: weight.map((w) => w * 1e12), bias }))
    const wild = await decode(model, batch([controlOf({ layers: steep, stepSize: 0.1, updates: 30 }, [1])]))
    expect([wild.finite[1], wild.valueAfter[1], wild.edits[1]]).toEqual([1, NaN, NaN])
    expect(wild.logits.map(bits)).toEqual(base.logits.map(bits))
  })

  const never = new AbortController().signal
  const ignore = (() => {}) as never

  async function hostWith(gpuLayers: number): Promise<Host> {
    const host = createHost()
    await host.open({ backend: testBackend }, ignore, never)
    await host.load({ file, sha256: 'not checked here', contextTokens: 512, sequences: 4, batchTokens: 256, threads: 1, gpuLayers }, ignore, never)
    return host
  }

  test('the model host generates the greedy tokens of the processor, steered and not', async () => {
    const controlled = (which: number, changes = {}) => {
      const { stepSize, updates } = functions[which]!
      return { network: String(which), stepSize, updates, target: null, tolerance: 0, maxEdit: null, ...changes }
    }
    const kinds = [null, controlled(0), controlled(1), controlled(0, { target: 3, maxEdit: 0.1 })]
    const requests = Array.from({ length: 8 }, (_, key) => ({ key, prompt: question(`why is it ${key}?`), sampling: greedy, seed: key, maxTokens: 12, control: kinds[key % 4] ?? null }))
    const run = async (gpuLayers: number, states: boolean) => {
      const host = await hostWith(gpuLayers)
      for (const [i, { layers }] of functions.entries()) await host['network.set']({ name: String(i), network: { inputDim: D, layers } }, ignore, never)
      const { finished, skipped } = await generateOn(host, requests, { states, tokens: false })
      expect(skipped).toEqual([])
      return finished
    }
    const [here, there, withStates] = [await run(0, false), await run(allLayers, false), await run(allLayers, true)]
    expect(there.map(({ tokens }) => [...tokens])).toEqual(here.map(({ tokens }) => [...tokens]))
    expect(withStates.map(({ tokens }) => [...tokens])).toEqual(here.map(({ tokens }) => [...tokens]))
    // their states differ by the float16 cache's noise, of which an ascent across kinks makes more
    there.forEach(({ edits }, i) => expect(largest(edits.map((edit, token) => edit - here[i]!.edits[token]!))).toBeLessThan(0.02))
    expect(largest(there[2]!.edits)).toBeGreaterThan(0.1)
  })

  test('the model host trains where its model is', async () => {
    const states = join(folder, 'states')
    const random = seededRandom(2)
    const [count, responses] = [6, 8]
    writeFileSync(states, Buffer.from(Float16Array.from({ length: responses * count * D }, () => random.normal()).buffer))
    const input: TrainInput = {
      network: { inputDim: D, hiddenDims: [32] }, objective: 'semi-gradient', learningRate: 3e-3, weightDecay: 0, clipNorm: null, warmupSteps: 0, batchStates: 48, epochs: 2, patience: 0,
      standardise: true, seed: 1, checkpoint: null, trajectories: Array.from({ length: responses }, (_, i) => ({ file: states, offset: i * count * D * 2, count, reward: i % 3, validation: i % 4 === 3 }))
    }
    for (const [gpuLayers, trainedOn] of [[0, 'CPU'], [allLayers, testDevice]] as const) {
      expect(await (await hostWith(gpuLayers)).train(input, ignore, never)).toMatchObject({ trainedOn, failure: null })
    }
  })
})
