/** The engine's end of a model host: requests, events while they run, cancellation, and what happens when it dies. */
import type { LoadedModel } from '../../contract/device.ts'
import { fromFailure, StudioError } from '../../contract/errors.ts'
import type { Adapter } from '../../model-host/messages/generate.ts'
import type { FromHost, HostMethod, HostMethods, ToHost } from '../../model-host/messages/methods.ts'

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

/**
 * How long a request that was cancelled may go on. A step of a large model takes seconds; a host that has not answered
 * by then hangs, and is ended: it holds nothing that cannot be made again.
 */
const patienceMs = 15_000

interface Pending {
  cancelled: boolean
  resolve(output: unknown): void
  reject(error: Error): void
  onEvent(event: unknown): void
}

export type HostedModel = LoadedModel & { stateSize: number }

export class HostClient {
  readonly #process: HostProcess
  readonly #pending = new Map<number, Pending>()
  readonly #sentNetworks = new Set<string>()
  readonly #sentAdapters = new Set<string>()
  #loaded: HostedModel | null = null
  #nextId = 1
  #exit: string | null = null

  private constructor(process: HostProcess) {
    this.#process = process
    process.onMessage((message) => receive(this.#pending, message, (id) => process.send({ id, cancel: true })))
    process.onExit((reason) => this.#ended(reason))
  }

  /** Starts a host, which has nothing open and nothing loaded yet. */
  static launch(launch: LaunchHost): HostClient {
    return new HostClient(launch())
  }

  /**
   * @param known what the engine knows of it: why it is loaded there, and what was measured before
   * @throws StudioError 'not-usable' or 'model-host-exited'
   */
  async load(input: HostMethods['load']['input'], known: Pick<LoadedModel, 'backend' | 'reason' | 'candidates'> & Partial<LoadedModel>): Promise<HostedModel> {
    return (this.#loaded = { ...(await this.request('load', input)), ...known })
  }

  get loaded(): HostedModel {
    if (this.#loaded === null) throw new StudioError('no-model', 'no model is loaded')
    return this.#loaded
  }

  get alive(): boolean {
    return this.#exit === null
  }

  /** Whether a request runs. */
  get busy(): boolean {
    return this.#pending.size > 0
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
      this.#pending.set(id, { cancelled: false, resolve, reject, onEvent: (event) => options.onEvent?.(event as HostMethods[M]['event']) })
      this.#process.send({ id, method, input } as ToHost)
    })
    let patience: NodeJS.Timeout | undefined
    const cancel = (): void => {
      const request = this.#pending.get(id)
      if (request === undefined) return
      request.cancelled = true
      this.#process.send({ id, cancel: true })
      patience = setTimeout(() => this.#giveUp(), patienceMs)
    }
    options.signal?.addEventListener('abort', cancel)
    return result.finally(() => {
      clearTimeout(patience)
      options.signal?.removeEventListener('abort', cancel)
    }) as Promise<HostMethods[M]['output']>
  }

  /** Makes sure that the host has this value function's weights. */
  async setNetwork(name: string, read: () => HostMethods['network.set']['input']['network']): Promise<void> {
    if (this.#sentNetworks.has(name)) return
    await this.request('network.set', { name, network: read() })
    this.#sentNetworks.add(name)
  }

  /** Makes sure that the host has this adapter. @throws also what `read` throws */
  async setAdapter(name: string, read: () => Promise<Adapter>): Promise<void> {
    if (this.#sentAdapters.has(name)) return
    await this.request('adapter.set', { name, adapter: await read() })
    this.#sentAdapters.add(name)
  }

  kill(): void {
    this.#exit ??= 'was stopped'
    this.#process.kill()
    for (const { reject } of this.#pending.values()) reject(new StudioError('cancelled', 'the model was unloaded'))
    this.#pending.clear()
  }

  #giveUp(): void {
    this.#process.kill()
    this.#ended(`did not stop within ${patienceMs / 1000} s and was ended`)
  }

  /** What was cancelled has got what it wanted; the others' work is lost. */
  #ended(reason: string): void {
    this.#exit = reason
    const error = new StudioError('model-host-exited', `the model's process ${reason}`, { retryable: true })
    for (const { cancelled, reject } of this.#pending.values()) reject(cancelled ? new StudioError('cancelled', 'stopped') : error)
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
