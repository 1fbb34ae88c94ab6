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
import { begun, nextCall, prepareAhead, sidesOf, skipped, type Call, type Work } from './calls.ts'
import { ComparedResponse } from './compared.ts'
import type { Adapter, BranchesEvent, ChooseInput, GenerateEvent, GenerateInput, GenerationRequest, PrefillEvent, PrefillInput, Totals } from './messages/generate.ts'
import type { LikelihoodInput } from './messages/likelihood.ts'
import type { HostMethods } from './messages/methods.ts'
import { leaderOf, leave, takeOver } from './prefixes.ts'
import type { PromptRenderer } from './prompt.ts'
import { Requests, type ContextSettings } from './requests.ts'
import { SearchedResponse } from './search.ts'
import type { Sequence } from './sequence.ts'

const progressEveryMs = 250

export class Scheduler {
  readonly #context: Context
  readonly #requests: Requests
  readonly #networks: Map<string, ValueFunction>
  readonly #adapters: Adapters
  readonly #settings: ContextSettings
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

  constructor(model: Model, context: Context, renderer: PromptRenderer, networks: Map<string, ValueFunction>, settings: ContextSettings) {
    this.#context = context
    this.#requests = new Requests(model, context, renderer, networks, settings)
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
      this.#requests.checkNetwork(control)
    }
    const waiting = byAdapter(input.requests).map((request) => ({ key: request.key, prepare: () => this.#requests.drawn(request, input) }))
    return this.#call({ parallel: input.parallel, states: input.states, tokens: input.tokens, served: input.served ?? false, waiting, emit: emit as Call['emit'] }, signal)
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
    const waiting = input.requests.map((request) => ({ key: request.key, prepare: () => this.#requests.given(request, input.deterministic) }))
    return this.#call({ parallel: this.#settings.sequences, states: true, tokens: false, served: false, waiting, emit: emit as Call['emit'] }, signal)
  }

  /** The answer to a `branches` event; of no effect where nobody waits for it any more. */
  choose({ decision, rewards }: ChooseInput): void {
    if (this.#searched().some((sequence) => sequence.answer(decision, rewards))) this.#wake()
  }

  /** What the base model, and a method, say of responses that are there already: one after the other. As `generate` otherwise. */
  likelihood({ requests }: LikelihoodInput, emit: (event: HostMethods['likelihood']['event']) => void, signal: AbortSignal): Promise<Totals> {
    for (const { own } of requests) this.#requests.checkNetwork(own?.control ?? null)
    const waiting = requests.map((request) => ({ key: request.key, prepare: () => this.#requests.compared(request) }))
    return this.#call({ parallel: 1, states: false, tokens: false, served: false, waiting, emit: emit as Call['emit'] }, signal)
  }

  #call(work: Work, signal: AbortSignal): Promise<Totals> {
    if (signal.aborted) throw new StudioError('cancelled', 'generation was stopped')
    return new Promise((resolve, reject) => {
      const call = begun(work, resolve, reject)
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
        for (const call of [...this.#calls]) prepareAhead(call, this.#settings.sequences)
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
    const [served, own] = sidesOf(this.#calls)
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
    for (let call = nextCall(this.#calls); call !== undefined; call = nextCall(this.#calls)) {
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
