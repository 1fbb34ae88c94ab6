/** V over the tokens of unseen responses: how wrong it is and where, and how far the members of an ensemble disagree. */
import { sampleCorrelation, sampleStandardDeviation } from 'simple-statistics'
import type { ValuePosition, ValueSpread } from '../../contract/value.ts'
import type { Figures } from '../project/value-functions.ts'

const positionBins = 10

export interface Unseen {
  response: number
  /** of it */
  states: number
  /** standardised, as V is */
  reward: number
}

/** V of each token of one response: the mean over the members, and their standard deviation; null where there is but one. */
export function memberStatistics(values: number[][]): { value: number[]; spread: number[] | null } {
  const [first = []] = values
  const at = (t: number): number[] => values.map((member) => member[t] as number)
  return {
    value: first.map((_, t) => at(t).reduce((sum, v) => sum + v, 0) / values.length),
    spread: values.length === 1 ? null : first.map((_, t) => sampleStandardDeviation(at(t)))
  }
}

/** @param values V of all tokens of the responses one after another, one array a member */
export function heldOutFigures(values: Float32Array[], responses: Unseen[]): Omit<Figures, 'memberFigures' | 'pairs'> {
  const heldOut: Figures['heldOut'] = []
  const bins = Array.from({ length: positionBins }, () => ({ tokens: 0, squares: 0, sum: 0 }))
  const [spreads, errors]: [number[], number[]] = [[], []]
  const last: number[] = []
  let offset = 0
  for (const { response, states, reward } of responses) {
    const { value, spread } = memberStatistics(values.map((member) => Array.from(member.subarray(offset, offset + states))))
    offset += states
    let squares = 0
    value.forEach((v, t) => {
      const error = v - reward
      squares += error * error
      const bin = bins[Math.floor((t / states) * positionBins)] as (typeof bins)[number]
      bin.tokens++
      bin.squares += error * error
      bin.sum += error
      if (spread === null) return
      spreads.push(spread[t] as number)
      errors.push(Math.abs(error))
    })
    last.push(value.at(-1) ?? 0)
    heldOut.push({ response, error: squares / states })
  }
  const tokens = bins.reduce((sum, bin) => sum + bin.tokens, 0)
  return {
    heldOut,
    returnError: tokens === 0 ? null : bins.reduce((sum, bin) => sum + bin.squares, 0) / tokens,
    correlation: defined(last, responses.map(({ reward }) => reward)),
    positions: bins.flatMap(({ tokens, squares, sum }, i): ValuePosition[] => (tokens === 0 ? [] : [{ from: i / positionBins, to: (i + 1) / positionBins, tokens, error: squares / tokens, bias: sum / tokens }])),
    spread: spreadOf(spreads, errors)
  }
}

function spreadOf(spreads: number[], errors: number[]): ValueSpread | null {
  if (spreads.length === 0) return null
  const meanOf = (numbers: number[]): number => numbers.reduce((sum, x) => sum + x, 0) / numbers.length
  return { tokens: spreads.length, mean: meanOf(spreads), error: meanOf(errors), correlation: defined(spreads, errors) }
}

/** Pearson; null for fewer than three, or where one never changes. */
function defined(x: number[], y: number[]): number | null {
  const correlation = x.length < 3 ? NaN : sampleCorrelation(x, y)
  return Number.isFinite(correlation) ? correlation : null
}
