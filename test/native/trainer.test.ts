import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { Trainer, type EpochResult, type Trajectory } from '../../native/trainer.ts'
import { ValueFunction } from '../../native/value-function.ts'
import { base, epochs, expectLayers, inline, prepared, randomLayers, randomNumbers, randomTrajectories, ReferenceTrainer, relativeError, toFloat32, type Objective, type ReferenceLayer, type ReferenceSettings } from '../fixtures/reference-trainer.ts'

const folder = mkdtempSync(join(tmpdir(), 're-control-trainer-'))
afterAll(() => rmSync(folder, { recursive: true }))

test.each(['full-gradient', 'as-published'] as const)('the reference gradient of %s is the derivative of its loss', (objective) => {
  const initial = randomLayers([13, 20, 9, 1], randomNumbers(2))
  const batch = randomTrajectories([6, 1, 9], 13, randomNumbers(3))
  const reference = (by: number) => {
    const layers = structuredClone(initial)
    layers[0]!.weight[2]![3]! += by
    return new ReferenceTrainer(layers, objective, 1e-3)
  }
  const difference = (reference(1e-6).loss(batch) - reference(-1e-6).loss(batch)) / 2e-6
  expect(Math.abs(difference)).toBeGreaterThan(1e-4)
  expect(difference / reference(0).gradient(batch)[0]!.weight[2]![3]!).toBeCloseTo(1, 5)
})

describe.each([{ hiddenDims: [20] }, { hiddenDims: [1] }, { hiddenDims: [20, 9] }, { hiddenDims: [] as number[] }])('hidden $hiddenDims', ({ hiddenDims }) => {
  describe.each([
    { objective: 'semi-gradient' },
    { objective: 'full-gradient' },
    { objective: 'td-lambda', lambda: 0.7 },
    { objective: 'td-lambda', lambda: 1 },
    { objective: 'as-published' }
  ] as { objective: Objective; lambda?: number }[])('$objective $lambda', ({ objective, lambda }) => {
    const random = randomNumbers(hiddenDims.length * 10 + (hiddenDims[0] ?? 0))
    const D = 13
    const initial = randomLayers([D, ...hiddenDims, 1], random)
    const batch = randomTrajectories([6, 1, 9], D, random)
    const config = { ...base, inputDim: D, hiddenDims, objective, lambda, initialLayers: toFloat32(initial) }

    test('40 Adam steps as in float64', async () => {
      const reference = new ReferenceTrainer(structuredClone(initial), objective, 1e-3, { lambda })
      const trainer = await prepared(config, batch.map((trajectory) => inline(trajectory)))
      const losses = (await epochs(trainer, 40)).map(({ trainLoss, states }) => (trainLoss * states) / batch.length)
      expect(relativeError(losses, Array.from({ length: 40 }, () => reference.step(batch)))).toBeLessThan(1e-5)
      expectLayers(trainer.layers(), reference.layers, 1e-5)
      const predicted = batch.map(({ states }) => reference.value(states.at(-1)!))
      expect(relativeError(await trainer.predict(), predicted)).toBeLessThan(1e-5)
    })
  })
})

test('td-lambda with lambda 0 is the semi-gradient to the bit', async () => {
  const batch = randomTrajectories([6, 1, 9], 5, randomNumbers(4)).map((trajectory) => inline(trajectory))
  const [td, semi] = await Promise.all([{ objective: 'td-lambda' as const, lambda: 0 }, {}].map((own) => prepared({ ...base, ...own }, batch)))
  await epochs(td!, 5)
  await epochs(semi!, 5)
  expect(td!.layers()).toEqual(semi!.layers())
})

test.each<[string, ReferenceSettings]>([
  ['weight decay', { weightDecay: 0.3 }],
  ['clipping at every step', { clipNorm: 0.02 }],
  ['clipping at some steps', { clipNorm: 1.2 }],
  ['warm-up', { warmupSteps: 25 }],
  ['all of them', { weightDecay: 0.1, clipNorm: 1, warmupSteps: 10 }]
])('%s', async (_, settings) => {
  const random = randomNumbers(31)
  const initial = randomLayers([13, 20, 9, 1], random)
  const batch = randomTrajectories([6, 1, 9, 3], 13, random)
  const config = { ...base, inputDim: 13, hiddenDims: [20, 9], initialLayers: toFloat32(initial), ...settings }
  const trainer = await prepared(config, batch.map((trajectory) => inline(trajectory)))
  const [reference, plain] = [settings, {}].map((own) => new ReferenceTrainer(structuredClone(initial), 'semi-gradient', 1e-3, own)) as [ReferenceTrainer, ReferenceTrainer]
  const losses = (await epochs(trainer, 40)).map(({ trainLoss, states }) => (trainLoss * states) / batch.length)
  expect(relativeError(losses, Array.from({ length: 40 }, () => reference.step(batch)))).toBeLessThan(1e-5)
  expectLayers(trainer.layers(), reference.layers, 1e-5)
  for (let i = 0; i < 40; i++) plain.step(batch)
  expect(relativeError(trainer.layers()[0]!.weight, plain.layers[0]!.weight.flat())).toBeGreaterThan(1e-4) // it does something
})

