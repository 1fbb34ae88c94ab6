/** Several value functions at once: the sum's values and gradients are the weighted sums of theirs. */
import { expect, test } from 'vitest'
import { ValueFunction } from '../../native/value-function.ts'
import { weightedSum } from '../../src-main/engine/value/weighted-sum.ts'
import { normals, seededRandom } from '../fixtures/random.ts'
import { randomValueFunction } from '../fixtures/value-functions.ts'

const D = 24
const shapes = { linear: [D, 1], shallow: [D, 10, 1], wide: [D, 33, 1], deep: [D, 12, 7, 1], deeper: [D, 20, 16, 1] }
const network = (seed: number, dims: number[]) => ({ inputDim: D, layers: randomValueFunction(seed, dims) })

test.each([
  ['two with one hidden layer', [shapes.shallow, shapes.wide]],
  ['two with two hidden layers', [shapes.deep, shapes.deeper]],
  ['both kinds', [shapes.shallow, shapes.deep, shapes.wide]],
  ['one with a weight', [shapes.shallow]],
  ['linear ones', [shapes.linear, shapes.linear]],
  ['linear and others', [shapes.linear, shapes.wide, shapes.deep]]
])('%s', (_, dims) => {
  const weights = [0.75, -1.5, 2].slice(0, dims.length)
  const networks = dims.map((shape, i) => network(i + 1, shape))
  const sum = new ValueFunction(weightedSum(networks.map((one, i) => ({ network: one, weight: weights[i]! }))))
  const states = normals(seededRandom(9), 5 * D, 1)
  const parts = networks.map((one) => new ValueFunction(one))
  const expected = (of: (part: ValueFunction) => Float32Array) =>
    parts.map(of).map((numbers, i) => numbers.map((x) => x * weights[i]!)).reduce((a, b) => a.map((x, i) => x + b[i]!))
  const near = (actual: Float32Array, right: Float32Array) => actual.forEach((x, i) => expect(x).toBeCloseTo(right[i]!, 4))
  near(sum.values(states), expected((part) => part.values(states)))
  near(sum.gradients(states), expected((part) => part.gradients(states)))
})

test('a single one of weight 1 is itself', () => {
  const one = network(1, shapes.deep)
  expect(weightedSum([{ network: one, weight: 1 }])).toBe(one)
})
