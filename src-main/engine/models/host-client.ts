/** The engine's end of a model host: requests, events while they run, cancellation, and what happens when it dies. */
import type { LoadedModel } from '../../contract/entities.ts'
import { fromFailure, StudioError } from '../../contract/errors.ts'
import type { FromHost, HostMethod, HostMethods, ToHost } from '../../model-host/messages.ts'

/** A running model host process, however it was started. */
export interface HostProcess {
  send(message: ToHost): void
  onMessage(handle: (message: FromHost) => void): void
  /** Called once; `reason` says how it ended ("was killed by SIGKILL"). */
  onExit(handle: (reason: string) => void): void
  kill(): void
}

/** Starts a model host; the app's supervisor and the terminal each have their own way. */
export type LaunchHost = () => HostProcess

interface Pending {
  resolve(output: unknown): void
  reject(error: Error): void
  onEvent(event: unknown): void
}

export class HostClient {
  readonly loaded: LoadedModel & { stateSize: number }
  readonly #process: HostProcess
  readonly #pending: Map<number, Pending>
  readonly #sentNetworks = new Set<string>()
  #nextId: number
  #exit: string | null = null

  private constructor(process: HostProcess, pending: Map<number, Pending>, loaded: LoadedModel & { stateSize: number }) {
    this.#process = process
    this.#pending = pending
    this.#nextId = 1
    this.loaded = loaded
    process.onExit((reason) => (this.#exit = reason))
  }

  /** Starts a host and loads the model in it. @throws StudioError 'not-usable' or 'model-host-exited' */
  static async start(launch: LaunchHost, input: HostMethods['load']['input']): Promise<HostClient> {
    const process = launch()
    const pending = new Map<number, Pending>()
    process.onMessage((message) => receive(pending, message, (id) => process.send({ id, cancel: true })))
    process.onExit((reason) => {
      const error = new StudioError('model-host-exited', `the model's process ${reason}`, { retryable: true })
      for (const { reject } of pending.values()) reject(error)
      pending.clear()
    })
    try {
      const loaded = await new Promise<unknown>((resolve, reject) => {
        pending.set(0, { resolve, reject, onEvent: () => {} })
        process.send({ id: 0, method: 'load', input })
      })
      return new HostClient(process, pending, loaded as HostMethods['load']['output'])
    } catch (error) {
      process.kill()
      throw error
    }
  }

  get alive(): boolean {
    return this.#exit === null
  }

  request<M extends HostMethod>(
    method: M,
    input: HostMethods[M]['input'],
    options: { onEvent?: (event: HostMethods[M]['event']) => void; signal?: AbortSignal } = {}
  ): Promise<HostMethods[M]['output']> {
    if (this.#exit !== null) return Promise.reject(new StudioError('model-host-exited', `the model's process ${this.#exit}`, { retryable: true }))
    if (options.signal?.aborted === true) return Promise.reject(new StudioError('cancelled', 'stopped'))
    const id = this.#nextId++
    const result = new Promise<unknown>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject, onEvent: (event) => options.onEvent?.(event as HostMethods[M]['event']) })
      this.#process.send({ id, method, input } as ToHost)
    })
    const cancel = (): void => this.#process.send({ id, cancel: true })
    options.signal?.addEventListener('abort', cancel)
    return result.finally(() => options.signal?.removeEventListener('abort', cancel)) as Promise<HostMethods[M]['output']>
  }

  /** Makes sure that the host has this value function's weights. */
  async setNetwork(name: string, read: () => HostMethods['network.set']['input']['network']): Promise<void> {
    if (this.#sentNetworks.has(name)) return
    await this.request('network.set', { name, network: read() })
    this.#sentNetworks.add(name)
  }

  kill(): void {
    this.#exit ??= 'was stopped'
    this.#process.kill()
    for (const { reject } of this.#pending.values()) reject(new StudioError('cancelled', 'the model was unloaded'))
    this.#pending.clear()
  }
}

/** What a handler of events throws (a full disk, say) ends its request, not this process. */
function receive(pending: Map<number, Pending>, message: FromHost, cancel: (id: number) => void): void {
  const request = pending.get(message.id)
  if (request === undefined) return
  if ('event' in message) {
    try {
      request.onEvent(message.event)
    } catch (error) {
      pending.delete(message.id)
      cancel(message.id)
      request.reject(error instanceof Error ? error : new Error(String(error)))
    }
    return
  }
  pending.delete(message.id)
  if ('failure' in message) request.reject(fromFailure(message.failure))
  else request.resolve(message.output)
}
