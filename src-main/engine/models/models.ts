/**
 * The project's model while the engine runs: started when it is first needed, and started again when its process dies.
 * Beside it there can be others, for as long as something is done with them.
 */
import { basename, resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Backend, DeviceCandidate, DeviceChoice, LoadedModel, LoadPlan } from '../../contract/device.ts'
import { StudioError } from '../../contract/errors.ts'
import type { LoadInput, Prompt, RenderOutput } from '../../model-host/messages/model.ts'
import type { Project } from '../project/project.ts'
import { probeBackends } from './backends.ts'
import { knownChecksum } from './checksum.ts'
import { survivingDeaths } from './deaths.ts'
import { keepDeviceChoice, readDeviceChoice } from './device-choice.ts'
import { HostClient, type LaunchHost } from './host-client.ts'
import { availableMemory, inspectModel } from './inspect.ts'
import { loadModel } from './load.ts'
import { checkMemory, planLoad, roomBeside } from './plan.ts'
import { modelBytes } from './split.ts'

/** A killed process gives its memory back a moment later. */
const waitMs = 100
const mostWaitMs = 5000
const tellEveryMs = 500

export interface SecondModel {
  use<T>(work: (host: HostClient, progressed: () => void) => Promise<T>): Promise<T>
  close(): void
}

interface Second {
  /** of its weights in the machine's memory */
  bytes: number
}

export interface ModelEvents {
  loaded(model: LoadedModel | null, note: string): void
  /** A model's process ended by itself and is started again. */
  died(text: string, which: 'project' | 'second'): void
}

export interface ModelDirectories {
  cacheDirectory: string
  dataDirectory: string
}

export class Models {
  readonly #launch: LaunchHost
  readonly #directories: ModelDirectories
  readonly #events: ModelEvents
  #client: Promise<HostClient> | null = null
  #file: string | null = null
  #override: Partial<DeviceChoice> = {}
  #candidates: Promise<DeviceCandidate[]> | null = null
  /** Backends that could not load the model, and why: they are not tried again until something else is chosen. */
  #failed = new Map<Backend, string>()
  /** of the project's model: its weights in the machine's memory, and all that it takes there */
  #needed = { bytes: 0, memory: 0 }
  /** ends the loading of the project's model */
  #loading = new AbortController()
  readonly #seconds = new Set<Second>()

  constructor(launch: LaunchHost, directories: ModelDirectories, events: ModelEvents) {
    this.#launch = launch
    this.#directories = directories
    this.#events = events
  }

  /** models, checksums, measurements: what can be made again */
  get cacheDirectory(): string {
    return this.#directories.cacheDirectory
  }

