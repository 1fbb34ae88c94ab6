/** The pairwise part of Pref-CTRL, against its definition in float64. */
import { describe, expect, test } from 'vitest'
import { Trainer, type Trajectory } from '../../native/trainer.ts'
import { ValueFunction } from '../../native/value-function.ts'
import { base, epochs, expectLayers, prepared, randomLayers, randomNumbers, randomTrajectories, ReferenceTrainer, toFloat32, type ReferenceTrajectory } from '../fixtures/reference-trainer.ts'

const D = 13
const flat = (states: number[][]): Float32Array => new Float32Array(states.flat())

/** Responses of these lengths, those before `paired` with two answers each. */
function responses(lengths: number[], paired: number, random: () => number): ReferenceTrajectory[] {
  return randomTrajectories(lengths, D, random).map((trajectory, i) => {
    if (i >= paired) return trajectory
    const [preferred, dispreferred] = randomTrajectories([3, 2], D, random).map(({ states }) => states) as [number[][], number[][]]
    return { ...trajectory, pair: { preferred, dispreferred } }
  })
}

/** Responses, then the answers of all pairs. */
function trajectories(given: ReferenceTrajectory[]): Trajectory[] {
  const answers: Trajectory[] = []
  const own = given.map(({ states, reward, pair }): Trajectory => {
    if (pair === undefined) return { reward, validation: false, states: flat(states) }
    answers.push({ answer: true, states: flat(pair.preferred) }, { answer: true, states: flat(pair.dispreferred) })
    return { reward, validation: false, states: flat(states), pair: { preferred: given.length + answers.length - 2, dispreferred: given.length + answers.length - 1 } }
  })
  return [...own, ...answers]
}

test.each([{ marginWeight: 1, regulariserWeight: 0 }, { marginWeight: 0, regulariserWeight: 1 }, { marginWeight: 3, regulariserWeight: 0.5 }])(
  'the reference gradient is the derivative of the pairwise loss, $marginWeight and $regulariserWeight',
  (weights) => {
    const initial = randomLayers([D, 20, 9, 1], randomNumbers(2))
    const batch = responses([6, 1, 9], 2, randomNumbers(3))
    const reference = (by: number, own = {}) => {
      const layers = structuredClone(initial)
      layers[0]!.weight[2]![3]! += by
      return new ReferenceTrainer(layers, 'pref-ctrl', 1e-3, { ...weights, ...own })
    }
    // the semi-gradient is no derivative of its loss, so what the pairs add is compared
    const pairs = (by: number): number => reference(by).wholeLoss(batch) - reference(by).loss(batch)
    const without = reference(0, { marginWeight: 0, regulariserWeight: 0 }).gradient(batch)[0]!.weight[2]![3]!
    const difference = (pairs(1e-6) - pairs(-1e-6)) / 2e-6
    expect(Math.abs(difference)).toBeGreaterThan(1e-5)
    expect(difference / (reference(0).gradient(batch)[0]!.weight[2]![3]! - without)).toBeCloseTo(1, 4)
  }
)

describe.each([{ hiddenDims: [20] }, { hiddenDims: [20, 9] }, { hiddenDims: [] as number[] }])('hidden $hiddenDims', ({ hiddenDims }) => {
  test('40 Adam steps as in float64', async () => {
    const random = randomNumbers(hiddenDims.length + 5)
    const initial = randomLayers([D, ...hiddenDims, 1], random)
    const batch = responses([6, 1, 9, 4], 3, random)
    const weights = { marginWeight: 2, regulariserWeight: 0.7 }
    const reference = new ReferenceTrainer(structuredClone(initial), 'pref-ctrl', 1e-3, weights)
    const trainer = await prepared({ ...base, ...weights, inputDim: D, hiddenDims, objective: 'pref-ctrl', initialLayers: toFloat32(initial) }, trajectories(batch))
    const results = await epochs(trainer, 40)
    const expected = Array.from({ length: 40 }, () => reference.step(batch))
    results.forEach(({ trainLoss, states }, i) => {
      expect(states).toBe(20) // the answers do not count
      expect((trainLoss * states) / batch.length / expected[i]!).toBeCloseTo(1, 4)
    })
    expectLayers(trainer.layers(), reference.layers, 1e-5)
  })
})

