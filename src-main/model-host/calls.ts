/** The calls that the scheduler serves, and whose turn it is among them. */
import type { BranchesEvent, GenerateEvent, SkippedEvent, Totals } from './messages/generate.ts'
import type { LikelihoodEvent } from './messages/likelihood.ts'
import type { Sequence } from './sequence.ts'

/** What a call is begun with. */
export interface Work {
  /** how many of its sequences may run at once */
  parallel: number
  states: boolean
  tokens: boolean
  /** of the local server */
  served: boolean
  /** renders the prompt; thrown is why the request cannot be run */
  waiting: { key: number; prepare(): Sequence }[]
  emit(event: GenerateEvent | BranchesEvent | LikelihoodEvent): void
}

export interface Call extends Work {
  /** prepared, and without a place */
  ready: Sequence[]
  running: Set<Sequence>
  totals: Totals
  start: number
  reported: number
  resolve(totals: Totals): void
  reject(error: Error): void
}

export function begun(work: Work, resolve: Call['resolve'], reject: Call['reject']): Call {
  return {
    ...work, resolve, reject,
    ready: [],
    running: new Set(),
    totals: { steps: 0, tokens: 0, promptTokens: 0, sharedTokens: 0, seconds: 0 },
    start: performance.now(),
    reported: 0
  }
}

/** The local server's calls and all others. @param calls the newest first, and so are both answers */
export function sidesOf(calls: readonly Call[]): [served: Call[], own: Call[]] {
  return [calls.filter(({ served }) => served), calls.filter(({ served }) => !served)]
}

/** Whose sequence gets the next place, `ready[0]`: of the two sides that which has fewer. Undefined where nobody waits for one. */
export function nextCall(calls: readonly Call[]): Call | undefined {
  const waits = (call: Call): boolean => hasReady(call) && call.running.size < call.parallel
  const [served, own] = sidesOf(calls)
  const oldest = served.findLast(waits)
  const newest = own.find(waits)
  if (oldest === undefined || newest === undefined) return oldest ?? newest
  return placesOf(served) < placesOf(own) ? oldest : newest
}

/** Prepares as many as may come to be needed at once. */
export function prepareAhead(call: Call, sequences: number): void {
  while (call.waiting.length > 0 && call.ready.length < Math.min(call.parallel, sequences)) prepare(call)
}

export function skipped(key: number, reason: string): SkippedEvent {
  return { kind: 'skipped', key, reason }
}

/** Prepares until one can be run. */
function hasReady(call: Call): boolean {
  while (call.ready.length === 0 && call.waiting.length > 0) prepare(call)
  return call.ready.length > 0
}

function prepare(call: Call): void {
  const request = call.waiting.shift()
  if (request === undefined) return
  try {
    call.ready.push(request.prepare())
  } catch (error) {
    call.emit(skipped(request.key, error instanceof Error ? error.message : String(error)))
  }
}

function placesOf(calls: Call[]): number {
  return calls.reduce((sum, { running }) => sum + [...running].reduce((places, one) => places + one.places, 0), 0)
}
