/** The figures that an epoch of a training has, of a V that was not trained epoch by epoch. */
import { sampleCorrelation } from 'simple-statistics'
import type { Epoch } from '../../contract/value.ts'

/** @param V at every state, one array a trajectory. Without validation its figures are those of the training. */
export function epochFigures(V: ArrayLike<number>[], rewards: number[], validation: boolean[]): Epoch {
  const of = (held: boolean): { bellman: number; error: number; correlation: number } => {
    let [states, bellman, error] = [0, 0, 0]
    const [last, reward]: [number[], number[]] = [[], []]
    for (const [i, values] of V.entries()) {
      if (validation[i] !== held) continue
      const r = rewards[i] as number
      for (let t = 0; t < values.length; t++) {
        const v = values[t] as number
        bellman += (v - (values[t + 1] ?? r)) ** 2
        error += (v - r) ** 2
        states++
      }
      last.push(values[values.length - 1] ?? 0)
      reward.push(r)
    }
    const correlation = last.length < 3 ? 0 : sampleCorrelation(last, reward)
    return { bellman: bellman / states, error: error / states, correlation: Number.isFinite(correlation) ? correlation : 0 }
  }
  const train = of(false)
  const held = validation.includes(true) ? of(true) : train
  return { epoch: 1, trainLoss: train.bellman, validationLoss: held.bellman, returnError: held.error, correlation: held.correlation }
}
