/** Training as a graph of ggml, on the processor or the device named by RE_CONTROL_TEST_DEVICE. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { GraphNetwork, type OptimiserState, type TrainingBatch } from '../fixtures/graph.ts'
import { Trainer, type TrainerConfig } from '../../native/trainer.ts'
import { ValueFunction, type Layer } from '../../native/value-function.ts'
import { relativeError } from '../fixtures/batches.ts'
import { normals, seededRandom } from '../fixtures/random.ts'
import { openTestDevice, testDevice } from '../fixtures/test-device.ts'
import { randomValueFunction } from '../fixtures/value-functions.ts'

beforeAll(openTestDevice)

/** Other devices may multiply in float16 or TF32. */
const within = testDevice === 'CPU' ? 1e-5 : 5e-3

type Objective = TrainerConfig['objective']
const objectives: Objective[] = ['semi-gradient', 'full-gradient']
const networkOf = (layers: Layer[], inputDim: number, objective: Objective = 'semi-gradient'): GraphNetwork =>
  new GraphNetwork({ inputDim, layers, objective, device: testDevice })

interface Trajectory {
  states: Float32Array
  reward: number
}

function batchOf(trajectories: Trajectory[], inputDim: number): TrainingBatch {
  const lengths = trajectories.map(({ states }) => states.length / inputDim)
  let row = 0
  const next = lengths.flatMap((length) => Array.from({ length }, (_, t) => (row++, t + 1 < length ? row : -1)))
  return {
    input: Float32Array.from(trajectories.flatMap(({ states }) => [...states])),
    next: Int32Array.from(next),
    reward: Float32Array.from(trajectories.flatMap(({ reward }, i) => new Array<number>(lengths[i]!).fill(reward))),
    trajectories: trajectories.length
  }
}

function randomTrajectories(seed: number, lengths: number[], inputDim: number): Trajectory[] {
  const random = seededRandom(seed)
  return lengths.map((length) => ({ states: normals(random, length * inputDim, 1), reward: random.normal() }))
}

const tensorsOf = (layers: Layer[]): Float32Array[] => layers.flatMap(({ weight, bias }) => [weight, bias])

function expectTensors(actual: Float32Array[], expected: Float32Array[]): void {
  expect(actual.length).toBe(expected.length)
  actual.forEach((tensor, i) => expect(relativeError(tensor, expected[i]!)).toBeLessThan(within))
}

const plain = { learningRate: 1e-3, weightDecay: 0 }
const small = { dims: [13, 20, 1], batch: batchOf(randomTrajectories(1, [6, 1, 9], 13), 13) }

test.each([[[13, 20, 1]], [[64, 100, 40, 1]], [[10, 1, 1, 1]]])('%o: the values are those of the value function', (dims) => {
  const layers = randomValueFunction(3, dims)
  const input = normals(seededRandom(4), 1500 * dims[0]!, 1) // more than one pass takes
  const expected = new ValueFunction({ inputDim: dims[0]!, layers }).values(input)
  expect(relativeError(networkOf(layers, dims[0]!).values(input), expected)).toBeLessThan(within)
})

describe.each(objectives)('%s', (objective) => {
  test.each([
    { dims: [13, 20, 1], lengths: [6, 1, 9] },
    { dims: [13, 20, 9, 1], lengths: [6, 1, 9] },
    { dims: [64, 100, 40, 1], lengths: [50, 90, 3, 1, 70] }
  ])('the curve of the trainer on the processor, $dims', async ({ dims, lengths }) => {
    const [D, ...outputs] = dims as [number, ...number[]]
    const initialLayers = randomValueFunction(5, dims)
    const trajectories = randomTrajectories(6, lengths, D)
    const config = { inputDim: D, hiddenDims: outputs.slice(0, -1), objective, learningRate: 1e-3, batchStates: 4096, seed: 1, threads: 1, standardise: false }
    const trainer = new Trainer({ ...config, initialLayers }, trajectories.map((one) => ({ ...one, validation: false })))
    await trainer.prepare()
    const network = networkOf(initialLayers, D, objective)
    const batch = batchOf(trajectories, D)
    for (let step = 0; step < 20; step++) {
      const { trainLoss, states } = await trainer.epoch()
      expect(Math.abs(network.step(batch, plain).squaredErrors / (trainLoss * states) - 1)).toBeLessThan(within)
    }
    expectTensors(network.state().value, tensorsOf(trainer.layers()))
  })
})

test('batches of any size, one after the other: each is as if alone', () => {
  const layers = randomValueFunction(7, [13, 20, 1])
  const batches = [[3], [60, 4, 1], [2, 2], [300], [65]].map((lengths, i) => batchOf(randomTrajectories(10 + i, lengths, 13), 13))
  const network = networkOf(layers, 13)
  const start = network.state()
  for (const batch of [...batches, ...batches]) {
    network.restore(start)
    const values = new ValueFunction({ inputDim: 13, layers }).values(batch.input)
    const squares = values.reduce((sum, V, row) => sum + (V - (batch.next[row]! < 0 ? batch.reward[row]! : values[batch.next[row]!]!)) ** 2, 0)
    expect(Math.abs(network.step(batch, plain).squaredErrors / squares - 1)).toBeLessThan(within)
  }
})

