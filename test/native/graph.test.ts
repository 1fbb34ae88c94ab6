/** The ascent as a graph of ggml, on the processor or the device named by RE_CONTROL_TEST_DEVICE, against float64. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { GraphValueFunction, type GraphAscentOptions } from '../fixtures/graph.ts'
import type { Layer } from '../../native/value-function.ts'
import { bits, relativeError, row } from '../fixtures/batches.ts'
import { normals, seededRandom } from '../fixtures/random.ts'
import { openTestDevice, testDevice } from '../fixtures/test-device.ts'
import { ascend, randomValueFunction, valueOf, type AscentSettings } from '../fixtures/value-functions.ts'

beforeAll(openTestDevice)

/** Of |Delta h|. */
const within = 1e-5

const graphOf = (layers: Layer[], inputDim: number): GraphValueFunction => new GraphValueFunction({ inputDim, layers, device: testDevice })

/** States with a large mean, as a language model's are, and a value function on their standardised form (h - mean) / scale. */
function rawStates(seed: number, rows: number, dims: readonly number[]): { states: Float32Array; layers: Layer[] } {
  const D = dims[0]!
  const random = seededRandom(seed)
  const mean = normals(random, D, 4)
  const scale = 1.5
  const noise = normals(random, rows * D, scale)
  const [first, ...rest] = randomValueFunction(seed + 1, dims) as [Layer, ...Layer[]]
  const weight = first.weight.map((w) => w / scale)
  const bias = first.bias.map((b, j) => b - weight.subarray(j * D, (j + 1) * D).reduce((sum, w, i) => sum + w * mean[i]!, 0))
  return { states: noise.map((x, i) => x + mean[i % D]!), layers: [{ weight, bias }, ...rest] }
}

function expectAscent(result: ReturnType<GraphValueFunction['ascend']>, states: Float32Array, layers: Layer[], settings: AscentSettings, tolerance = within): void {
  const D = layers[0]!.weight.length / layers[0]!.bias.length
  result.valueBefore.forEach((before, r) => {
    const h = [...row(states, r, D)]
    const expected = ascend(layers, h, settings)
    const moved = expected.map((x, i) => x - h[i]!)
    const length = Math.hypot(...moved)
    // Delta h read off h + Delta h also has the rounding of that sum.
    const rounding = 1e-7 * Math.hypot(...h)
    const actual = [...row(result.states, r, D)].map((x, i) => x - h[i]!)
    expect(Math.hypot(...actual.map((x, i) => x - moved[i]!))).toBeLessThanOrEqual(tolerance * length + rounding)
    expect(Math.abs(result.edits[r]! * Math.hypot(...h) - length)).toBeLessThanOrEqual(tolerance * length + rounding)
    const [from, to] = [valueOf(layers, h), valueOf(layers, expected)]
    expect(Math.abs(before - from)).toBeLessThan(1e-5 * (1 + Math.abs(from)))
    expect(Math.abs(result.valueAfter[r]! - to)).toBeLessThan(1e-5 + tolerance * (Math.abs(to) + Math.abs(to - from)))
  })
}

const shapes = [
  { dims: [64, 48, 1], rows: 5 },
  { dims: [64, 50, 1], rows: 1 },
  { dims: [256, 256, 1], rows: 17 },
  { dims: [64, 40, 24, 1], rows: 3 },
  { dims: [256, 256, 100, 1], rows: 4 },
  { dims: [10, 1, 1], rows: 70 } // more than one pass takes
]

describe.each(shapes)('a value function $dims of $rows raw states', ({ dims, rows }) => {
  const D = dims[0]!
  const { states, layers } = rawStates(dims.length * 100 + D, rows, dims)
  const start = valueOf(layers, [...row(states, 0, D)])

  test.each<AscentSettings>([
    { stepSize: 0.2, updates: 1 },
    { stepSize: 0.1, updates: 30 },
    { stepSize: -0.05, updates: 12 },
    { stepSize: 0.1, updates: 20, target: start + 0.3, tolerance: 0.05 },
    { stepSize: 0.1, updates: 20, target: start - 0.3 },
    { stepSize: 0.3, updates: 25, maxEdit: 0.02 },
    { stepSize: 0.1, updates: 20, target: start + 2, tolerance: 0.01, maxEdit: 0.03 }
  ])('%o', (settings) => {
    expectAscent(graphOf(layers, D).ascend(states, settings), states, layers, settings)
  })
})

