/**
 * Continuous batching: every step decodes one token of each running response and fills the rest of the batch with
 * prompts of new ones; a finished response's place is taken at once. What a step brought is told, and the next
 * prompts are rendered, while the step after it is being decoded. Later calls are served first, so that a chat does
 * not wait for a collection. Those of the local server come in the order of their arrival, and share places and steps
 * evenly with everything else: neither side starves the other. An adapter applies to the whole context: it is changed
 * when nothing runs.
 */
import { setImmediate as breathe } from 'node:timers/promises'
import type { Context, Decoded, Model } from '../../native/llama.ts'
import type { ValueFunction } from '../../native/value-function.ts'
import { StudioError } from '../contract/errors.ts'
import { Adapters } from './adapters.ts'
import { nextStep, type Queue, type Step } from './batch.ts'
import { ComparedResponse } from './compared.ts'
import { DrawnResponse } from './drawn.ts'
import { GivenResponse } from './given.ts'
import { LogitChange } from './logit-change.ts'
import type { Adapter, BranchesEvent, ChooseInput, ControlInput, GenerateEvent, GenerateInput, GenerationRequest, PrefillEvent, PrefillInput, SkippedEvent, Totals } from './messages/generate.ts'
import type { LikelihoodEvent, LikelihoodInput } from './messages/likelihood.ts'
import type { HostMethods } from './messages/methods.ts'
import type { Prompt } from './messages/model.ts'
import { leaderOf, leave, takeOver } from './prefixes.ts'
import type { PromptRenderer, RenderedPrompt } from './prompt.ts'
import { SearchedResponse } from './search.ts'
import type { Sequence } from './sequence.ts'

export interface SchedulerSettings {
  contextTokens: number
  /** longest prompt plus response that the model was trained for */
  sequenceTokens: number
  sequences: number
  batchTokens: number
  sharesPrefixes: boolean
}

const progressEveryMs = 250

interface Call {
  /** how many of its sequences may run at once */
  parallel: number
  states: boolean
  tokens: boolean
  /** of the local server */
  served: boolean
  /** renders the prompt; thrown is why the request cannot be run */
  waiting: { key: number; prepare(): Sequence }[]
  /** prepared, and without a place */
  ready: Sequence[]
  running: Set<Sequence>
  emit(event: GenerateEvent | BranchesEvent | LikelihoodEvent): void
  totals: Totals
  start: number
  reported: number
  resolve(totals: Totals): void
  reject(error: Error): void
}

type Work = Pick<Call, 'parallel' | 'states' | 'tokens' | 'waiting' | 'emit'> & { served?: boolean }

export class Scheduler {
  readonly #model: Model
  readonly #context: Context
  readonly #renderer: PromptRenderer
  readonly #networks: Map<string, ValueFunction>
  readonly #adapters: Adapters
  readonly #settings: SchedulerSettings
  readonly #calls: Call[] = []
  readonly #freePlaces: number[]
  readonly #abandoned: Sequence[] = []
  /** done before the next step begins */
  readonly #between: (() => void)[] = []
  #untold: { call: Call; sequence: Sequence }[] = []
  #stepping = false
  /** whether prompts of the local server are before the others' in the next step */
  #servedFirst = false
  /** called by whatever gives the loop something to do */
  #wake = (): void => {}

  constructor(model: Model, context: Context, renderer: PromptRenderer, networks: Map<string, ValueFunction>, settings: SchedulerSettings) {
    this.#model = model
    this.#context = context
    this.#renderer = renderer
    this.#networks = networks
    this.#adapters = new Adapters(model, context)
    this.#settings = settings
    this.#freePlaces = Array.from({ length: settings.sequences }, (_, i) => settings.sequences - 1 - i)
  }