test('a pair is in the batch of its response, and counts as two states there', async () => {
  const random = randomNumbers(8)
  const initial = randomLayers([D, 8, 1], random)
  const given = responses([4, 4, 4], 3, random)
  // 12 states: two responses with their answers; the third is a batch of its own
  const trainer = await prepared({ ...base, inputDim: D, hiddenDims: [8], objective: 'pref-ctrl', batchStates: 12, initialLayers: toFloat32(initial) }, trajectories(given))
  await trainer.epoch()
  const orders = [[[0, 1], [2]], [[0, 2], [1]], [[1, 2], [0]]]
  const errors = orders.map((order) => {
    const reference = new ReferenceTrainer(structuredClone(initial), 'pref-ctrl', 1e-3)
    for (const batch of order) reference.step(batch.map((i) => given[i]!))
    const actual = trainer.layers()[0]!.weight
    return Math.hypot(...reference.layers[0]!.weight.flat().map((w, i) => w - actual[i]!))
  })
  expect(Math.min(...errors)).toBeLessThan(1e-5)
})

test('pairs that are easily told apart are, on unseen ones too', async () => {
  const random = randomNumbers(9)
  // the rewards of the responses say nothing: only the pairs tell that the first number is good
  const answer = (good: number): number[][] => [Array.from({ length: D }, (_, d) => (d === 0 ? good : 0) + random())]
  const given = randomTrajectories(new Array<number>(60).fill(2), D, random).map((trajectory): ReferenceTrajectory => ({ ...trajectory, reward: 0, pair: { preferred: answer(1.5), dispreferred: answer(-1.5) } }))
  const trainer = await prepared({ ...base, inputDim: D, hiddenDims: [16], objective: 'pref-ctrl', learningRate: 1e-2 }, trajectories(given))
  await epochs(trainer, 60)
  const V = new ValueFunction({ inputDim: D, layers: trainer.layers() })
  const unseen = Array.from({ length: 100 }, () => [answer(1.5), answer(-1.5)].map((states) => V.values(flat(states))[0]!) as [number, number])
  expect(unseen.filter(([plus, minus]) => plus > minus).length).toBeGreaterThan(95)
})

test('without pairs, and with weights of 0, it is the semi-gradient to the bit; the answers are not measured', async () => {
  const given = responses([6, 1, 9], 2, randomNumbers(4))
  const bare = given.map(({ states, reward }) => ({ states, reward }))
  const config = { ...base, inputDim: D, standardise: true, batchStates: 6 }
  const semi = await prepared({ ...config, batchStates: 6 }, trajectories(bare))
  const unpaired = await prepared({ ...config, objective: 'pref-ctrl' }, trajectories(bare))
  await epochs(semi, 5)
  await epochs(unpaired, 5)
  expect(unpaired.layers()).toEqual(semi.layers())
  const paired = await prepared({ ...config, objective: 'pref-ctrl' }, trajectories(given))
  expect(paired.mean).toEqual(semi.mean)
  expect(paired.scale).toBe(semi.scale)
})

test('goes on from what was saved to the bit, and not with other pairs', async () => {
  const given = responses([6, 1, 9], 3, randomNumbers(6))
  const list = trajectories(given)
  const config = { ...base, inputDim: D, objective: 'pref-ctrl' as const, batchStates: 8 }
  const whole = await prepared(config, list)
  await epochs(whole, 4)
  const first = await prepared(config, list)
  await epochs(first, 2)
  const second = new Trainer(config, list)
  second.restore(first.save())
  await epochs(second, 2)
  expect(second.layers()).toEqual(whole.layers())
  const swapped = list.map((one, i) => (i === 0 && 'pair' in one && one.pair !== undefined ? { ...one, pair: { preferred: one.pair.dispreferred, dispreferred: one.pair.preferred } } : one))
  expect(() => new Trainer(config, swapped).restore(first.save())).toThrow(/other data/)
  expect(() => new Trainer({ ...config, regulariserWeight: 2 }, list).restore(first.save())).toThrow(/other settings/)
})

test('refuses a pair of what are no answers, and weights below 0', () => {
  const states = new Float32Array(D)
  const config = { ...base, inputDim: D, objective: 'pref-ctrl' as const }
  const one: Trajectory = { reward: 0, validation: false, states, pair: { preferred: 1, dispreferred: 1 } }
  expect(() => new Trainer(config, [one, { reward: 0, validation: false, states }])).toThrow(/trajectory 1 in its pair, which is no answer/)
  expect(() => new Trainer(config, [{ ...one, pair: { preferred: 1, dispreferred: 7 } }, { answer: true, states }])).toThrow(/trajectory 7/)
  expect(() => new Trainer({ ...config, marginWeight: -1 }, [one, { answer: true, states }])).toThrow(/must not be below 0/)
})
