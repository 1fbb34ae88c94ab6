/** The same step over and over: one token of each of some sequences, at the same positions every time. */
import type { Context, Control, Decoded } from '../../native/llama.ts'
import { batchOf } from '../fixtures/batches.ts'
import { timed } from './interleave.ts'
import { cells, type Response } from './responses.ts'
import type { Subject } from './subject.ts'

export interface Steps {
  /** One step over all sequences. */
  step(controls?: Control[]): Promise<{ seconds: number; decoded: Decoded }>
  free(): void
}

/**
 * Fills a context with all of the responses but their last tokens. A step takes these, in copies of the sequences that
 * are forgotten afterwards: copies share the cells, so that every step meets the same context.
 */
export async function prepareSteps(subject: Subject, responses: readonly Response[], observe = true): Promise<Steps> {
  const rows = responses.length
  const texts = responses.map(({ prompt, tokens }) => Int32Array.of(...prompt, ...tokens))
  const context: Context = subject.context({ contextTokens: cells(texts, 1), sequences: 2 * rows, observe })
  for (const [sequence, tokens] of texts.entries()) {
    await context.decode(batchOf([{ sequence, tokens: tokens.subarray(0, -1), outputs: 'none' }]))
  }
  const parts = texts.map((tokens, sequence) => ({ sequence: rows + sequence, tokens: tokens.subarray(-1), from: tokens.length - 1 }))

  return {
    async step(controls = []) {
      for (let sequence = 0; sequence < rows; sequence++) context.copySequence(sequence, rows + sequence)
      const batch = batchOf(parts, controls)
      let decoded: Decoded | null = null
      const seconds = await timed(async () => void (decoded = await context.decode(batch)))
      for (let sequence = 0; sequence < rows; sequence++) context.removeSequence(rows + sequence)
      return { seconds, decoded: decoded as unknown as Decoded }
    },
    free: () => context.free()
  }
}
