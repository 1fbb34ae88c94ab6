/**
 * Thread count and batch size, by measurement when a model is loaded.
 *
 * Threads: ggml's threads spin, so on shared cores its default can be a hundred times slower than one thread. Steps of
 * a small batch are timed with 1, 2, 4, ... threads until more stop paying.
 *
 * Batch: a prompt is read in steps of so many tokens. Larger steps use a processor better up to some size; beyond it
 * they only make those wait who answer beside it.
 */
import { availableParallelism } from 'node:os'
import type { Context } from '../../native/llama.ts'

export interface ThreadMeasurement {
  threads: number
  tokensPerSecond: number
}

export interface BatchMeasurement {
  batchTokens: number
  tokensPerSecond: number
}

const mostRows = 4
const timedSteps = 3
/** The batch's measurement is to be over before anybody gets impatient. */
const batchBudgetMs = 4000
/** A busy neighbour makes every further spinning thread a risk: it must gain at least this much. */
const worthwhileGain = 1.15

/** Leaves the context empty, with the last thread count that was tried. @param sequences places of the context */
export async function measureThreads(context: Context, token: number, sequences: number): Promise<ThreadMeasurement[]> {
  const rows = Math.min(mostRows, sequences)
  const measured: ThreadMeasurement[] = []
  for (const threads of threadCounts(availableParallelism())) {
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

/** 1, 2, 4, ... and all of them */
export function threadCounts(cores: number): number[] {
  const counts: number[] = []
  for (let threads = 1; threads < cores; threads *= 2) counts.push(threads)
  return [...counts, cores]
}

const stepSizes = [64, 128, 256, 512]
/** Smaller steps are taken for at most this loss of speed. */
const tolerableLoss = 0.1

/** The sizes to try. @param sequences each needs room for its next token in a step */
export function batchSizes(sequences: number, contextTokens: number): number[] {
  return [...new Set(stepSizes.map((size) => Math.min(Math.max(size, sequences), contextTokens)))]
}

/**
 * A prompt's tokens per second in one step of each size, as far as the time allows: at least the first. Leaves the
 * context empty.
 * @param warmUp the first step of a device compiles its kernels: it is made once before
 */
export async function measureBatches(context: Context, token: number, sizes: number[], warmUp: boolean): Promise<BatchMeasurement[]> {
  const step = async (size: number): Promise<number> => {
    const start = performance.now()
    await context.decode({
      tokens: new Int32Array(size).fill(token),
      positions: Int32Array.from({ length: size }, (_, i) => i),
      sequences: new Int32Array(size),
      outputs: Uint8Array.from({ length: size }, (_, i) => (i === size - 1 ? 1 : 0)),
      controls: []
    })
    const ms = performance.now() - start
    context.removeSequence(0)
    return ms
  }
  if (warmUp) await step(sizes[0] ?? 1)
  const measured: BatchMeasurement[] = []
  let spent = 0
  for (const batchTokens of sizes) {
    const last = measured.at(-1)
    if (last !== undefined && spent + (batchTokens / last.tokensPerSecond) * 1000 > batchBudgetMs) break
    const ms = await step(batchTokens)
    spent += ms
    measured.push({ batchTokens, tokensPerSecond: (batchTokens / ms) * 1000 })
  }
  return measured
}

/** The smallest size that is nearly as fast as the fastest. */
export function bestBatch(measured: BatchMeasurement[]): number {
  const fastest = Math.max(...measured.map((one) => one.tokensPerSecond))
  const smallest = measured.find((one) => one.tokensPerSecond >= fastest * (1 - tolerableLoss))
  if (smallest === undefined) throw new Error('no batch size was measured')
  return smallest.batchTokens
}