test('many updates of a row that crosses many kinks', () => {
  const { states, layers } = rawStates(9, 2, [64, 100, 1])
  const settings = { stepSize: 0.2, updates: 500 }
  expectAscent(graphOf(layers, 64).ascend(states, settings), states, layers, settings)
})

test.each([[[64, 48, 1]], [[64, 40, 24, 1]]])('%o: rows that are not named keep every bit, and do not matter to the others', (dims) => {
  const { states, layers } = rawStates(3, 9, dims)
  states[5 * 64] = NaN
  states[64] = -0
  const V = graphOf(layers, 64)
  const options = { stepSize: 0.1, updates: 10 }
  const rows = [7, 0, 2, 3, 4]
  const some = V.ascend(states, { ...options, rows: Int32Array.from(rows) })
  for (let r = 0; r < 9; r++) {
    const named = rows.indexOf(r)
    expect(bits(row(some.states, r, 64)).join() === bits(row(states, r, 64)).join()).toBe(named < 0)
    if (named < 0) continue
    const alone = row(states, r, 64)
    expectAscent({ states: row(some.states, r, 64), ...Object.fromEntries(['valueBefore', 'valueAfter', 'edits'].map((key) => [key, some[key as 'edits'].slice(named, named + 1)])) } as never, alone, layers, options)
  }
})

test('no updates, a step of 0 and a target that is met change no bit; the values are still told', () => {
  for (const dims of [[64, 48, 1], [64, 40, 24, 1]]) {
    const { states, layers } = rawStates(4, 3, dims)
    states[7] = -0
    const V = graphOf(layers, 64)
    const values = [0, 1, 2].map((r) => valueOf(layers, [...row(states, r, 64)]))
    for (const options of [{ stepSize: 0.5, updates: 0 }, { stepSize: 0, updates: 30 }, { stepSize: 0.5, updates: 5, target: values[0]!, tolerance: 100 }, { stepSize: 0.5, updates: 5, maxEdit: 0 }]) {
      const result = V.ascend(states, options)
      expect(bits(result.states)).toEqual(bits(states))
      expect(relativeError(result.valueBefore, values)).toBeLessThan(1e-5)
      expect(relativeError(result.valueAfter, values)).toBeLessThan(1e-5)
      expect([...result.edits]).toEqual([0, 0, 0])
    }
  }
})

test('one graph serves other settings of the same shape, and many shapes one after the other', () => {
  const { states, layers } = rawStates(5, 2, [64, 48, 1])
  const V = graphOf(layers, 64)
  for (const stepSize of [0.1, 0.3, 0.1]) expectAscent(V.ascend(states, { stepSize, updates: 5 }), states, layers, { stepSize, updates: 5 })
  for (let updates = 1; updates < 40; updates++) V.ascend(states, { stepSize: 0.1, updates })
  expectAscent(V.ascend(states, { stepSize: 0.1, updates: 5 }), states, layers, { stepSize: 0.1, updates: 5 })
})

test('an edit never leaves the trust region', () => {
  const { states, layers } = rawStates(6, 8, [256, 256, 1])
  const { edits } = graphOf(layers, 256).ascend(states, { stepSize: 1, updates: 30, maxEdit: 0.01 })
  for (const edit of edits) expect(Math.abs(edit / 0.01 - 1)).toBeLessThan(1e-6)
})

test('weights far from 1 fit float16', () => {
  const random = seededRandom(1)
  for (const magnitude of [1e-6, 1e4]) {
    const layers = randomValueFunction(2, [64, 48, 1]).map(({ weight, bias }) => ({ weight: weight.map((w) => w * magnitude), bias }))
    const states = normals(random, 128, 1 / magnitude)
    const settings = { stepSize: 0.1 / magnitude ** 3, updates: 10 }
    expectAscent(graphOf(layers, 64).ascend(states, settings), states, layers, settings)
  }
})

test('what is not finite is reported as it is, and not edited', () => {
  const layers = randomValueFunction(1, [64, 48, 1]).map(({ weight, bias }) => ({ weight: weight.map((w) => w * 1e12), bias }))
  const states = normals(seededRandom(2), 64, 1)
  const { valueBefore, valueAfter, states: moved } = graphOf(layers, 64).ascend(states, { stepSize: 1, updates: 30 })
  expect(Number.isFinite(valueBefore[0]) && Number.isFinite(valueAfter[0])).toBe(false)
  expect(bits(moved)).toEqual(bits(states))
  states[3] = NaN
  expect(graphOf(layers, 64).ascend(states, { stepSize: 1, updates: 0 }).valueBefore[0]).toBeNaN()
})

