/** States of responses that are there already, by prefill, over generating the same number of tokens. */
import { sum } from 'simple-statistics'
import type { Context } from '../../../native/llama.ts'
import { batchOf, type Part } from '../../fixtures/batches.ts'
import { interleave, timed } from '../interleave.ts'
import { cells, decodeResponses, recordResponses, type Response } from '../responses.ts'
import type { Measurement, PartResult } from '../result.ts'
import { milliseconds, ratios } from '../statistics.ts'
import { batchTokens, type Subject } from '../subject.ts'

const rows = 16
const responseTokens = 24

export async function prefill(subject: Subject, add: (measurement: Measurement) => void): Promise<Omit<PartResult, 'measurements'>> {
  subject.progress('prefill: recording responses')
  const responses = await recordResponses(subject, rows, responseTokens)
  const prompts = responses.map(({ prompt }) => prompt)
  const context = subject.context({ contextTokens: cells(prompts, responseTokens), sequences: rows })
  const generating = (): Promise<number> =>
    timed(() => {
      const left = responses.map(({ tokens }) => [...tokens.subarray(0, -1)])
      return decodeResponses(context, prompts, (sequence) => left[sequence]?.shift() ?? null)
    })
  const scoring = (): Promise<number> => timed(() => scoreResponses(context, responses))
  subject.progress('prefill: generating and reading, in turns')
  const [generated = [], scored = []] = await interleave([generating, scoring], { seconds: 0, most: 5 })
  context.free()
  add({
    group: 'time for the states of responses, by prefill over generation',
    label: '16 rows',
    unit: 'ratio',
    spread: ratios(scored, generated),
    details: {
      'generating, ms': milliseconds(generated),
      'prefill, ms': milliseconds(scored),
      'tokens of responses': sum(responses.map(({ tokens }) => tokens.length)),
      'tokens of prompts': sum(prompts.map(({ length }) => length))
    },
    note: null
  })
  return {
    name: 'prefill',
    title: 'Prefill scoring over generation',
    about: `The states of ${rows} responses of ${responseTokens} tokens: prompts and responses read in full batches without the output head, over generating them token by token with all ${rows} rows at once, prompts included.`
  }
}

/** Reads every prompt and response in batches as full as they get; a state for each token that the response was drawn from. */
async function scoreResponses(context: Context, responses: readonly Response[]): Promise<void> {
  const entries = responses.flatMap(({ prompt, tokens }, sequence) => [
    { sequence, tokens: prompt.subarray(0, -1), from: 0, outputs: 'none' as const },
    { sequence, tokens: Int32Array.of(...prompt.subarray(-1), ...tokens.subarray(0, -1)), from: prompt.length - 1, outputs: 'all' as const }
  ])
  for (const parts of fullBatches(entries)) await context.decode({ ...batchOf(parts), states: 'float16', head: false })
  for (const sequence of responses.keys()) context.removeSequence(sequence)
}

/** Cut where a batch is full. */
function fullBatches(entries: readonly Required<Part>[]): Part[][] {
  const batches: Part[][] = [[]]
  let room = batchTokens
  for (const entry of entries) {
    for (let at = 0; at < entry.tokens.length; ) {
      if (room === 0) {
        batches.push([])
        room = batchTokens
      }
      const tokens = Array.from(entry.tokens).slice(at, at + room)
      batches.at(-1)?.push({ ...entry, tokens, from: entry.from + at })
      at += tokens.length
      room -= tokens.length
    }
  }
  return batches
}