  /** How models are to run: as it is kept for this machine, with what was set for this run. */
  get choice(): DeviceChoice {
    return { ...readDeviceChoice(this.#directories.dataDirectory), ...this.#override }
  }

  /** Keeps the choice for this machine; the model is loaded anew when it is next used. */
  choose(choice: DeviceChoice): void {
    keepDeviceChoice(this.#directories.dataDirectory, choice)
    this.#failed.clear()
    this.unload()
  }

  /** For this run only, before anything is loaded. */
  override(choice: Partial<DeviceChoice>): void {
    this.#override = choice
  }

  /** Every backend's verdict; they are asked once while the engine runs. */
  candidates(): Promise<DeviceCandidate[]> {
    return (this.#candidates ??= probeBackends(this.#launch))
  }

  /** Other backends are here than before: all are asked anew, and those that failed are tried again. */
  backendsChanged(): void {
    this.#candidates = null
    this.#failed.clear()
  }

  /** How a model would be loaded now. @throws StudioError 'not-found' or 'not-usable' */
  async plan(file: string): Promise<LoadPlan> {
    const facts = await inspectModel(file)
    const { cacheDirectory } = this.#directories
    return planLoad(facts, knownChecksum(file, cacheDirectory), this.choice, await this.candidates(), cacheDirectory)
  }

  /** The host with the project's model in it. @throws StudioError 'no-model', 'not-usable', 'not-enough-memory' */
  async use(project: Project): Promise<HostClient> {
    const file = project.modelFile
    if (file === null) throw new StudioError('no-model', 'this project has no model yet: choose one in the stage Model, or with project new --model')
    const current = this.#client
    if (current !== null && this.#file === file) {
      const client = await current.catch(() => null)
      if (client?.alive === true) return client
      if (this.#client !== current) return this.use(project) // somebody else has started a new one meanwhile
    }
    if (this.#file !== file) this.#failed.clear()
    this.unload()
    this.#file = file
    this.#client = this.#start(file)
    return this.#client
  }

  get loaded(): Promise<LoadedModel | null> {
    return this.#client === null ? Promise.resolve(null) : this.#client.then((c) => (c.alive ? c.loaded : null), () => null)
  }

  unload(): void {
    this.#loading.abort()
    void this.#client?.then((client) => client.kill(), () => {})
    this.#client = null
  }

  /**
   * Runs `work` with the host and runs it again when the host dies under it. `work` must go on from what it has
   * kept, and say so through `progressed`, which counts as a fresh start.
   */
  async withHost<T>(project: Project, work: (host: HostClient, progressed: () => void) => Promise<T>, signal?: AbortSignal): Promise<T> {
    return survivingDeaths(async (progressed) => work(await unlessAborted(this.use(project), signal), progressed), (text) => this.#events.died(text, 'project'), signal)
  }

  /**
   * A model beside the project's, in a process of its own until it is closed. Where both do not fit, the project's is
   * unloaded, unless it is at work. The death of its process is an error of the request that runs, for the caller.
   * @param scores what it is read with, where it is to give rewards or embeddings and not text
   * @throws StudioError 'not-found', 'not-usable', 'not-enough-memory', 'model-host-exited' or 'cancelled'
   */
  async openSecond(file: string, signal: AbortSignal, scores?: LoadInput['scores']): Promise<{ host: HostClient; close(): void }> {
    const path = resolve(file)
    const second: Second = { bytes: 0 }
    this.#seconds.add(second)
    try {
      const host = await loadModel(path, {
        launch: this.#launch,
        cacheDirectory: this.#directories.cacheDirectory,
        choice: this.choice,
        scores, signal,
        failed: new Map(),
        makeRoom: async (plan) => {
          await this.#makeRoom(path, plan, this.#besides(second))
          second.bytes = mappedBytes(path, plan)
        },
        warn: (text) => this.#events.died(text, 'second')
      })
      const close = (): void => {
        signal.removeEventListener('abort', close)
        this.#seconds.delete(second)
        host.kill()
      }
      signal.addEventListener('abort', close)
      if (signal.aborted) close()
      return { host, close }
    } catch (error) {
      this.#seconds.delete(second)
      throw signal.aborted ? new StudioError('cancelled', 'stopped') : error
    }
  }

  /**
   * A second model for as long as it is needed: opened when it is first used, and again when its process dies under
   * `use`, whose work is as that of `withHost`.
   */
  second(file: string, signal: AbortSignal, scores?: LoadInput['scores']): SecondModel {
    let current: Awaited<ReturnType<Models['openSecond']>> | null = null
    const close = (): void => {
      current?.close()
      current = null
    }
    const host = async (): Promise<HostClient> => {
      if (current?.host.alive !== true) {
        close()
        current = await this.openSecond(file, signal, scores)
      }
      return current.host
    }
    return {
      close,
      use: (work) => survivingDeaths(async (progressed) => work(await host(), progressed), (text) => this.#events.died(text, 'second'), signal)
    }
  }

  async render(project: Project, prompt: Prompt): Promise<{ text: string; tokens: number }> {
    return (await this.use(project)).request('render', { prompt })
  }

  /** What a model would get, by its file's own vocabulary and template; its weights are not loaded. */
  async renderBy(file: string, prompt: Prompt, signal: AbortSignal): Promise<RenderOutput> {
    await inspectModel(file) // llama.cpp can abort on what is no model
    return this.withoutModel((host) => host.request('render.file', { file: resolve(file), prompt }, { signal }))
  }

  /** A host without a model, for as long as `work` needs it: what it does needs none, or only the vocabulary of a file. */
  async withoutModel<T>(work: (host: HostClient) => Promise<T>): Promise<T> {
    const host = HostClient.launch(this.#launch)
    try {
      return await work(host)
    } finally {
      host.kill()
    }
  }

  async #start(file: string): Promise<HostClient> {
    this.#events.loaded(null, 'Loading the model')
    const { signal } = (this.#loading = new AbortController())
    let told = performance.now()
    const client = await loadModel(file, {
      launch: this.#launch,
      cacheDirectory: this.#directories.cacheDirectory,
      choice: this.choice,
      failed: this.#failed,
      makeRoom: (plan) => {
        checkMemory(file, plan, this.#besides())
        this.#needed = { bytes: mappedBytes(file, plan), memory: plan.memoryNeeded }
      },
      warn: (text) => this.#events.died(text, 'project'),
      reading: (done, total) => {
        if (performance.now() - told < tellEveryMs) return
        told = performance.now()
        this.#events.loaded(null, `Computing the file's checksum, ${Math.floor((100 * done) / total)} %`)
      },
      signal
    })
    this.#events.loaded(client.loaded, 'Ready')
    return client
  }

  /** Room for a second model beside the project's, or instead of it. @throws StudioError 'not-enough-memory' */
  async #makeRoom(file: string, plan: LoadPlan, besides: number): Promise<void> {
    const steered = await this.#client?.catch(() => null)
    const project = steered?.alive === true ? { ...this.#needed, busy: steered.busy } : null
    if (roomBeside({ needed: plan.memoryNeeded + besides, available: plan.memoryAvailable, project }) === 'unload') {
      this.unload()
      this.#events.loaded(null, `Unloaded to make room for ${basename(file)}`)
      for (let waited = 0; waited < mostWaitMs && plan.memoryNeeded + besides > availableMemory(); waited += waitMs) await pause(waitMs)
      checkMemory(file, { ...plan, memoryAvailable: availableMemory() }, besides)
    } else checkMemory(file, plan, besides + (project?.bytes ?? 0))
  }

  /** Bytes of the second models, which the system may count as free. */
  #besides(except?: Second): number {
    return [...this.#seconds].reduce((sum, second) => sum + (second === except ? 0 : second.bytes), 0)
  }
}

/** Others may wait for the same model: it is loaded on when one of them gives up. @throws StudioError 'cancelled' by the signal */
async function unlessAborted<T>(loading: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return loading
  const given = Promise.withResolvers<never>()
  const giveUp = (): void => given.reject(new StudioError('cancelled', 'stopped'))
  if (signal.aborted) giveUp()
  signal.addEventListener('abort', giveUp)
  try {
    return await Promise.race([loading, given.promise])
  } finally {
    signal.removeEventListener('abort', giveUp)
    given.promise.catch(() => {})
    loading.catch(() => {})
  }
}

/** Bytes of the weights that stay in the machine's memory. */
function mappedBytes(file: string, { memoryNeeded }: LoadPlan): number {
  return Math.min(memoryNeeded, modelBytes(file))
}