  /** Runs all requests; resolves with the totals. Throws 'cancelled' on abort; what had finished was emitted. */
  generate(input: GenerateInput, emit: (event: GenerateEvent | BranchesEvent) => void, signal: AbortSignal): Promise<Totals> {
    for (const { control, search, adapter = null } of input.requests) {
      if (adapter !== null && !this.#adapters.has(adapter)) throw new StudioError('bad-request', `adapter ${adapter} is not in the model host`)
      if (search !== undefined && search !== null && input.states) throw new StudioError('bad-request', 'the states of a response are not handed out where its tokens are searched for')
      this.#checkNetwork(control)
    }
    const waiting = byAdapter(input.requests).map((request) => ({
      key: request.key,
      prepare: () => {
        const prompt = this.#render(request.prompt, request.maxTokens)
        if (request.search === undefined || request.search === null) return new DrawnResponse(this.#model, request, prompt, input)
        const sequence = new SearchedResponse(this.#model, this.#context, request, request.search, prompt, input)
        this.#checkBranches(sequence, request.search.topK)
        return sequence
      }
    }))
    return this.#call({ parallel: input.parallel, states: input.states, tokens: input.tokens, served: input.served, waiting, emit: emit as Call['emit'] }, signal)
  }

  /** Makes an adapter known under a name; resolves once no step can be in its way. @throws StudioError 'not-usable' */
  setAdapter(name: string, adapter: Adapter): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#between.push(() => {
        try {
          resolve(this.#adapters.set(name, adapter))
        } catch (error) {
          reject(error as Error)
        }
      })
      this.#wake()
      void this.#run()
    })
  }

  /** The states of responses that are there already, without drawing a token; as `generate` otherwise. */
  prefill(input: PrefillInput, emit: (event: PrefillEvent) => void, signal: AbortSignal): Promise<Totals> {
    const waiting = input.requests.map((request) => ({
      key: request.key,
      prepare: () => {
        const prompt = this.#render(request.prompt, 0)
        const tokens = this.#renderer.response(prompt, request.response)
        if (tokens.length === 0) throw new Error('the response is empty')
        this.#checkRoom(prompt, Math.min(tokens.length, request.maxTokens))
        return new GivenResponse(request, prompt, tokens, input.deterministic)
      }
    }))
    return this.#call({ parallel: this.#settings.sequences, states: true, tokens: false, waiting, emit: emit as Call['emit'] }, signal)
  }

  /** The answer to a `branches` event; of no effect where nobody waits for it any more. */
  choose({ decision, rewards }: ChooseInput): void {
    if (this.#searched().some((sequence) => sequence.answer(decision, rewards))) this.#wake()
  }

  /** What the base model, and a method, say of responses that are there already: one after the other. As `generate` otherwise. */
  likelihood({ requests }: LikelihoodInput, emit: (event: HostMethods['likelihood']['event']) => void, signal: AbortSignal): Promise<Totals> {
    const { vocabularySize } = this.#model.facts()
    for (const { own } of requests) this.#checkNetwork(own?.control ?? null)
    const waiting = requests.map(({ key, prompt, response, own, closely = false, changes = false }) => ({
      key,
      prepare: () => {
        const base = this.#render(prompt, 0)
        const tokens = typeof response === 'string' ? this.#renderer.unended(base, response) : response
        if (tokens.length === 0) throw new Error('the response is empty')
        if (tokens.some((token) => token < 0 || token >= vocabularySize)) throw new Error("the response has a token that is not in the model's vocabulary: it is another model's")
        this.#checkRoom(base, tokens.length)
        const other = own && { prompt: this.#render(own.prompt, tokens.length), control: own.control }
        return new ComparedResponse(key, base, tokens, other, this.#settings, closely ? (token) => this.#renderer.tokenText(token) : null, changes && own !== null ? new LogitChange(this.#context) : null)
      }
    }))
    return this.#call({ parallel: 1, states: false, tokens: false, waiting, emit: emit as Call['emit'] }, signal)
  }

  #call(work: Work, signal: AbortSignal): Promise<Totals> {
    if (signal.aborted) throw new StudioError('cancelled', 'generation was stopped')
    return new Promise((resolve, reject) => {
      const call: Call = {
        ...work, resolve, reject,
        served: work.served ?? false,
        ready: [],
        running: new Set(),
        totals: { steps: 0, tokens: 0, promptTokens: 0, sharedTokens: 0, seconds: 0 },
        start: performance.now(),
        reported: 0
      }
      this.#calls.unshift(call)
      signal.addEventListener('abort', () => this.#end(call, new StudioError('cancelled', 'generation was stopped')))
      this.#wake()
      void this.#run()
    })
  }

  async #run(): Promise<void> {
    if (this.#stepping) return
    this.#stepping = true
    try {
      while (this.#calls.length > 0 || this.#between.length > 0) {
        const woken = new Promise<void>((resolve) => (this.#wake = resolve))
        for (const work of this.#between.splice(0)) work()
        for (const sequence of this.#abandoned.splice(0)) this.#forget(sequence)
        this.#takeAnswers()
        this.#admit()
        this.#takeOver()
        const step = this.#nextStep()
        const decoding = step === null ? null : this.#context.decode(step.batch)
        this.#tell()
        this.#prepareAhead()
        if (step !== null && decoding !== null) this.#take(step, await decoding)
        else if (this.#searched().some(({ asks }) => asks)) await woken
        else await breathe() // a message that ends a call is heard even where nothing could be decoded
      }
    } catch (error) {
      for (const call of [...this.#calls]) this.#end(call, error instanceof Error ? error : new Error(String(error)))
    } finally {
      this.#stepping = false
      for (const work of this.#between.splice(0)) work() // came while a step failed
    }
  }

  #nextStep(): Step | null {
    const [first] = this.#running()
    if (first instanceof ComparedResponse) return first.step(this.#context, this.#networks)
    const [served, own] = this.#sides()
    this.#servedFirst = !this.#servedFirst
    const queues = own.map(({ running }): Queue => ({ sequences: [...running], inOrder: false }))
    const shared: Queue = { sequences: served.toReversed().flatMap(({ running }) => [...running]), inOrder: true }
    return nextStep(this.#servedFirst ? [shared, ...queues] : [...queues, shared], this.#settings.batchTokens, this.#calls.some(({ states }) => states), this.#networks)
  }

  #running(): Sequence[] {
    return this.#calls.flatMap(({ running }) => [...running])
  }

  #searched(): SearchedResponse[] {
    return this.#running().filter((sequence) => sequence instanceof SearchedResponse)
  }

  /** Gives places to sequences until one does not fit: a later one must not keep it waiting. */
  #admit(): void {
    for (let call = this.#nextCall(); call !== undefined; call = this.#nextCall()) {
      const next = call.ready[0] as Sequence
      const running = this.#running()
      if (this.#freePlaces.length < next.places || (running.length > 0 && (next.alone || next.adapter !== this.#adapters.current || running.some(({ alone }) => alone)))) return
      const beginning = this.#settings.sharesPrefixes ? leaderOf(next, running) : null
      const reserved = running.reduce((cells, one) => cells + one.cells - one.shared, 0)
      if (reserved + next.cells - (beginning?.tokens ?? 0) > this.#settings.contextTokens) return
      call.ready.shift()
      call.running.add(next)
      next.begin(this.#freePlaces.splice(-next.places).reverse())
      this.#adapters.use(next.adapter)
      if (next.alone) this.#context.clear(false) // its cells are the first ones, whatever ran before
      if (beginning !== null) [next.leader, next.shared] = [beginning.leader, beginning.tokens]
    }
  }

  /** Whose sequence gets the next place: of the two sides that which has fewer. Undefined where nobody waits for one. */
  #nextCall(): Call | undefined {
    const waits = (call: Call): boolean => this.#next(call) !== undefined && call.running.size < call.parallel
    const [served, own] = this.#sides()
    const oldest = served.findLast(waits)
    const newest = own.find(waits)
    if (oldest === undefined || newest === undefined) return oldest ?? newest
    return placesOf(served) < placesOf(own) ? oldest : newest
  }

  /** The local server's calls and all others, the newest first. */
  #sides(): [served: Call[], own: Call[]] {
    return [this.#calls.filter(({ served }) => served), this.#calls.filter(({ served }) => !served)]
  }

  #next(call: Call): Sequence | undefined {
    while (call.ready.length === 0 && call.waiting.length > 0) this.#prepare(call)
    return call.ready[0]
  }

  #prepare(call: Call): void {
    const request = call.waiting.shift()
    if (request === undefined) return
    try {
      call.ready.push(request.prepare())
    } catch (error) {
      call.emit(skipped(request.key, error instanceof Error ? error.message : String(error)))
    }
  }

  /** As many as may come to be needed at once. */
  #prepareAhead(): void {
    for (const call of [...this.#calls]) {
      while (call.waiting.length > 0 && call.ready.length < Math.min(call.parallel, this.#settings.sequences)) this.#prepare(call)
    }
  }

  /** @throws StudioError 'bad-request' */
  #checkNetwork(control: ControlInput | null): void {
    if (control !== null && !this.#networks.has(control.network)) throw new StudioError('bad-request', `value function ${control.network} is not in the model host`)
  }

  /** @throws Error when the model cannot take it */
  #render(prompt: Prompt, newTokens: number): RenderedPrompt {
    const rendered = this.#renderer.render(prompt)
    if (rendered.tokens.length === 0) throw new Error('the prompt is empty')
    this.#checkRoom(rendered, newTokens)
    return rendered
  }

  #checkRoom({ tokens }: RenderedPrompt, newTokens: number): void {
    const limit = Math.min(this.#settings.sequenceTokens, this.#settings.contextTokens)
    if (tokens.length + newTokens <= limit) return
    throw new Error(`the prompt's ${tokens.length} tokens and ${newTokens} new ones are more than the ${limit} of the model's context`)
  }

  #checkBranches({ places, cells }: SearchedResponse, topK: number): void {
    if (places > 1 && !this.#settings.sharesPrefixes) throw new Error('this model cannot go on in several ways at once: it has recurrent layers or a sliding window')
    if (places > this.#settings.sequences) throw new Error(`${topK} tokens cannot compete: the model was loaded for ${this.#settings.sequences} sequences at once`)
    if (cells > this.#settings.contextTokens) throw new Error(`prompt, response and the ${topK} branches of its tokens need ${cells} cells, more than the ${this.#settings.contextTokens} of the context: fewer candidates or a shorter look-ahead are needed`)
  }

  #takeOver(): void {
    for (const call of this.#calls) {
      for (const tokens of takeOver(call.running, this.#context).values()) call.totals.sharedTokens += tokens
    }
  }

  /** What must be done before the next step can begin; the rest is left to `#tell`. */
  #take({ rows, promptTokens }: Step, decoded: Decoded): void {
    this.#takeOver()
    for (const call of this.#calls) {
      call.totals.steps++
      for (const sequence of call.running) call.totals.promptTokens += promptTokens.get(sequence) ?? 0
    }
    const owners = new Map(this.#calls.flatMap((call) => [...call.running].map((sequence) => [sequence, call])))
    const broken = new Map<Sequence, string>()
    const advanced = new Map<Sequence, number>()
    rows.forEach((strand, row) => {
      const sequence = strand.whole
      if (!owners.has(sequence) || broken.has(sequence)) return // its call was cancelled meanwhile
      const problem = strand.problem(decoded, row)
      if (problem !== null) broken.set(sequence, problem)
      else advanced.set(sequence, (advanced.get(sequence) ?? 0) + strand.take(decoded, row))
    })
    for (const [sequence, taken] of advanced) {
      const searched = sequence instanceof SearchedResponse && !broken.has(sequence)
      this.#advanced(owners.get(sequence) as Call, sequence, searched ? sequence.advance() : taken)
    }
    if (broken.size > 0) this.#separate(broken, owners)
  }

  #takeAnswers(): void {
    for (const call of this.#calls) {
      for (const sequence of [...call.running]) {
        if (sequence instanceof SearchedResponse && sequence.answered) this.#advanced(call, sequence, sequence.advance())
      }
    }
  }

  /** @param tokens that it has more */
  #advanced(call: Call, sequence: Sequence, tokens: number): void {
    call.totals.tokens += tokens
    this.#untold.push({ call, sequence })
    if (sequence.finished) this.#release(call, sequence)
    else if (sequence.isolated && sequence.sampler !== null && tokens > 0) this.#requeue(call, sequence, false)
  }

  /**
   * A number that is not finite can spread through the shared cache to every neighbour: all begin again in an empty
   * one, and those that were hit go through the model by themselves. What is not finite even then ends there.
   */
  #separate(broken: Map<Sequence, string>, owners: Map<Sequence, Call>): void {
    for (const [sequence, call] of owners) {
      if (sequence.finished) continue
      const problem = broken.get(sequence)
      if (problem !== undefined && sequence.alone) {
        this.#release(call, sequence)
        call.emit(skipped(sequence.key, problem))
      } else this.#requeue(call, sequence, problem !== undefined)
    }
    this.#context.clear(true)
  }

  /** Back to those without a place, by itself and first or like any other and last. */
  #requeue(call: Call, sequence: Sequence, isolated: boolean): void {
    if (!call.running.has(sequence)) return
    this.#release(call, sequence)
    sequence.restart()
    sequence.isolated = isolated
    if (isolated) call.ready.unshift(sequence)
    else call.ready.push(sequence)
  }

  #tell(): void {
    for (const { call, sequence } of this.#untold.splice(0)) {
      for (const event of sequence.news(call.tokens)) {
        if (this.#calls.includes(call)) call.emit(event)
      }
    }
    for (const call of [...this.#calls]) {
      if (call.waiting.length + call.ready.length + call.running.size === 0) this.#end(call, null)
      else this.#reportProgress(call)
    }
  }

  #reportProgress(call: Call): void {
    const now = performance.now()
    if (call.totals.steps === 0 || now - call.reported < progressEveryMs) return
    call.reported = now
    const partial = [...call.running].reduce((sum, sequence) => sum + sequence.share, 0)
    call.emit({ kind: 'progress', tokens: call.totals.tokens, partial })
  }

  #release(call: Call, sequence: Sequence): void {
    call.running.delete(sequence)
    this.#forget(sequence)
  }

  /** The context can only forget a sequence between two steps. */
  #forget(sequence: Sequence): void {
    leave(sequence, this.#running())
    for (const place of sequence.held) this.#context.removeSequence(place)
    this.#freePlaces.push(...sequence.held)
  }

  #end(call: Call, error: Error | null): void {
    const at = this.#calls.indexOf(call)
    if (at === -1) return
    this.#wake()
    this.#calls.splice(at, 1)
    this.#abandoned.push(...call.running)
    call.running.clear()
    call.waiting = []
    call.ready = []
    call.totals.seconds = (performance.now() - call.start) / 1000
    if (error === null) call.resolve(call.totals)
    else call.reject(error)
  }
}

/** In their order but for those of one adapter, which come together: the context changes as seldom as it can. */
function byAdapter(requests: GenerationRequest[]): GenerationRequest[] {
  return [...Map.groupBy(requests, ({ adapter }) => adapter ?? null).values()].flat()
}

function placesOf(calls: Call[]): number {
  return calls.reduce((sum, { running }) => sum + [...running].reduce((places, one) => places + one.places, 0), 0)
}

function skipped(key: number, reason: string): SkippedEvent {
  return { kind: 'skipped', key, reason }
}
