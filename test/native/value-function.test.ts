import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ValueFunction, type AscentOptions, type Layer } from '../../native/value-function.ts'

/** Uniform in [-1, 1), reproducible. */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 31 - 1
}

function randomLayers(dims: number[], random: () => number): Layer[] {
  return dims.slice(1).map((outputs, l) => {
    const inputs = dims[l]!
    return {
      weight: Float32Array.from({ length: outputs * inputs }, () => (1.7 * random()) / Math.sqrt(inputs)),
      bias: Float32Array.from({ length: outputs }, () => 0.3 * random()),
    }
  })
}

/** Pre-activations of every layer in float64; the last is [V]. */
function preActivations(layers: Layer[], h: number[]): number[][] {
  const all: number[][] = []
  let x = h
  for (const { weight, bias } of layers) {
    const z = Array.from(bias, (b, j) => x.reduce((sum, xi, i) => sum + weight[j * x.length + i]! * xi, b))
    all.push(z)
    x = z.map((value) => Math.max(0, value))
  }
  return all
}

const valueOf = (layers: Layer[], h: number[]): number => preActivations(layers, h).at(-1)![0]!

function gradientOf(layers: Layer[], h: number[]): number[] {
  const z = preActivations(layers, h)
  let s = [1]
  for (let l = layers.length - 1; l >= 0; l--) {
    const inputs = l === 0 ? h.length : z[l - 1]!.length
    const below = Array.from({ length: inputs }, (_, i) => s.reduce((sum, sj, j) => sum + sj * layers[l]!.weight[j * inputs + i]!, 0))
    s = l === 0 ? below : below.map((value, i) => (z[l - 1]![i]! > 0 ? value : 0))
  }
  return s
}

/** Explicit steps in float64, and how many hidden units changed sign on the way. */
function ascent(layers: Layer[], start: number[], settings: AscentOptions): { h: number[]; flips: number } {
  const { stepSize, updates, target = null, tolerance = 0, maxEdit = null } = settings
  const signs = (h: number[]) => preActivations(layers, h).slice(0, -1).flat().map((z) => z > 0)
  let h = start
  let flips = 0
  for (let k = 0; k < updates; k++) {
    const missing = target === null ? null : target - valueOf(layers, h)
    if (missing !== null && Math.abs(missing) <= tolerance) break
    const before = signs(h)
    const a = missing === null ? stepSize : 2 * stepSize * missing
    const gradient = gradientOf(layers, h)
    const edit = h.map((x, i) => x + a * gradient[i]! - start[i]!)
    const shrink = maxEdit === null ? 1 : Math.min(1, (maxEdit * Math.hypot(...start)) / (Math.hypot(...edit) || 1))
    h = start.map((x, i) => x + shrink * edit[i]!)
    flips += signs(h).filter((sign, i) => sign !== before[i]).length
  }
  return { h, flips }
}

/** |actual - expected| / |expected| over whole vectors; absolute where nothing but zeros is expected. */
function relativeError(actual: Iterable<number>, expected: Iterable<number>): number {
  const a = [...actual]
  const b = [...expected]
  expect(a.length).toBe(b.length)
  return Math.hypot(...a.map((x, i) => x - b[i]!)) / (Math.hypot(...b) || 1)
}

/** How far the edits of all rows are from those expected, over their length. */
function editError(actual: Iterable<number>, expected: Iterable<number>, start: Iterable<number>): number {
  const from = [...start]
  const moved = (states: Iterable<number>) => [...states].map((x, i) => x - from[i]!)
  return relativeError(moved(actual), moved(expected))
}

// Ascents read the weights in 16 bits, the explicit form in 32. 1e-3 of an edit is what is promised; what is met is the rounding
// of Delta h = h' - h itself and some 5e-5.
const tolerances = { ascend: 2e-4, ascendExplicit: 2e-5 }

const rowsOf = (states: Iterable<number>, D: number): number[][] => {
  const all = [...states]
  return Array.from({ length: all.length / D }, (_, r) => all.slice(r * D, (r + 1) * D))
}

const forms = ['ascend', 'ascendExplicit'] as const

