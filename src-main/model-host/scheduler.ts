/**
 * Continuous batching: every step decodes one token of each running sequence and fills the rest of the batch with
 * prompts of new ones; a finished sequence's place is taken at once. Later calls are served first, so that a chat
 * does not wait for a collection.
 */
import type { Context, Control, Model } from '../../native/llama.ts'
import type { ValueFunction } from '../../native/value-function.ts'
import { StudioError } from '../contract/errors.ts'
import type { ControlInput, GenerateEvent, GenerateInput, GenerationRequest } from './messages.ts'
import type { PromptRenderer, RenderedPrompt } from './prompt.ts'
import { Sequence } from './sequence.ts'

export interface SchedulerSettings {
  contextTokens: number
  /** longest prompt plus response that the model was trained for */
  sequenceTokens: number
  sequences: number
  batchTokens: number
  stateSize: number
}

type Emit = (event: GenerateEvent) => void

const progressEveryMs = 250

interface Call {
  input: GenerateInput
  waiting: GenerationRequest[]
  running: Set<Sequence>
  emit: Emit
  totals: { steps: number; tokens: number; seconds: number }
  start: number
  reported: number
  resolve: (totals: Call['totals']) => void
  reject: (error: Error) => void
}

export class Scheduler {
  readonly #model: Model
  readonly #context: Context
  readonly #renderer: PromptRenderer
  readonly #networks: Map<string, ValueFunction>
  readonly #settings: SchedulerSettings
  readonly #calls: Call[] = []
  readonly #freePlaces: number[]
  readonly #abandoned: Sequence[] = []
  #stepping = false

  constructor(model: Model, context: Context, renderer: PromptRenderer, networks: Map<string, ValueFunction>, settings: SchedulerSettings) {
    this.#model = model
    this.#context = context
    this.#renderer = renderer
    this.#networks = networks
    this.#settings = settings
    this.#freePlaces = Array.from({ length: settings.sequences }, (_, i) => settings.sequences - 1 - i)
  }

