/**
 * The thread count, by measurement: ggml's threads spin, so on shared cores its default can be a hundred times
 * slower than one thread. Steps of a small batch are timed with 1, 2, 4, ... threads until more stop paying.
 */
import { availableParallelism } from 'node:os'
import type { Context } from '../../native/llama.ts'

export interface ThreadMeasurement {
  threads: number
  tokensPerSecond: number
}

const mostRows = 4
const timedSteps = 3
/** A busy neighbour makes every further spinning thread a risk: it must gain at least this much. */
const worthwhileGain = 1.15

/** Leaves the context empty, with the last thread count that was tried. @param sequences places of the context */
export async function measureThreads(context: Context, token: number, sequences: number): Promise<ThreadMeasurement[]> {
  const rows = Math.min(mostRows, sequences)
  const measured: ThreadMeasurement[] = []
  for (const threads of candidates(availableParallelism())) {
    context.setThreads(threads)
    const seconds: number[] = []
    for (let step = 0; step <= timedSteps; step++) {
      const start = performance.now()
      await context.decode({
        tokens: new Int32Array(rows).fill(token),
        positions: new Int32Array(rows).fill(step),
        sequences: Int32Array.from({ length: rows }, (_, row) => row),
        outputs: new Uint8Array(rows).fill(1),
        controls: []
      })
      if (step > 0) seconds.push((performance.now() - start) / 1000) // the first touches cold memory
    }
    for (let sequence = 0; sequence < rows; sequence++) context.removeSequence(sequence)
    const median = seconds.sort((a, b) => a - b)[Math.floor(seconds.length / 2)] ?? 1
    measured.push({ threads, tokensPerSecond: rows / median })
    if (bestThreads(measured) !== threads) break
  }
  return measured
}

/** The smallest count that no larger one beats by a worthwhile gain. */
export function bestThreads(measured: ThreadMeasurement[]): number {
  let best = measured[0]
  for (const one of measured) {
    if (best === undefined || one.tokensPerSecond > best.tokensPerSecond * worthwhileGain) best = one
  }
  return best?.threads ?? 1
}

function candidates(cores: number): number[] {
  const counts: number[] = []
  for (let threads = 1; threads < cores; threads *= 2) counts.push(threads)
  return [...counts, cores]
}