// Widths that are no multiple of a vector register, a single unit, and more rows than share a pass.
describe.each([
  { dims: [13, 20, 1], rows: 5 },
  { dims: [64, 33, 1], rows: 19 },
  { dims: [7, 1, 1], rows: 3 },
  { dims: [1, 5, 1], rows: 2 },
  { dims: [100, 400, 1], rows: 2 },
  { dims: [13, 20, 16, 1], rows: 5 },
  { dims: [37, 50, 21, 1], rows: 18 },
  { dims: [9, 1, 1, 1], rows: 12 },
])('a value function $dims against the float64 reference', ({ dims, rows }) => {
  const random = randomNumbers(dims.length * 1000 + dims[0]!)
  const D = dims[0]!
  const layers = randomLayers(dims, random)
  const V = new ValueFunction({ inputDim: D, layers })
  const states = Float32Array.from({ length: rows * D }, () => 2 * random())

  test('values', () => {
    expect(V.inputDim).toBe(D)
    expect(relativeError(V.values(states), rowsOf(states, D).map((h) => valueOf(layers, h)))).toBeLessThan(2e-6)
  })

  test('gradients, also by finite differences', () => {
    const gradients = V.gradients(states)
    expect(relativeError(gradients, rowsOf(states, D).flatMap((h) => gradientOf(layers, h)))).toBeLessThan(2e-6)
    const step = 1e-6 // V is piecewise linear: the difference is exact unless a unit flips within the step
    const differences = rowsOf(states, D).flatMap((h) =>
      h.map((_, i) => {
        const moved = (by: number) => valueOf(layers, h.map((x, j) => (i === j ? x + by : x)))
        return (moved(step) - moved(-step)) / (2 * step)
      }),
    )
    expect(relativeError(gradients, differences)).toBeLessThan(1e-5)
  })

  test.each(forms)('%s', (form) => {
    const middle = V.values(states).reduce((sum, value) => sum + value, 0) / rows
    for (const settings of [
      { stepSize: 0.5, updates: 1 },
      { stepSize: 0.3, updates: 30 },
      { stepSize: -0.2, updates: 10 },
      { stepSize: 0.02, updates: 25, target: middle + 0.3, tolerance: 0.05 },
      { stepSize: 0.3, updates: 12, maxEdit: 0.2 },
      { stepSize: 0.02, updates: 20, target: middle + 2, tolerance: 0.01, maxEdit: 0.3 },
      { stepSize: 0.3, updates: 12, maxEdit: 0 },
    ]) {
      const before = rowsOf(states, D)
      const expected = before.map((h) => ascent(layers, h, settings).h)
      const result = V[form](states, settings)
      expect(editError(result.states, expected.flat(), states)).toBeLessThan(tolerances[form])
      expect(relativeError(result.valueBefore, before.map((h) => valueOf(layers, h)))).toBeLessThan(tolerances[form])
      expect(relativeError(result.valueAfter, expected.map((h) => valueOf(layers, h)))).toBeLessThan(tolerances[form])
      const edits = expected.map((h, r) => Math.hypot(...h.map((x, i) => x - before[r]![i]!)) / Math.hypot(...before[r]!))
      expect(relativeError(result.edits, edits)).toBeLessThan(tolerances[form])
      if (settings.maxEdit !== undefined) {
        for (const edit of result.edits) expect(edit).toBeLessThanOrEqual(settings.maxEdit * 1.000001)
      }
    }
  })
})

test.each([{ dims: [512, 640, 1] }, { dims: [512, 384, 192, 1] }])('a wide one holds 1e-3 of every edit, $dims', ({ dims }) => {
  const random = randomNumbers(7)
  const layers = randomLayers(dims, random)
  const V = new ValueFunction({ inputDim: 512, layers })
  const states = Float32Array.from({ length: 24 * 512 }, () => 20 * random() + 5) // far from 0, as models' states are
  for (const settings of [{ stepSize: 1, updates: 1 }, { stepSize: 6, updates: 2 }, { stepSize: 1, updates: 30 }, { stepSize: 0.5, updates: 200 }]) {
    const shortcut = V.ascend(states, settings)
    const explicit = V.ascendExplicit(states, settings)
    for (let r = 0; r < 24; r++) {
      const row = (from: Float32Array) => from.subarray(r * 512, (r + 1) * 512)
      expect(editError(row(shortcut.states), row(explicit.states), row(states))).toBeLessThan(1e-3)
    }
  }
})

