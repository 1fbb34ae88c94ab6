/**
 * Logits of whole texts: a reward model's. Each text goes through the model by itself and in an empty context, so that
 * its logits are the same bits whatever else is scored. A text of some hundred tokens keeps a processor busy alone.
 */
import { availableParallelism } from 'node:os'
import { Context, RankContext, type Model } from '../../native/llama.ts'
import { StudioError } from '../contract/errors.ts'
import { bestThreads, threadCounts, type ThreadMeasurement } from './measure.ts'
import type { Head, HostModel, LoadInput, ScoredEvent, ScoreInput, SkippedEvent } from './messages.ts'
import type { PromptRenderer } from './prompt.ts'

/** Where every token sees every other one, a text is one step, and takes memory accordingly. */
const longestRanked = 4096
const stepTokens = 512
const measuredTokens = 64
const timedTexts = 3

export interface TextScorer {
  /** of the longest text */
  readonly mostTokens: number
  /** raw, one a label */
  logits(tokens: Int32Array): Promise<Float32Array>
  setThreads(threads: number): void
}

/** The classification head in the model's own file. */
class OwnHead implements TextScorer {
  readonly mostTokens: number
  readonly #context: RankContext

  constructor(model: Model, settings: { contextTokens: number; batchTokens: number; threads: number }) {
    this.mostTokens = Math.min(settings.contextTokens, model.facts().trainedContext, longestRanked)
    this.#context = new RankContext(model, { ...settings, contextTokens: this.mostTokens })
  }

  logits(tokens: Int32Array): Promise<Float32Array> {
    return this.#context.logits(tokens)
  }

  setThreads(threads: number): void {
    this.#context.setThreads(threads)
  }
}

/** W h + b, h the state of the last token after the final norm: what Hugging Face's ...ForSequenceClassification computes. */
class GivenHead implements TextScorer {
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

  async logits(tokens: Int32Array): Promise<Float32Array> {
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
export async function createScorer(model: Model, input: LoadInput, scores: 'own-head' | Head): Promise<{ scorer: TextScorer } & Pick<HostModel, 'threads' | 'threadMeasurement' | 'batchTokens' | 'batchMeasurement' | 'contextTokens' | 'sequences'>> {
  const settings = { contextTokens: input.contextTokens, batchTokens: input.batchTokens ?? stepTokens, threads: input.threads ?? 1 }
  const scorer = scores === 'own-head' ? new OwnHead(model, settings) : new GivenHead(model, scores, settings)
  const threadMeasurement = input.threads === null ? await measureThreads(scorer, Math.max(model.facts().beginToken, 0)) : []
  const threads = input.threads ?? bestThreads(threadMeasurement)
  scorer.setThreads(threads)
  return { scorer, threads, threadMeasurement, batchTokens: settings.batchTokens, batchMeasurement: [], contextTokens: scorer.mostTokens, sequences: 1 }
}

async function measureThreads(scorer: TextScorer, token: number): Promise<ThreadMeasurement[]> {
  const text = new Int32Array(Math.min(measuredTokens, scorer.mostTokens)).fill(token)
  const measured: ThreadMeasurement[] = []
  for (const threads of threadCounts(availableParallelism())) {
    scorer.setThreads(threads)
    const seconds: number[] = []
    for (let time = 0; time <= timedTexts; time++) {
      const start = performance.now()
      await scorer.logits(text)
      if (time > 0) seconds.push((performance.now() - start) / 1000) // the first touches cold memory
    }
    const median = seconds.sort((a, b) => a - b)[Math.floor(seconds.length / 2)] ?? 1
    measured.push({ threads, tokensPerSecond: text.length / median })
    if (bestThreads(measured) !== threads) break
  }
  return measured
}

/** Tells each text's logits, or why it has none. Throws 'cancelled' on abort. */
export async function scoreAll(scorer: TextScorer, renderer: PromptRenderer, { requests }: ScoreInput, emit: (event: ScoredEvent | SkippedEvent) => void, signal: AbortSignal): Promise<void> {
  for (const { key, prompt } of requests) {
    if (signal.aborted) throw new StudioError('cancelled', 'scoring was stopped')
    const skip = (reason: string): void => emit({ kind: 'skipped', key, reason })
    let tokens: Int32Array
    try {
      tokens = renderer.render(prompt).tokens
    } catch (error) {
      skip(error instanceof Error ? error.message : String(error))
      continue
    }
    if (tokens.length === 0) skip('its text is empty')
    else if (tokens.length > scorer.mostTokens) skip(`its ${tokens.length} tokens are more than the ${scorer.mostTokens} that the reward model takes`)
    else {
      const logits = await scorer.logits(tokens)
      if (logits.every(Number.isFinite)) emit({ kind: 'scored', key, logits })
      else skip('its logits are not finite numbers')
    }
  }
}