// Each is larger than the matrix product's blocks in another of its three extents.
test.each([
  { D: 20, hiddenDims: [30, 24], lengths: [600] },
  { D: 1100, hiddenDims: [4], lengths: [3, 2] },
  { D: 4, hiddenDims: [1100], lengths: [3] },
])('large extents, $D dimensions, hidden $hiddenDims, $lengths states', async ({ D, hiddenDims, lengths }) => {
  const random = randomNumbers(D)
  const initial = randomLayers([D, ...hiddenDims, 1], random)
  const batch = randomTrajectories(lengths, D, random)
  const reference = new ReferenceTrainer(structuredClone(initial), 'semi-gradient', 1e-3)
  const config = { ...base, inputDim: D, hiddenDims, threads: 2, initialLayers: toFloat32(initial) }
  const trainer = await prepared(config, batch.map((trajectory) => inline(trajectory)))
  await epochs(trainer, 2) // not many: of so many units one soon lies within rounding of its kink
  for (let i = 0; i < 2; i++) reference.step(batch)
  expectLayers(trainer.layers(), reference.layers, 1e-5)
})

test('batches hold whole trajectories, at least one and at most batchStates states', async () => {
  // With a batch of one trajectory each, two steps an epoch; the order is the seed's.
  const random = randomNumbers(11)
  const initial = randomLayers([5, 8, 1], random)
  const trajectories = randomTrajectories([9, 4], 5, random)
  const config = { ...base, batchStates: 6, initialLayers: toFloat32(initial) }
  const trainer = await prepared(config, trajectories.map((trajectory) => inline(trajectory)))
  await trainer.epoch()
  const errors = [[0, 1], [1, 0]].map((order) => {
    const reference = new ReferenceTrainer(structuredClone(initial), 'semi-gradient', 1e-3)
    for (const i of order) reference.step([trajectories[i]!])
    return relativeError(trainer.layers()[0]!.weight, reference.layers[0]!.weight.flat())
  })
  expect(Math.min(...errors)).toBeLessThan(1e-6)
  expect(Math.max(...errors)).toBeGreaterThan(1e-5)
})

test('validation: loss per state, correlation of the last value with the reward, and no training on it', async () => {
  const random = randomNumbers(12)
  const initial = randomLayers([5, 8, 1], random)
  const training = randomTrajectories([3, 5], 5, random)
  const validation = randomTrajectories([4, 1, 7, 2], 5, random)
  const config = { ...base, batchStates: 8, initialLayers: toFloat32(initial) }
  const trainer = await prepared(config, [...validation.map((t) => inline(t, true)), ...training.map((t) => inline(t))])
  const reference = new ReferenceTrainer(structuredClone(initial), 'semi-gradient', 1e-3)
  const [result] = (await epochs(trainer, 1)) as [EpochResult]
  reference.step(training)
  expectLayers(trainer.layers(), reference.layers, 1e-5)
  expect(result.states).toBe(8)
  expect(result.validationLoss).toBeCloseTo((reference.loss(validation) * 4) / 14, 5)
  const x = validation.map(({ states }) => reference.value(states.at(-1)!))
  const y = validation.map(({ reward }) => reward)
  const centred = (values: number[]) => values.map((v) => v - values.reduce((a, b) => a + b) / values.length)
  const [dx, dy] = [centred(x), centred(y)]
  const correlation = dx.reduce((sum, v, i) => sum + v * dy[i]!, 0) / (Math.hypot(...dx) * Math.hypot(...dy))
  expect(result.correlation).toBeCloseTo(correlation, 4)
})

test('without validation trajectories there is no validation loss, and the correlation is 0', async () => {
  const trainer = await prepared(base, randomTrajectories([3], 5, randomNumbers(1)).map((t) => inline(t)))
  expect(await trainer.epoch()).toMatchObject({ validationLoss: NaN, correlation: 0 })
})

