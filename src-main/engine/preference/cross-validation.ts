/** The strength of an L2 penalty by cross-validation: the one with the smallest loss on prompts that it was not fitted on. */
import { fitLogistic, logisticLoss, score, type Rows } from './logistic.ts'

export const folds = 5

/** From strong to weak, so that each fit begins at the one before. */
const strengths = Array.from({ length: 13 }, (_, i) => 10 ** (2 - i / 2))
/** Beyond the best strength weaker ones only fit the noise: so many are tried before it is believed. */
const patience = 2

export interface Fit {
  weights: Float64Array
  strength: number
  /** mean over the rows, each scored by a fit without its fold */
  loss: number
  /** w x of every row by the fit without its fold */
  scores: Float64Array
}

/**
 * @param foldOf one a row, below `folds`; rows of one prompt are in one fold
 * @param fitted told after each strength, in shares of the whole
 */
export async function fitCrossValidated(data: Rows, foldOf: Uint8Array, fitted: (share: number) => void, signal?: AbortSignal): Promise<Fit> {
  const all = Uint32Array.from(foldOf, (_, row) => row)
  const sides = Array.from({ length: folds }, (_, fold) => ({
    learn: all.filter((row) => foldOf[row] !== fold),
    test: all.filter((row) => foldOf[row] === fold),
    weights: new Float64Array(data.size) as Float64Array
  })).filter(({ learn, test }) => learn.length > 0 && test.length > 0)
  let weights: Float64Array = new Float64Array(data.size)
  let best: Fit | null = null
  let worse = 0
  for (const [i, strength] of strengths.entries()) {
    const scores = new Float64Array(all.length)
    let loss = 0
    for (const side of sides) {
      side.weights = await fitLogistic(data, side.learn, strength, side.weights, signal)
      loss += logisticLoss(data, side.test, side.weights) * side.test.length
      for (const row of side.test) scores[row] = score(data, row, side.weights)
    }
    weights = await fitLogistic(data, all, strength, weights, signal)
    fitted((i + 1) / strengths.length)
    loss /= all.length
    if (best === null || loss < best.loss) {
      best = { weights, strength, loss, scores }
      worse = 0
    } else if (++worse > patience) break
  }
  return best as Fit
}