describe('one step', () => {
  const layers = randomValueFunction(8, small.dims)
  const after = (settings: object): OptimiserState & { gradientNorm: number } => {
    const network = networkOf(layers, 13)
    const { gradientNorm } = network.step(small.batch, { ...plain, ...settings })
    return { ...network.state(), gradientNorm }
  }
  const length = (tensors: Float32Array[]): number => Math.hypot(...tensors.flatMap((tensor) => [...tensor]))

  test('tells the length of the gradient of all parameters', () => {
    const { gradientNorm, firstMoment } = after({})
    expect(Math.abs(gradientNorm / (10 * length(firstMoment)) - 1)).toBeLessThan(1e-5) // 1 - beta1 of the gradient
  })

  test('scales the gradient down to clipNorm, and not up', () => {
    const free = after({})
    const clipped = after({ clipNorm: free.gradientNorm / 4 })
    expect(clipped.gradientNorm).toBe(free.gradientNorm)
    expect(Math.abs(length(clipped.firstMoment) / length(free.firstMoment) - 1 / 4)).toBeLessThan(1e-5)
    expect(after({ clipNorm: free.gradientNorm * 2 })).toEqual(free)
  })

  test('decays weights, not biases, and apart from the gradient', () => {
    const free = after({})
    const decayed = after({ weightDecay: 0.5 })
    expect(decayed.firstMoment).toEqual(free.firstMoment)
    decayed.value.forEach((tensor, i) => {
      const start = tensorsOf(layers)[i]!
      const expected = free.value[i]!.map((value, j) => value - (i % 2 === 0 ? plain.learningRate * 0.5 * start[j]! : 0))
      expect(relativeError(tensor, expected)).toBeLessThan(1e-6)
    })
  })
})

test('a restored state goes on exactly as the network that it came from', () => {
  const network = networkOf(randomValueFunction(9, small.dims), 13)
  const steps = (of: GraphNetwork): unknown[] => [1, 2, 3].map(() => of.step(small.batch, { learningRate: 1e-2, weightDecay: 0.1, clipNorm: 1 }))
  steps(network)
  const state = network.state()
  expect(state.steps).toBe(3)
  const other = networkOf(randomValueFunction(10, small.dims), 13)
  other.restore(state)
  expect(steps(other)).toEqual(steps(network))
  expect(other.state()).toEqual(network.state())
})

test('numbers that leave the finite ones are told', () => {
  const network = networkOf(randomValueFunction(11, small.dims), 13)
  network.step(small.batch, { ...plain, learningRate: 1e30 })
  const { squaredErrors } = network.step(small.batch, plain)
  expect(Number.isFinite(squaredErrors)).toBe(false)
})

describe('refuses', () => {
  const layers = randomValueFunction(12, small.dims)
  const step = (changes: object) => () => networkOf(layers, 13).step({ ...small.batch, ...changes }, plain)

  test.each<[string, () => unknown, RegExp]>([
    ['a device that is not there', () => new GraphNetwork({ inputDim: 13, layers, objective: 'semi-gradient', device: 'GPU9' }), /there is no device 'GPU9'/],
    ['another objective', () => networkOf(layers, 13, 'td' as Objective), /objective must be/],
    ['layers that do not fit', () => networkOf(layers, 12), /12 inputs are/],
    ['states of another length', step({ input: new Float32Array(14) }), /not one or more states of 13/],
    ['no states', step({ input: new Float32Array(0) }), /not one or more states of 13/],
    ['too few rewards', step({ reward: new Float32Array(3) }), /one number for each of the 16 states/],
    ['a next state that is not in the batch', step({ next: new Int32Array(16).fill(16) }), /the next state is not in the batch/],
    ['no trajectories', step({ trajectories: 0 }), /trajectories/],
    ['the state of another network', () => networkOf(layers, 13).restore(networkOf(randomValueFunction(1, [13, 21, 1]), 13).state()), /another network's/]
  ])('%s', (_, call, message) => expect(call).toThrow(message))
})

// From PyTorch in float64, beside the checkout where the project is developed.
interface Vectors {
  input_dim: number
  layers: { weight: number[][]; bias: number[] }[]
  td: { sequences: number[][][]; rewards: number[]; variants: Record<Objective, { steps: number; losses: number[]; layers_after: Vectors['layers'] }> }
}

const directory = join(import.meta.dirname, '../../../shared/vectors')
const toFloat32 = (layers: Vectors['layers']): Layer[] => layers.map(({ weight, bias }) => ({ weight: new Float32Array(weight.flat()), bias: new Float32Array(bias) }))

describe.skipIf(!existsSync(directory)).each(['one', 'two'])('PyTorch vectors, %s hidden', (hidden) => {
  test.each(objectives)('50 Adam steps, %s', (objective) => {
    const vectors = JSON.parse(readFileSync(join(directory, `value-function.${hidden}-hidden.json`), 'utf8')) as Vectors
    const { sequences, rewards, variants } = vectors.td
    const { steps, losses, layers_after } = variants[objective]
    const batch = batchOf(sequences.map((states, i) => ({ states: new Float32Array(states.flat()), reward: rewards[i]! })), vectors.input_dim)
    const network = networkOf(toFloat32(vectors.layers), vectors.input_dim, objective)
    for (let step = 0; step < steps; step++) {
      expect(Math.abs(network.step(batch, plain).squaredErrors / sequences.length / losses[step]! - 1)).toBeLessThan(within)
    }
    expectTensors(network.state().value, tensorsOf(toFloat32(layers_after)))
  })
})