test('standardisation: mean, one common scale, and both folded into the first layer', async () => {
  const random = randomNumbers(13)
  const D = 6
  const raw = randomTrajectories([5, 8, 3], D, random)
  for (const { states } of raw) for (const h of states) h.forEach((x, d) => (h[d] = Math.fround(10 * d + 7 * x)))
  const outlier = inline({ states: [[1e3, 1e3, 1e3, 1e3, 1e3, 1e3]], reward: 0 }, true) // validation: must not count
  const all = raw.flatMap(({ states }) => states)
  const mean = Array.from({ length: D }, (_, d) => all.reduce((sum, h) => sum + h[d]!, 0) / all.length)
  const scale = Math.sqrt(all.reduce((sum, h) => sum + h.reduce((s, x, d) => s + (x - mean[d]!) ** 2, 0), 0) / (all.length * D))

  const initial = randomLayers([D, 8, 1], random)
  const config = { ...base, inputDim: D, standardise: true, initialLayers: toFloat32(initial) }
  const trainer = await prepared(config, [...raw.map((t) => inline(t)), outlier])
  expect(relativeError(trainer.mean, mean)).toBeLessThan(1e-6)
  expect(trainer.scale / scale).toBeCloseTo(1, 6)
  // The initial layers take raw states, so before any step they come back.
  expectLayers(trainer.layers(), initial, 1e-5)

  const standardised = raw.map(({ states, reward }) => ({ reward, states: states.map((h) => h.map((x, d) => (x - mean[d]!) / scale)) }))
  const unfolded = structuredClone(initial)
  unfolded[0]!.bias = unfolded[0]!.bias.map((b, j) => b + unfolded[0]!.weight[j]!.reduce((sum, w, d) => sum + w * mean[d]!, 0))
  unfolded[0]!.weight = unfolded[0]!.weight.map((row) => row.map((w) => w * scale))
  const reference = new ReferenceTrainer(unfolded, 'semi-gradient', 1e-3)
  await epochs(trainer, 20)
  for (let i = 0; i < 20; i++) reference.step(standardised)

  const V = new ValueFunction({ inputDim: D, layers: trainer.layers() })
  const expected = standardised.flatMap(({ states }) => states.map((x) => reference.value(x)))
  expect(relativeError(V.values(new Float32Array(all.flat())), expected)).toBeLessThan(2e-5)
  const last = raw.map(({ states }) => states.at(-1)!)
  expect(relativeError(V.values(new Float32Array(last.flat())), (await trainer.predict()).slice(0, 3))).toBeLessThan(2e-5)
})

test('states from float16 files train as the same states in memory', async () => {
  const random = randomNumbers(14)
  const D = 19
  const trajectories = randomTrajectories([4, 7, 2], D, random)
  // Bits of float16 numbers below 2 in magnitude, subnormal ones among them.
  const halves = trajectories.map(({ states }) => new Uint16Array(states.flat().map((x) => ((x < 0 ? 0x8000 : 0) | (Math.abs(x) * 8190)) & 0xffff)))
  const decode = (half: number): number => {
    const exponent = (half >> 10) & 31
    const magnitude = exponent === 0 ? (half & 1023) * 2 ** -24 : (1 + (half & 1023) / 1024) * 2 ** (exponent - 15)
    return half & 0x8000 ? -magnitude : magnitude
  }
  const file = join(folder, 'shard – ü.f16')
  writeFileSync(file, Buffer.concat([Buffer.alloc(3), ...halves.map((h) => Buffer.from(h.buffer))])) // an odd offset, too
  let offset = 3
  const mapped = halves.map((h, i): Trajectory => {
    const trajectory = { reward: trajectories[i]!.reward, validation: i === 2, file, offset, count: h.length / D }
    offset += h.byteLength
    return trajectory
  })
  const inMemory = halves.map((h, i): Trajectory => ({ reward: trajectories[i]!.reward, validation: i === 2, states: Float32Array.from(h, decode) }))
  const [a, b] = [await prepared({ ...base, inputDim: D, standardise: true }, mapped), await prepared({ ...base, inputDim: D, standardise: true }, inMemory)]
  expect(await epochs(a, 5)).toEqual(await epochs(b, 5))
  expect(a.layers()).toEqual(b.layers())
  expect(await a.predict()).toEqual(await b.predict())
  expect(a.mean).toEqual(b.mean)
})

