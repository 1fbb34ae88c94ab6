/**
 * The project's model while the engine runs: started when it is first needed, started again when its process dies,
 * with a growing pause, and given up after three deaths in a row without progress between them.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { LoadedModel } from '../../contract/entities.ts'
import { StudioError } from '../../contract/errors.ts'
import type { Prompt } from '../../model-host/messages.ts'
import type { Project } from '../project/project.ts'
import { HostClient, type LaunchHost } from './host-client.ts'
import { inspectModel } from './inspect.ts'
import { checksumOf } from './checksum.ts'
import { batchTokens, contextTokens, sequences } from './room.ts'
import { rememberedThreads, rememberThreads } from './thread-memory.ts'

const maxDeaths = 3
const firstPause = 500 // milliseconds; doubled each time

export interface ModelEvents {
  loaded(model: LoadedModel | null, note: string): void
  /** Its process ended by itself and is started again. */
  died(text: string): void
}

export class Models {
  readonly #launch: LaunchHost
  readonly #cacheDirectory: string
  readonly #events: ModelEvents
  #client: Promise<HostClient> | null = null
  #file: string | null = null

  constructor(launch: LaunchHost, cacheDirectory: string, events: ModelEvents) {
    this.#launch = launch
    this.#cacheDirectory = cacheDirectory
    this.#events = events
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
    this.#file = null
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
    if (!facts.fits) {
      const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`
      throw new StudioError('not-enough-memory', `${file} needs about ${gigabytes(facts.memoryNeeded)} of memory and ${gigabytes(facts.memoryAvailable)} are free`)
    }
    this.#events.loaded(null, 'Loading the model')
    const sha256 = await checksumOf(file, this.#cacheDirectory)
    const remembered = rememberedThreads(this.#cacheDirectory, sha256)
    const client = await HostClient.start(this.#launch, { file, sha256, contextTokens, sequences, batchTokens, threads: remembered?.threads ?? null })
    const loaded = remembered === null ? client.loaded : { ...client.loaded, threadMeasurement: remembered.measurement }
    if (remembered === null) rememberThreads(this.#cacheDirectory, sha256, { threads: loaded.threads, measurement: loaded.threadMeasurement })
    this.#events.loaded(loaded, 'Ready')
    return client
  }
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