test('a linear one: V = w . h + b, its gradient w everywhere, an ascent a straight line', () => {
  const [D, rows] = [37, 9]
  const layers = randomLayers([D, 1], randomNumbers(5))
  const V = new ValueFunction({ inputDim: D, layers: layers })
  const random = randomNumbers(6)
  const states = Float32Array.from({ length: rows * D }, () => 3 * random())
  const w = layers[0]!.weight
  const value = (h: Float32Array): number => w.reduce((sum, x, i) => sum + x * h[i]!, layers[0]!.bias[0]!)
  V.values(states).forEach((v, r) => expect(v).toBeCloseTo(value(states.subarray(r * D, (r + 1) * D)), 4))
  V.gradients(states).forEach((g, i) => expect(g).toBe(w[i % D]))
  const { states: edited } = V.ascend(states, { stepSize: 0.25, updates: 1 })
  edited.forEach((h, i) => expect(h).toBeCloseTo(states[i]! + 0.25 * w[i % D]!, 4))
})

test('an ascent to a target ends within its tolerance of it, from either side', () => {
  const random = randomNumbers(11)
  for (const dims of [[40, 64, 1], [40, 64, 32, 1]]) {
    const V = new ValueFunction({ inputDim: 40, layers: randomLayers(dims, random) })
    const states = Float32Array.from({ length: 40 * 9 }, random)
    const values = V.values(states)
    const target = [...values].sort((a, b) => a - b)[4]!
    const { valueAfter, edits } = V.ascend(states, { stepSize: 0.05, updates: 400, target, tolerance: 0.01 })
    for (const value of valueAfter) expect(Math.abs(value - target)).toBeLessThan(0.0101)
    expect(edits[values.indexOf(target)]).toBe(0)
  }
})

test.each([{ dims: [24, 60, 1] }, { dims: [24, 60, 30, 1] }])('the shortcut follows units that flip, $dims', ({ dims }) => {
  const random = randomNumbers(5)
  const layers = randomLayers(dims, random)
  const V = new ValueFunction({ inputDim: 24, layers })
  const start = Float32Array.from({ length: 24 }, random)
  const { h, flips } = ascent(layers, [...start], { stepSize: 0.3, updates: 60 })
  expect(flips).toBeGreaterThan(20)
  const { states } = V.ascend(start, { stepSize: 0.3, updates: 60 })
  expect(editError(states, h, start)).toBeLessThan(1e-4)
})

test('W1 W1^T is right for matrices larger than the blocks of the matrix product', () => {
  const random = randomNumbers(6)
  const V = new ValueFunction({ inputDim: 600, layers: randomLayers([600, 1100, 1], random) })
  const states = Float32Array.from({ length: 600 }, random)
  const explicit = V.ascendExplicit(states, { stepSize: 0.5, updates: 5 })
  expect(editError(V.ascend(states, { stepSize: 0.5, updates: 5 }).states, explicit.states, states)).toBeLessThan(1e-4)
})

test.each(forms)('%s without updates or with step size 0 changes no bit, and never its argument', (form) => {
  for (const dims of [[11, 17, 1], [11, 17, 9, 1]]) {
    const random = randomNumbers(3)
    const V = new ValueFunction({ inputDim: 11, layers: randomLayers(dims, random) })
    const states = Float32Array.from({ length: 33 }, random)
    states[4] = -0
    const copy = new Uint32Array(states.slice().buffer)
    for (const options of [{ stepSize: 0.5, updates: 0 }, { stepSize: 0, updates: 30 }, { stepSize: 0.5, updates: 3 }]) {
      const result = V[form](states, options)
      expect(new Uint32Array(states.buffer)).toEqual(copy)
      if (options.updates * options.stepSize === 0) {
        expect(new Uint32Array(result.states.buffer)).toEqual(copy)
        expect(result.valueAfter).toEqual(result.valueBefore)
        expect(result.edits).toEqual(new Float32Array(3))
        expect(relativeError(result.valueBefore, V.values(states))).toBeLessThan(tolerances[form])
      }
    }
  }
})