test('states from bfloat16 files train as the same states in memory', async () => {
  const D = 7
  const trajectories = randomTrajectories([4, 3], D, randomNumbers(32))
  const upper = trajectories.map(({ states }) => new Uint16Array(new Uint32Array(new Float32Array(states.flat()).buffer).map((bits) => bits >>> 16)))
  const file = join(folder, 'shard.bf16')
  writeFileSync(file, Buffer.concat(upper.map((u) => Buffer.from(u.buffer))))
  const inFile = upper.map((u, i): Trajectory => ({ reward: trajectories[i]!.reward, validation: false, file, dtype: 'bf16', offset: i * 4 * D * 2, count: u.length / D }))
  const inMemory = upper.map((u, i): Trajectory => ({ reward: trajectories[i]!.reward, validation: false, states: new Float32Array(Uint32Array.from(u, (bits) => bits << 16).buffer) }))
  const [a, b] = [await prepared({ ...base, inputDim: D }, inFile), await prepared({ ...base, inputDim: D }, inMemory)]
  expect(await epochs(a, 5)).toEqual(await epochs(b, 5))
  expect(a.layers()).toEqual(b.layers())
})

test('the same seed gives the same curves to the bit, whatever the threads; another seed others', async () => {
  const D = 160
  const lengths = Array.from({ length: 40 }, (_, i) => 1 + ((i * 7) % 30))
  const trajectories = randomTrajectories(lengths, D, randomNumbers(15)).map((t, i) => inline(t, i % 5 === 0))
  const run = async (seed: number, threads: number) => {
    const trainer = await prepared({ ...base, inputDim: D, hiddenDims: [160, 150], batchStates: 200, standardise: true, seed, threads }, trajectories)
    return { results: await epochs(trainer, 3), layers: trainer.layers() }
  }
  const first = await run(1, 2)
  expect(await run(1, 2)).toEqual(first)
  expect(await run(1, 1)).toEqual(first)
  expect((await run(2, 2)).results).not.toEqual(first.results)
})

test('the initial layers are uniform within 1 / sqrt(inputs)', async () => {
  const trajectory = inline(randomTrajectories([2], 100, randomNumbers(1))[0]!)
  const layers = (await prepared({ ...base, inputDim: 100, hiddenDims: [400] }, [trajectory])).layers()
  for (const [l, bound] of [[0, 0.1], [1, 0.05]] as const) {
    const { weight } = layers[l]!
    expect(Math.max(...weight)).toBeLessThanOrEqual(Math.fround(bound))
    expect(Math.max(...weight)).toBeGreaterThan(0.97 * bound)
    const variance = weight.reduce((sum, w) => sum + w * w, 0) / weight.length
    expect(Math.abs(variance / (bound ** 2 / 3) - 1)).toBeLessThan(0.15)
  }
})

test('cancel rejects the running epoch soon, and the trainer goes on; nothing else may use it meanwhile', async () => {
  const trajectories = randomTrajectories(Array.from({ length: 200 }, () => 20), 64, randomNumbers(16)).map((t) => inline(t))
  const trainer = await prepared({ ...base, inputDim: 64, hiddenDims: [256, 256], batchStates: 20 }, trajectories)
  const running = trainer.epoch()
  for (const use of ['epoch', 'layers', 'predict'] as const) expect(() => trainer[use]()).toThrow(/an epoch is running/)
  trainer.cancel()
  await expect(running).rejects.toMatchObject({ code: 'cancelled', message: 'the training was cancelled' })
  expect((await trainer.epoch()).states).toBe(4000)
})