  /** Runs all requests; resolves with the totals. Throws 'cancelled' on abort; what had finished was emitted. */
  generate(input: GenerateInput, emit: Emit, signal: AbortSignal): Promise<Call['totals']> {
    for (const { control } of input.requests) {
      if (control !== null && !this.#networks.has(control.network)) throw new StudioError('bad-request', `value function ${control.network} is not in the model host`)
    }
    if (signal.aborted) throw new StudioError('cancelled', 'generation was stopped')
    return new Promise((resolve, reject) => {
      const call: Call = {
        input, emit, resolve, reject,
        waiting: [...input.requests],
        running: new Set(),
        totals: { steps: 0, tokens: 0, seconds: 0 },
        start: performance.now(),
        reported: 0
      }
      this.#calls.unshift(call)
      signal.addEventListener('abort', () => this.#end(call, new StudioError('cancelled', 'generation was stopped')))
      void this.#run()
    })
  }

  async #run(): Promise<void> {
    if (this.#stepping) return
    this.#stepping = true
    try {
      while (this.#calls.length > 0) {
        this.#removeCancelled()
        this.#admit()
        await this.#step()
      }
    } catch (error) {
      for (const call of [...this.#calls]) this.#end(call, error instanceof Error ? error : new Error(String(error)))
    } finally {
      this.#stepping = false
    }
  }

  #admit(): void {
    for (const call of [...this.#calls]) {
      while (call.waiting.length > 0 && call.running.size < call.input.parallel && this.#freePlaces.length > 0) {
        const request = call.waiting[0] as GenerationRequest
        const prompt = this.#render(request)
        if (typeof prompt === 'string') {
          call.waiting.shift()
          call.emit({ kind: 'skipped', key: request.key, reason: prompt })
          continue
        }
        if (this.#reservedCells() + prompt.tokens.length + request.maxTokens > this.#settings.contextTokens) return
        call.waiting.shift()
        const place = this.#freePlaces.at(-1) as number
        call.running.add(new Sequence(this.#model, place, request, prompt, call.input.states))
        this.#freePlaces.pop()
      }
      if (call.waiting.length === 0 && call.running.size === 0) this.#end(call, null)
    }
  }

  /** The prompt, or why the model cannot take it. */
  #render(request: GenerationRequest): RenderedPrompt | string {
    try {
      const prompt = this.#renderer.render(request.prompt)
      const limit = Math.min(this.#settings.sequenceTokens, this.#settings.contextTokens)
      if (prompt.tokens.length === 0) return 'the prompt is empty'
      if (prompt.tokens.length + request.maxTokens <= limit) return prompt
      return `the prompt's ${prompt.tokens.length} tokens and ${request.maxTokens} new ones are more than the ${limit} of the model's context`
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }

  #reservedCells(): number {
    return this.#calls.reduce((sum, call) => sum + [...call.running].reduce((cells, s) => cells + s.cells, 0), 0)
  }

  async #step(): Promise<void> {
    const rows: { call: Call; sequence: Sequence }[] = []
    const tokens: number[] = []
    const positions: number[] = []
    const places: number[] = []
    const outputs: number[] = []
    const running = this.#calls.flatMap((call) => [...call.running].map((sequence) => ({ call, sequence, pending: sequence.pending() })))
    running.sort((a, b) => a.pending.length - b.pending.length) // running responses before new prompts
    for (const { call, sequence, pending } of running) {
      const count = Math.min(pending.length, this.#settings.batchTokens - tokens.length)
      for (let i = 0; i < count; i++) {
        tokens.push(pending[i] as number)
        positions.push(sequence.position++)
        places.push(sequence.place)
        outputs.push(i === pending.length - 1 ? 1 : 0)
      }
      if (count === pending.length) rows.push({ call, sequence })
    }
    if (tokens.length === 0) return

    const decoded = await this.#context.decode({
      tokens: Int32Array.from(tokens),
      positions: Int32Array.from(positions),
      sequences: Int32Array.from(places),
      outputs: Uint8Array.from(outputs),
      controls: this.#controls(rows.map((row) => row.sequence))
    })

    for (const call of this.#calls) call.totals.steps++
    rows.forEach(({ call, sequence }, row) => {
      if (!call.running.has(sequence)) return // its call was cancelled meanwhile
      const event = sequence.advance(decoded, row, this.#settings.stateSize, (sampler) => this.#context.sample(row, sampler))
      call.totals.tokens++
      if (call.input.tokens) call.emit(event)
      if (!sequence.finished) return
      this.#release(call, sequence)
      call.emit(sequence.result())
    })
    for (const call of this.#calls) this.#reportProgress(call)
  }

  #reportProgress(call: Call): void {
    const now = performance.now()
    if (now - call.reported < progressEveryMs) return
    call.reported = now
    const partial = [...call.running].reduce((sum, sequence) => sum + sequence.share, 0)
    call.emit({ kind: 'progress', tokens: call.totals.tokens, partial })
  }

  /** One control for all rows of the same value function and settings, so that they share its matrices. */
  #controls(sequences: Sequence[]): Control[] {
    const groups = new Map<string, { control: ControlInput; rows: number[] }>()
    sequences.forEach(({ control }, row) => {
      if (control === null) return
      const key = JSON.stringify(control)
      const group = groups.get(key)
      if (group !== undefined) group.rows.push(row)
      else groups.set(key, { control, rows: [row] })
    })
    return [...groups.values()].map(({ control: { network, ...ascent }, rows }) => ({
      ...ascent,
      valueFunction: this.#networks.get(network) as ValueFunction,
      rows: Int32Array.from(rows)
    }))
  }

  /** The context can only forget a sequence between two steps. */
  #removeCancelled(): void {
    for (const sequence of this.#abandoned.splice(0)) this.#forget(sequence)
  }

  #release(call: Call, sequence: Sequence): void {
    call.running.delete(sequence)
    this.#forget(sequence)
  }

  #forget(sequence: Sequence): void {
    this.#context.removeSequence(sequence.place)
    this.#freePlaces.push(sequence.place)
  }

  #end(call: Call, error: Error | null): void {
    const at = this.#calls.indexOf(call)
    if (at === -1) return
    this.#calls.splice(at, 1)
    this.#abandoned.push(...call.running)
    call.running.clear()
    call.totals.seconds = (performance.now() - call.start) / 1000
    if (error === null) call.resolve(call.totals)
    else call.reject(error)
  }
}