test('states beside one another do not influence each other', () => {
  const random = randomNumbers(8)
  const V = new ValueFunction({ inputDim: 40, layers: randomLayers([40, 70, 1], random) })
  const states = Float32Array.from({ length: 40 * 21 }, random)
  const together = V.ascend(states, { stepSize: 0.5, updates: 20 })
  for (let r = 0; r < 21; r++) {
    const alone = V.ascend(states.slice(r * 40, (r + 1) * 40), { stepSize: 0.5, updates: 20 })
    expect(alone.states).toEqual(together.states.slice(r * 40, (r + 1) * 40))
    expect(alone.valueAfter[0]).toBe(together.valueAfter[r])
  }
})

describe.each([[[64, 48, 1]], [[64, 40, 24, 1]]])('%o: a state with NaN or infinity', (dims) => {
  const V = new ValueFunction({ inputDim: 64, layers: randomLayers(dims, randomNumbers(3)) })
  const good = randomNumbers(4)
  const states = Float32Array.from({ length: 4 * 64 }, () => good())
  states[64 + 7] = NaN
  states[2 * 64 + 9] = -Infinity
  states[3 * 64 + 1] = Infinity

  test('has no value', () => {
    expect([...V.values(states)].map(Number.isNaN)).toEqual([false, true, true, true])
  })

  test.each([{}, { target: 3, tolerance: 0.1 }, { maxEdit: 0.1 }, { target: 3, maxEdit: 0.1 }, { updates: 0 }])('is not edited, its neighbour is: %o', (changes) => {
    const { valueBefore, valueAfter, states: moved } = V.ascend(states, { stepSize: 0.1, updates: 10, ...changes })
    const alone = V.ascend(states.slice(0, 64), { stepSize: 0.1, updates: 10, ...changes })
    expect([...valueBefore].map(Number.isNaN)).toEqual([false, true, true, true])
    expect([...valueAfter].map(Number.isNaN)).toEqual([false, true, true, true])
    expect(new Uint32Array(moved.slice(64).buffer)).toEqual(new Uint32Array(states.slice(64).buffer))
    expect(moved.slice(0, 64)).toEqual(alone.states)
  })
})

test('an ascent that leaves the finite numbers edits nothing', () => {
  const layers = randomLayers([64, 48, 1], randomNumbers(5)).map(({ weight, bias }) => ({ weight: weight.map((w) => w * 1e12), bias }))
  const random = randomNumbers(6)
  const states = Float32Array.from({ length: 64 }, () => random())
  const { states: moved, valueAfter, edits } = new ValueFunction({ inputDim: 64, layers }).ascend(states, { stepSize: 1, updates: 30 })
  expect(moved).toEqual(states)
  expect(Number.isFinite(valueAfter[0]) || Number.isFinite(edits[0])).toBe(false)
})

test('no states give no values', () => {
  const V = new ValueFunction({ inputDim: 2, layers: randomLayers([2, 3, 1], randomNumbers(1)) })
  const none = new Float32Array(0)
  expect(V.values(none)).toEqual(none)
  expect(V.ascend(none, { stepSize: 1, updates: 2 }).states).toEqual(none)
})