describe('refuses', () => {
  const good = (): Trajectory => inline(randomTrajectories([3], 5, randomNumbers(17))[0]!)
  const build = (trajectories: unknown[], changes = {}) => () => new Trainer({ ...base, ...changes }, trajectories as Trajectory[])

  test('a file that is missing or too short, before reading it', () => {
    const file = join(folder, 'short.f16')
    writeFileSync(file, Buffer.alloc(59)) // one byte less than 6 states of 5 dimensions
    const short = { reward: 0, validation: false, file, offset: 0, count: 6 }
    expect(build([good(), short])).toThrow(/trajectory 1 needs bytes 0 to 60 of .*short\.f16, which has only 59/)
    expect(build([{ ...short, count: 1, offset: 1000 }])).toThrow(/which has only 59/)
    expect(build([{ ...short, file: join(folder, 'absent') }])).toThrow(/cannot open .*absent: No such file/)
    expect(build([{ ...short, count: 5 }])).not.toThrow()
  })

  test('states and rewards that are not finite, naming trajectory and token', async () => {
    const states = new Float32Array(15).fill(1)
    states[12] = NaN
    await expect(build([good(), { reward: 0, validation: true, states }])().prepare()).rejects.toThrow(/trajectory 1, token 2: the state is not finite/)
    const file = join(folder, 'infinite.f16')
    writeFileSync(file, Buffer.from(new Uint16Array(10).fill(0x3c00, 0, 9).fill(0x7c00, 9).buffer))
    await expect(build([{ reward: 0, validation: false, file, offset: 0, count: 2 }])().prepare()).rejects.toThrow(/trajectory 0, token 1: the state/)
    expect(build([good(), { ...good(), reward: NaN }])).toThrow(/trajectories\[1\].reward must be finite/)
  })

  test('a loss that is not finite, naming the epoch', async () => {
    const trainer = await prepared({ ...base, learningRate: 1e30 }, [good()])
    await expect(epochs(trainer, 5)).rejects.toThrow(expect.objectContaining({ code: 'not-finite', message: expect.stringMatching(/^the loss is not finite in epoch 2, batch 1, from layer \d on: /) }))
  })

  test('a gradient that is not finite, before it reaches the weights', async () => {
    // the errors stay below float32's largest number, and their squares in float64 too, but not the gradient's
    const trainer = await prepared({ ...base, initialLayers: toFloat32(randomLayers([5, 8, 1], randomNumbers(5))) }, [{ reward: 1e38, validation: false, states: new Float32Array(10).fill(1e3) }])
    const before = trainer.layers()
    await expect(trainer.epoch()).rejects.toThrow(expect.objectContaining({ code: 'not-finite', message: expect.stringMatching(/^the gradient is not finite in epoch 1, batch 1, from layer \d on: /) }))
    expect(trainer.layers()).toEqual(before)
  })

  test('bad configurations and trajectories', () => {
    for (const changes of [{ lambda: 1.5, objective: 'td-lambda' }, { hiddenDims: [2, 2, 2] }, { learningRate: 0 }, { batchStates: 0 }, { seed: -1 }, { weightDecay: -1 }, { clipNorm: 0 }, { warmupSteps: 0.5 }]) {
      expect(build([good()], changes)).toThrow(RangeError)
    }
    expect(build([good()], { objective: 'td' })).toThrow(/objective must be/)
    expect(build([good()], { standardise: 1 })).toThrow(TypeError)
    expect(build([good()], { inputDim: 4 })).toThrow(/not one or more states of 4/)
    expect(build([good()], { initialLayers: toFloat32(randomLayers([5, 7, 1], randomNumbers(1))) })).toThrow(/other widths/)
    expect(build([])).toThrow(/no trajectory to train on/)
    expect(build([{ ...good(), validation: true }])).toThrow(/no trajectory to train on/)
    expect(build([{ ...good(), states: new Float32Array(0) }])).toThrow(RangeError)
    expect(build([{ ...good(), states: [1, 2, 3, 4, 5] }])).toThrow(TypeError)
    expect(build([null])).toThrow(TypeError)
    expect(build([{ reward: 0, validation: false, file: import.meta.filename, dtype: 'f32', offset: 0, count: 1 }])).toThrow(/dtype must be 'f16' or 'bf16'/)
    for (const use of ['epoch', 'layers', 'predict', 'save'] as const) expect(() => build([good()])()[use]()).toThrow(/prepare or restore it first/)
  })
})

// From PyTorch in float64, beside the checkout where the project is developed.
interface Vectors {
  input_dim: number
  hidden_dims: number[]
  layers: ReferenceLayer[]
  td: { sequences: number[][][]; rewards: number[]; variants: Record<Objective, Curve> }
}
type Curve = { steps: number; losses: number[]; layers_after: ReferenceLayer[] }

const directory = join(import.meta.dirname, '../../../shared/vectors')

describe.skipIf(!existsSync(directory)).each(['one', 'two'])('PyTorch vectors, %s hidden', (hidden) => {
  test.each(['semi-gradient', 'full-gradient'] as const)('50 Adam steps, %s', async (objective) => {
    const vectors = JSON.parse(readFileSync(join(directory, `value-function.${hidden}-hidden.json`), 'utf8')) as Vectors
    const { sequences, rewards, variants } = vectors.td
    const { steps, losses, layers_after } = variants[objective]
    const trajectories = sequences.map((states, i) => inline({ states, reward: rewards[i]! }))
    const config = { ...base, inputDim: vectors.input_dim, hiddenDims: vectors.hidden_dims, objective }
    const trainer = await prepared({ ...config, initialLayers: toFloat32(vectors.layers) }, trajectories)
    const actual = (await epochs(trainer, steps)).map(({ trainLoss, states }) => (trainLoss * states) / trajectories.length)
    actual.forEach((loss, i) => expect(Math.abs(loss / losses[i]! - 1)).toBeLessThan(1e-5))
    expectLayers(trainer.layers(), layers_after, 1e-5)
  })
})