test.each([[[64, 48, 1]], [[64, 40, 24, 1]]])('%o: a state with NaN or infinity has no value and is not edited, its neighbours are', (dims) => {
  const { states, layers } = rawStates(8, 4, dims)
  const V = graphOf(layers, 64)
  const spoiled = states.slice()
  spoiled[64 + 7] = NaN
  spoiled[2 * 64 + 9] = -Infinity
  for (const changes of [{}, { target: 3, tolerance: 0.1 }, { maxEdit: 0.1 }, { updates: 0 }]) {
    const options = { stepSize: 0.1, updates: 10, ...changes }
    const whole = V.ascend(states, options)
    const result = V.ascend(spoiled, options)
    expect([...result.valueBefore].map(Number.isNaN)).toEqual([false, true, true, false])
    expect([...result.valueAfter].map(Number.isNaN)).toEqual([false, true, true, false])
    for (const r of [1, 2]) expect(bits(row(result.states, r, 64))).toEqual(bits(row(spoiled, r, 64)))
    for (const r of [0, 3]) expect(relativeError(row(result.states, r, 64), row(whole.states, r, 64))).toBeLessThan(1e-6)
  }
})

describe('refuses', () => {
  const { states, layers } = rawStates(7, 2, [64, 48, 1])
  const build = (changes: object) => () => new GraphValueFunction({ inputDim: 64, layers, device: testDevice, ...changes })
  const run = (options: object, of = states) => () => graphOf(layers, 64).ascend(of, { stepSize: 0.1, updates: 2, ...options } as GraphAscentOptions)

  test('a device that is not there, naming those that are', () => {
    expect(build({ device: 'GPU9' })).toThrow(new RegExp(`there is no device 'GPU9' here, only .*${testDevice}`))
  })

  test.each<[string, () => unknown, RegExp]>([
    ['shapes that do not fit', build({ inputDim: 65 }), /64 inputs|65 inputs are/],
    ['states of another length', run({}, new Float32Array(65)), /not one or more states of 64/],
    ['no states', run({}, new Float32Array(0)), /not one or more states of 64/],
    ['a row that is not there', run({ rows: Int32Array.of(2) }), /there is no state 2 among 2/],
    ['a negative row', run({ rows: Int32Array.of(-1) }), /there is no state -1/],
    ['too many updates', run({ updates: 1001 }), /updates/],
    ['a step that is not finite', run({ stepSize: NaN }), /stepSize must be finite/],
    ['a target that is not a number', run({ target: '1' }), /target must be/]
  ])('%s', (_, call, message) => expect(call).toThrow(message))
})

// From PyTorch in float64, beside the checkout where the project is developed.
interface Vectors {
  input_dim: number
  layers: { weight: number[][]; bias: number[] }[]
  h: number[][]
  value: number[]
  ascent: { step_size: number; updates: number; h: number[][]; value_trace: number[][] }[]
}

const directory = join(import.meta.dirname, '../../../shared/vectors')
const readVectors = <T>(hidden: string): T => JSON.parse(readFileSync(join(directory, `value-function.${hidden}-hidden.json`), 'utf8')) as T
const toFloat32 = (layers: Vectors['layers']): Layer[] => layers.map(({ weight, bias }) => ({ weight: new Float32Array(weight.flat()), bias: new Float32Array(bias) }))

describe.skipIf(!existsSync(directory)).each(['one', 'two'])('PyTorch vectors, %s hidden', (hidden) => {
  test('ascent', () => {
    const vectors = readVectors<Vectors>(hidden)
    const V = graphOf(toFloat32(vectors.layers), vectors.input_dim)
    const states = new Float32Array(vectors.h.flat())
    const moved = (to: ArrayLike<number>): number[] => Array.from(to, (x, i) => x - states[i]!)
    for (const { step_size, updates, h, value_trace } of vectors.ascent) {
      const result = V.ascend(states, { stepSize: step_size, updates })
      expect(relativeError(moved(result.states), moved(h.flat()))).toBeLessThan(within)
      expect(relativeError(result.valueBefore, vectors.value)).toBeLessThan(1e-5)
      expect(relativeError(result.valueAfter, value_trace.at(-1)!)).toBeLessThan(within)
    }
  })
})
