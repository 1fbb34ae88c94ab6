/**
 * A vector of a whole text: a reward model's logits, or an embedding. Each text goes through the model by itself and in
 * an empty context, so that its vector is the same bits whatever else is read. A text of some hundred tokens keeps a
 * processor busy alone.
 */
import { availableParallelism } from 'node:os'
import { Context, PooledContext, type Model } from '../../native/llama.ts'
import { StudioError } from '../contract/errors.ts'
import { bestThreads, threadCounts, type ThreadMeasurement } from './measure.ts'
import type { Head, HostModel, LoadInput } from './messages/model.ts'

/** Where every token sees every other one, a text is one step, and takes memory accordingly. */
const longestPooled = 4096
const stepTokens = 512
const measuredTokens = 64
const timedTexts = 3

export interface TextReader {
  readonly gives: 'logits' | 'embedding'
  /** of the longest text */
  readonly mostTokens: number
  /** raw logits, one a label, or the embedding, not normalised */
  read(tokens: Int32Array): Promise<Float32Array>
  setThreads(threads: number): void
}

/** By the classification head in the model's own file, or by its pooling. */
class Pooled implements TextReader {
  readonly gives: 'logits' | 'embedding'
  readonly mostTokens: number
  readonly #context: PooledContext

  constructor(model: Model, gives: 'logits' | 'embedding', settings: { contextTokens: number; batchTokens: number; threads: number }) {
    this.gives = gives
    this.mostTokens = Math.min(settings.contextTokens, model.facts().trainedContext, longestPooled)
    this.#context = new PooledContext(model, { ...settings, vector: gives, contextTokens: this.mostTokens })
  }

  read(tokens: Int32Array): Promise<Float32Array> {
    return this.#context.read(tokens)
  }

  setThreads(threads: number): void {
    this.#context.setThreads(threads)
  }
}

/** W h + b, h the state of the last token after the final norm: what Hugging Face's ...ForSequenceClassification computes. */
class GivenHead implements TextReader {
  readonly gives = 'logits'
  readonly mostTokens: number
  readonly #context: Context
  readonly #head: Head
  readonly #stepTokens: number

  constructor(model: Model, head: Head, settings: { contextTokens: number; batchTokens: number; threads: number }) {
    const { stateSize, trainedContext } = model.facts()
    const inputs = head.weight.length / head.bias.length
    if (inputs !== stateSize) throw new StudioError('not-usable', `the head takes states of ${inputs} numbers, the model's have ${stateSize}: they do not belong together`)
    this.mostTokens = Math.min(settings.contextTokens, trainedContext)
    this.#head = head
    this.#stepTokens = Math.min(settings.batchTokens, settings.contextTokens)
    this.#context = new Context(model, { ...settings, batchTokens: this.#stepTokens, sequences: 1 })
  }

  async read(tokens: Int32Array): Promise<Float32Array> {
    this.#context.clear(false)
    let state = new Float32Array()
    for (let begin = 0; begin < tokens.length; begin += this.#stepTokens) {
      const step = tokens.slice(begin, begin + this.#stepTokens)
      const { states } = await this.#context.decode({
        tokens: step,
        positions: step.map((_, i) => begin + i),
        sequences: new Int32Array(step.length),
        outputs: Uint8Array.from(step, (_, i) => (begin + i === tokens.length - 1 ? 1 : 0)),
        controls: [],
        head: false
      })
      state = states as Float32Array<ArrayBuffer>
    }
    const { weight, bias } = this.#head
    return bias.map((b, label) => state.reduce((sum, h, i) => sum + h * weight[label * state.length + i]!, b))
  }

  setThreads(threads: number): void {
    this.#context.setThreads(threads)
  }
}

/** Measures the number of threads where none is given. */
export async function createReader(model: Model, input: LoadInput, scores: NonNullable<LoadInput['scores']>): Promise<{ reader: TextReader } & Pick<HostModel, 'threads' | 'threadMeasurement' | 'batchTokens' | 'batchMeasurement' | 'contextTokens' | 'sequences'>> {
  const settings = { contextTokens: input.contextTokens, batchTokens: input.batchTokens ?? stepTokens, threads: input.threads ?? 1 }
  const reader = readerFor(model, scores, settings)
  const threadMeasurement = input.threads === null ? await measureThreads(reader, Math.max(model.facts().beginToken, 0)) : []
  const threads = input.threads ?? bestThreads(threadMeasurement)
  reader.setThreads(threads)
  return { reader, threads, threadMeasurement, batchTokens: settings.batchTokens, batchMeasurement: [], contextTokens: reader.mostTokens, sequences: 1 }
}

function readerFor(model: Model, scores: NonNullable<LoadInput['scores']>, settings: { contextTokens: number; batchTokens: number; threads: number }): TextReader {
  try {
    if (scores === 'own-head') return new Pooled(model, 'logits', settings)
    if (scores === 'embedding') return new Pooled(model, 'embedding', settings)
    return new GivenHead(model, scores, settings)
  } catch (error) {
    if (error instanceof StudioError) throw error
    throw new StudioError('not-usable', `the model cannot give ${scores === 'embedding' ? 'embeddings' : 'rewards'}: ${(error as Error).message}`, { cause: error })
  }
}

async function measureThreads(reader: TextReader, token: number): Promise<ThreadMeasurement[]> {
  const text = new Int32Array(Math.min(measuredTokens, reader.mostTokens)).fill(token)
  const measured: ThreadMeasurement[] = []
  for (const threads of threadCounts(availableParallelism())) {
    reader.setThreads(threads)
    const seconds: number[] = []
    for (let time = 0; time <= timedTexts; time++) {
      const start = performance.now()
      await reader.read(text)
      if (time > 0) seconds.push((performance.now() - start) / 1000) // the first touches cold memory
    }
    const median = seconds.sort((a, b) => a - b)[Math.floor(seconds.length / 2)] ?? 1
    measured.push({ threads, tokensPerSecond: text.length / median })
    if (bestThreads(measured) !== threads) break
  }
  return measured
}
