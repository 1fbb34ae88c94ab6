import { expect, test } from 'vitest'
import { calibrationBins } from '../../src-main/engine/value/calibration.ts'

test('bins of equally many, in the order of the prediction', () => {
  const points = [3, 1, 2, 0, 4].map((predicted) => ({ predicted, reward: 10 * predicted }))
  expect(calibrationBins(points, 2)).toEqual([
    { from: 0, to: 2, responses: 3, predicted: 1, reward: 10 },
    { from: 3, to: 4, responses: 2, predicted: 3.5, reward: 35 }
  ])
  expect(calibrationBins(points.slice(0, 2), 5).map(({ responses }) => responses)).toEqual([1, 1])
  expect(calibrationBins([], 5)).toEqual([])
})
