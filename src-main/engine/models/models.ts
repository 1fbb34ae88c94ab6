/**
 * The project's model while the engine runs: started when it is first needed, started again when its process dies,
 * with a growing pause, and given up after three deaths in a row without progress between them.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { Backend, DeviceCandidate, DeviceChoice, LoadedModel, LoadPlan } from '../../contract/device.ts'
import { StudioError } from '../../contract/errors.ts'
import type { Prompt } from '../../model-host/messages.ts'
import type { Project } from '../project/project.ts'
import { backendTitles, openBackend, probeBackends } from './backends.ts'
import { checksumOf, knownChecksum } from './checksum.ts'
import { keepDeviceChoice, readDeviceChoice } from './device-choice.ts'
import type { HostClient, LaunchHost } from './host-client.ts'
import { inspectModel } from './inspect.ts'
import { rememberBatch, rememberedBatch, rememberedThreads, rememberThreads } from './measured.ts'
import { checkMemory, planLoad, planOn } from './plan.ts'
import { contextTokens, sequences } from './room.ts'

const maxDeaths = 3
const firstPause = 500 // milliseconds; doubled each time

export interface ModelEvents {
  loaded(model: LoadedModel | null, note: string): void
  /** Its process ended by itself and is started again. */
  died(text: string): void
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

  constructor(launch: LaunchHost, directories: ModelDirectories, events: ModelEvents) {
    this.#launch = launch
    this.#directories = directories
    this.#events = events
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
    void this.#client?.then((client) => client.kill(), () => {})
    this.#client = null
  }

  /**
   * Runs `work` with the host and runs it again when the host dies under it. `work` must go on from what it has
   * kept, and say so through `progressed`, which counts as a fresh start.
   */
  async withHost<T>(project: Project, work: (host: HostClient, progressed: () => void) => Promise<T>, signal?: AbortSignal): Promise<T> {
    let deaths = 0
    for (;;) {
      try {
        return await work(await this.use(project), () => (deaths = 0))
      } catch (error) {
        if (!(error instanceof StudioError) || error.code !== 'model-host-exited' || signal?.aborted === true) throw error
        deaths++
        if (deaths >= maxDeaths) {
          throw new StudioError('model-host-exited', `${error.message} ${deaths} times in a row; what was finished is kept, and the job can be resumed`, { retryable: true })
        }
        this.#events.died(`${sentence(error.message)}. What was finished is kept; starting it again (${deaths} of ${maxDeaths - 1})`)
        await pause(firstPause * 2 ** (deaths - 1), undefined, { signal }).catch(() => {
          throw new StudioError('cancelled', 'stopped')
        })
      }
    }
  }

  async render(project: Project, prompt: Prompt): Promise<{ text: string; tokens: number }> {
    return (await this.use(project)).request('render', { prompt })
  }

  async #start(file: string): Promise<HostClient> {
    const facts = await inspectModel(file)
    this.#events.loaded(null, 'Loading the model')
    const { cacheDirectory } = this.#directories
    const sha256 = await checksumOf(file, cacheDirectory)
    const { choice } = this
    const { client, backend, candidates } = await openBackend(this.#launch, choice.device, this.#failed)
    try {
      const plan = planOn(backend, facts, sha256, choice, candidates, cacheDirectory)
      checkMemory(file, plan)
      const { threads, batchTokens, gpuLayers, reason } = plan
      const of = { sha256, backend: plan.backend, gpuLayers }
      const threadsBefore = choice.threads === null ? rememberedThreads(cacheDirectory, of) : null
      const batchBefore = choice.batchTokens === null && threads !== null ? rememberedBatch(cacheDirectory, of, threads) : null
      const loaded = await client.load(
        { file, sha256, contextTokens, sequences, batchTokens, threads, gpuLayers },
        {
          backend: plan.backend, reason, candidates,
          ...(threadsBefore && { threadMeasurement: threadsBefore.measurement }),
          ...(batchBefore && { batchMeasurement: batchBefore.measurement })
        }
      )
      if (threads === null) rememberThreads(cacheDirectory, of, { chosen: loaded.threads, measurement: loaded.threadMeasurement })
      if (batchTokens === null) rememberBatch(cacheDirectory, of, loaded.threads, { chosen: loaded.batchTokens, measurement: loaded.batchMeasurement })
      this.#events.loaded(loaded, 'Ready')
      return client
    } catch (error) {
      client.kill()
      // what the person chose is not changed behind their back; otherwise the next backend takes over, the processor at last
      const isDevices = error instanceof StudioError && (error.code === 'not-usable' || error.code === 'model-host-exited')
      if (!isDevices || backend === 'cpu' || choice.device !== 'auto') throw error
      this.#failed.set(backend, `it could not load this model: ${error.message}`)
      this.#events.died(`${backendTitles[backend]} could not load the model (${error.message}); trying without it`)
      return this.#start(file)
    }
  }
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
