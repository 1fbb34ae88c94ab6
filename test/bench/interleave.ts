/** Variants timed in turns, so that whatever else the machine does meets all of them alike. */
import { leastRepetitions } from './statistics.ts'

export interface Rounds {
  /** goes on for this long, */
  seconds: number
  /** but takes no more rounds than these */
  most: number
}

/**
 * Rounds in which every variant runs once, each round beginning with another one; five rounds at least.
 * @param variants each gets the round's number and resolves with its own time, so that what it prepares and clears away does not count
 * @returns (variants, rounds)
 */
export async function interleave(variants: readonly ((round: number) => Promise<number>)[], rounds: Rounds): Promise<number[][]> {
  const times: number[][] = variants.map(() => [])
  const start = performance.now()
  for (let round = 0; round < leastRepetitions || (round < rounds.most && performance.now() - start < rounds.seconds * 1000); round++) {
    for (let turn = 0; turn < variants.length; turn++) {
      const at = (round + turn) % variants.length
      times[at]?.push(await (variants[at] as (round: number) => Promise<number>)(round))
    }
  }
  return times
}

/** Seconds that `work` takes. */
export async function timed(work: () => Promise<unknown> | void): Promise<number> {
  const start = performance.now()
  await work()
  return (performance.now() - start) / 1000
}