describe('refuses', () => {
  const layers = () => randomLayers([4, 6, 1], randomNumbers(1))
  const build = (config: unknown) => () => new ValueFunction(config as ConstructorParameters<typeof ValueFunction>[0])

  test('shapes that do not fit', () => {
    expect(build({ inputDim: 5, layers: layers() })).toThrow(/layers\[0\].weight holds 24 numbers, but 6 outputs .* x 5 inputs are 30/)
    expect(build({ inputDim: 5, layers: layers() })).toThrow(RangeError)
    expect(build({ inputDim: 4, layers: [] })).toThrow(RangeError)
    expect(build({ inputDim: 4, layers: randomLayers([4, 3, 3, 3, 1], randomNumbers(1)) })).toThrow(RangeError)
    expect(build({ inputDim: 4, layers: randomLayers([4, 6, 2], randomNumbers(1)) })).toThrow(/must have one output/)
    expect(build({ inputDim: 0, layers: layers() })).toThrow(RangeError)
    expect(build({ inputDim: 4.5, layers: layers() })).toThrow(RangeError)
  })

  test('other types', () => {
    expect(build(undefined)).toThrow(TypeError)
    expect(build({ inputDim: '4', layers: layers() })).toThrow(TypeError)
    expect(build({ inputDim: 4, layers: 1 })).toThrow(TypeError)
    expect(build({ inputDim: 4, layers: [{ weight: new Float64Array(24), bias: new Float32Array(6) }] })).toThrow(/must be a Float32Array/)
  })

  test('numbers that are not finite', () => {
    for (const bad of [NaN, Infinity]) {
      const spoiled = layers()
      spoiled[0]!.weight[7] = bad
      expect(build({ inputDim: 4, layers: spoiled })).toThrow(/layer 0: the weight is not finite at index 7/)
    }
  })

  test('bad arguments of its methods', () => {
    const V = new ValueFunction({ inputDim: 4, layers: layers() })
    const states = new Float32Array(4)
    expect(() => V.values(new Float32Array(5))).toThrow(RangeError)
    expect(() => V.gradients([1, 2, 3, 4] as unknown as Float32Array)).toThrow(TypeError)
    expect(() => V.ascend(states, { stepSize: NaN, updates: 1 })).toThrow(RangeError)
    expect(() => V.ascend(states, { stepSize: 1, updates: -1 })).toThrow(RangeError)
    expect(() => V.ascend(states, { stepSize: 1, updates: 1.5 })).toThrow(RangeError)
    expect(() => V.ascend(states, { stepSize: 1e39, updates: 1 })).toThrow(/stepSize is out of range/)
    expect(() => V.ascend(states, { stepSize: 1, updates: 1, target: NaN })).toThrow(RangeError)
    expect(() => V.ascend(states, { stepSize: 1, updates: 1, tolerance: -1 })).toThrow(/tolerance is out of range/)
    expect(() => V.ascend(states, { stepSize: 1, updates: 1, maxEdit: -0.1 })).toThrow(/maxEdit is out of range/)
    expect(() => V.prepare('GPU9')).toThrow(/there is no device 'GPU9' here|not open/)
    expect(() => V.prepare(undefined as never)).toThrow(TypeError)
    expect(() => V.ascend(states, {} as { stepSize: number; updates: number })).toThrow(TypeError)
    const method = V.values
    expect(() => Reflect.apply(method, {}, [states])).toThrow()
  })
})

// From PyTorch in float64, beside the checkout where the project is developed.
interface Vectors {
  input_dim: number
  layers: { weight: number[][]; bias: number[] }[]
  h: number[][]
  value: number[]
  gradient: number[][]
  ascent: { step_size: number; updates: number; h: number[][]; value_trace: number[][] }[]
}

const directory = join(import.meta.dirname, '../../../shared/vectors')

describe.skipIf(!existsSync(directory)).each(['one', 'two'])('PyTorch vectors, %s hidden', (hidden) => {
  const read = (): { vectors: Vectors; V: ValueFunction; states: Float32Array } => {
    const vectors = JSON.parse(readFileSync(join(directory, `value-function.${hidden}-hidden.json`), 'utf8')) as Vectors
    const layers = vectors.layers.map(({ weight, bias }) => ({ weight: new Float32Array(weight.flat()), bias: new Float32Array(bias) }))
    return { vectors, V: new ValueFunction({ inputDim: vectors.input_dim, layers }), states: new Float32Array(vectors.h.flat()) }
  }

  test('value and gradient', () => {
    const { vectors, V, states } = read()
    expect(relativeError(V.values(states), vectors.value)).toBeLessThan(1e-5)
    expect(relativeError(V.gradients(states), vectors.gradient.flat())).toBeLessThan(1e-5)
  })

  test.each(forms)('%s', (form) => {
    const { vectors, V, states } = read()
    expect(vectors.ascent.map((a) => a.updates)).toEqual([1, 30, 100])
    for (const { step_size, updates, h, value_trace } of vectors.ascent) {
      const result = V[form](states, { stepSize: step_size, updates })
      expect(editError(result.states, h.flat(), states)).toBeLessThan(tolerances[form])
      expect(relativeError(result.valueBefore, vectors.value)).toBeLessThan(tolerances[form])
      expect(relativeError(result.valueAfter, value_trace.at(-1)!)).toBeLessThan(tolerances[form])
    }
  })
})
