/**
 * The port to the engine: typed requests and events. A port may come again when the engine was
 * restarted; requests still open on the old one then fail, as nobody will answer them.
 */
import type { Failure, FailureCode } from '../../src-main/contract/errors.ts'
import type { EventName, EventPayload, Input, MethodName, Output } from '../../src-main/contract/methods.ts'
import { sentence } from '../ui/format.ts'

/** What a request failed with; its message is a sentence. */
export class RequestFailure extends Error {
  readonly code: FailureCode
  readonly details: string | undefined
  readonly retryable: boolean

  constructor(failure: Failure) {
    super(sentence(failure.message))
    this.name = 'RequestFailure'
    this.code = failure.code
    this.details = failure.details
    this.retryable = failure.retryable
  }
}

interface Open {
  settle: (output: unknown) => void
  fail: (failure: RequestFailure) => void
}

type Incoming = { id: number; output: unknown } | { id: number; failure: Failure } | { event: EventName; payload: unknown }
type Listener = (payload: unknown) => void

let port: MessagePort | null = null
let connectedBefore = false
let lastId = 0
const open = new Map<number, Open>()
const waiting: (() => void)[] = []
const listeners = new Map<EventName, Set<Listener>>()
const connectListeners = new Set<(again: boolean) => void>()

/** Listens for the port that the preload script hands over. Call once. */
export function listenForPort(): void {
  window.addEventListener('message', (message) => {
    const next = message.ports[0]
    if (message.source !== window || message.data !== 'studio-port' || next === undefined) return
    usePort(next)
  })
}

/** Calls `fn` whenever a port arrived; `again` is true when it replaces another. */
export function onConnect(fn: (again: boolean) => void): void {
  connectListeners.add(fn)
}

/** Sends one request. Rejects with a RequestFailure. Waits for the port if there is none yet. */
export function call<M extends MethodName>(method: M, input: Input<M>): Promise<Output<M>> {
  return new Promise<Output<M>>((resolve, reject) => {
    const send = (): void => {
      const id = ++lastId
      open.set(id, { settle: (output) => resolve(output as Output<M>), fail: reject })
      // Svelte's state proxies cannot be cloned into a message; every input is JSON, so a JSON copy can.
      port?.postMessage({ id, method, input: JSON.parse(JSON.stringify(input)) as unknown })
    }
    if (port === null) waiting.push(send)
    else send()
  })
}

/** Listens to one event; the returned function stops that. */
export function on<E extends EventName>(event: E, fn: (payload: EventPayload<E>) => void): () => void {
  const set = listeners.get(event) ?? new Set<Listener>()
  listeners.set(event, set)
  const listener: Listener = (payload) => fn(payload as EventPayload<E>)
  set.add(listener)
  return () => set.delete(listener)
}

/** The engine's process has ended: what was asked of it gets no answer, and what is asked from now on waits for the next one. */
export function loseEngine(message: string): void {
  port?.close()
  port = null
  failOpen(message)
}

function failOpen(message: string): void {
  for (const { fail } of open.values()) fail(new RequestFailure({ code: 'internal', message, retryable: true }))
  open.clear()
}

function usePort(next: MessagePort): void {
  const again = connectedBefore
  connectedBefore = true
  port?.close()
  port = next
  next.onmessage = (message: MessageEvent<Incoming>) => receive(message.data)
  failOpen('The engine was restarted before it answered. Please try again.')
  for (const send of waiting.splice(0)) send()
  for (const fn of connectListeners) fn(again)
}

function receive(incoming: Incoming): void {
  if ('event' in incoming) {
    for (const listener of listeners.get(incoming.event) ?? []) listener(incoming.payload)
    return
  }
  const request = open.get(incoming.id)
  if (request === undefined) return
  open.delete(incoming.id)
  if ('failure' in incoming) request.fail(new RequestFailure(incoming.failure))
  else request.settle(incoming.output)
}
