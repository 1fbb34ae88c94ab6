/** A collection as people run it over llama.cpp's bare decoding of the same tokens. */
import { sum } from 'simple-statistics'
import { Sampler, type Context } from '../../../native/llama.ts'
import { collectSettings, type CollectSettings } from '../../../src-main/contract/collect.ts'
import { interleave, timed } from '../interleave.ts'
import { cells, decodeResponses, renderPrompts, samplePrompts } from '../responses.ts'
import type { Measurement, PartResult } from '../result.ts'
import { milliseconds, ratios } from '../statistics.ts'
import { openStudio, type Studio } from '../studio.ts'
import type { Subject } from '../subject.ts'

const rows = 16
const maxTokens = 24

export async function collection(subject: Subject, add: (measurement: Measurement) => void): Promise<Omit<PartResult, 'measurements'>> {
  const texts = samplePrompts(rows)
  const prompts = renderPrompts(subject, texts)
  const studio = await openStudio(subject)
  try {
    const dataset = await studio.importPrompts(texts)
    const settings = collectSettings.parse({ dataset, maxTokens, parallel: rows })
    subject.progress('collection: a first one, which loads the model')
    const lengths = await collectedLengths(studio, settings)

    const room = { contextTokens: cells(prompts, maxTokens), sequences: rows }
    const bare = subject.context({ ...room, observe: false })
    const observed = subject.context(room)
    const samplers = lengths.map((_, seed) => new Sampler({ ...settings.sampling, seed }))
    subject.progress('collection: bare decoding, decoding with states and sampling, and the job, in turns')
    const [base = [], sampled = [], collected = []] = await interleave(
      [
        () => timed(() => replay(bare, prompts, lengths)),
        () => timed(() => replay(observed, prompts, lengths, (sequences) => ({ states: 'float16', samplers: sequences.map((sequence) => samplers[sequence] as Sampler) }))),
        () => timed(() => studio.run('collect', settings))
      ],
      { seconds: 0, most: 5 }
    )
    bare.free()
    observed.free()
    add({
      group: 'time of a collection over bare decoding',
      label: '16 rows',
      unit: 'ratio',
      spread: ratios(collected, base),
      details: {
        'bare decoding, ms': milliseconds(base),
        'with states and sampling, ms': milliseconds(sampled),
        'the job, ms': milliseconds(collected),
        'tokens of responses': sum(lengths),
        'tokens of prompts': sum(prompts.map(({ length }) => length))
      },
      note: null
    })
  } finally {
    await studio.close()
  }
  return {
    name: 'collection',
    title: 'Collection over bare decoding',
    about:
      `The collect job on ${rows} prompts at once with at most ${maxTokens} tokens each, states and responses on the disk, over a loop of llama_decode alone ` +
      'that takes the same prompts and as many tokens of each response, without hook, sampling or states. ' +
      'Between the two, in the details: the loop with states taken and tokens drawn, in this process.'
  }
}

/** How many tokens each prompt's response has, in this and in every further collection with these settings. */
async function collectedLengths(studio: Studio, settings: CollectSettings): Promise<number[]> {
  const { subject: id } = await studio.run('collect', settings)
  const { responses } = studio.project.responses.page(id ?? 0, { source: null, order: 'collected', offset: 0, limit: rows })
  return responses.sort((a, b) => a.example - b.example).map(({ tokens }) => tokens)
}

/** As many tokens after each prompt; which ones they are makes no difference to the time, so they are the prompt's own. */
async function replay(context: Context, prompts: readonly Int32Array[], lengths: readonly number[], taken?: Parameters<typeof decodeResponses>[3]): Promise<void> {
  const drawn = lengths.map(() => 0)
  const next = (sequence: number): number | null => {
    const count = (drawn[sequence] = (drawn[sequence] as number) + 1)
    const prompt = prompts[sequence] as Int32Array
    return count < (lengths[sequence] as number) ? (prompt[count % prompt.length] as number) : null
  }
  await decodeResponses(context, prompts, next, taken)
}
