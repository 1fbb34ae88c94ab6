/**
 * Answers that a value function steers while it is still being trained, beside those of the base model: a few unseen
 * prompts, one seed, RE-Control. The training does not wait for them: while some are written, epochs go by, and only the
 * newest snapshot is taken next. So which epochs are shown depends on the machine; the training itself does not.
 * They lie in states/training-<job>.samples.json, written as a whole, until the value function has them.
 */
import { join } from 'node:path'
import { mean } from 'simple-statistics'
import type { Message } from '../../contract/data.ts'
import { sampling } from '../../contract/shared.ts'
import { trainingSamples, type TrainingSamples, type TrainSettings } from '../../contract/value.ts'
import { toFailure } from '../../contract/errors.ts'
import type { ControlInput, FinishedEvent } from '../../model-host/messages/generate.ts'
import type { TrainOutput } from '../../model-host/messages/train.ts'
import type { JobContext } from '../jobs/runner.ts'
import { keep, readKept } from '../kept-json.ts'
import type { HostClient } from '../models/host-client.ts'
import type { Models } from '../models/models.ts'
import type { Project } from '../project/project.ts'

const prompts = 3
const maxTokens = 64
/** more are thinned out */
const mostEpochs = 24
const network = 'training'

export interface SamplesTell {
  /** all so far */
  samples(event: { job: number; samples: TrainingSamples }): void
  warn(text: string): void
}

export class Sampler {
  readonly #models: Models
  readonly #project: Project
  readonly #job: JobContext
  readonly #settings: TrainSettings
  readonly #file: string
  readonly #tell: SamplesTell
  readonly #messages: Message[][]
  #samples: TrainingSamples
  #writing: Promise<void> | null = null
  #failed = false

  /** @param unseen responses whose prompts can be taken where the data set holds none out; null where there is no prompt at all */
  static open(project: Project, models: Models, job: JobContext, settings: TrainSettings, unseen: { example: number }[], tell: SamplesTell): Sampler | null {
    const { dataset } = project.collections.get(settings.collection)
    const heldOut = project.datasets.tasks(dataset, 'held-out', prompts)
    const examples = [...new Set(unseen.map(({ example }) => example))].slice(0, prompts)
    const tasks = heldOut.length > 0 ? heldOut : examples.length > 0 ? examples.map((example) => project.datasets.task(example)) : project.datasets.tasks(dataset, null, prompts)
    return tasks.length === 0 ? null : new Sampler(project, models, job, settings, tasks.map(({ prompt, messages }) => ({ prompt, messages })), tell)
  }

  private constructor(project: Project, models: Models, job: JobContext, settings: TrainSettings, tasks: { prompt: string; messages: Message[] }[], tell: SamplesTell) {
    this.#project = project
    this.#models = models
    this.#job = job
    this.#settings = settings
    this.#tell = tell
    this.#file = join(project.statesDirectory, `training-${job.id}.samples.json`)
    this.#messages = tasks.map(({ messages }) => messages)
    const none: TrainingSamples = { alpha: settings.samplesAlpha, updates: settings.samplesUpdates, prompts: tasks.map(({ prompt }) => prompt), base: [], epochs: [] }
    const before = readKept(this.#file, trainingSamples, none)
    this.#samples = JSON.stringify(before.prompts) === JSON.stringify(none.prompts) ? before : none
    if (this.#samples.epochs.length > 0) tell.samples({ job: job.id, samples: this.#samples })
  }

  /** After an epoch: takes the host's snapshot if nothing is being written. */
  look(host: HostClient): void {
    if (this.#failed) return
    this.#writing ??= this.#take(host).catch((error: unknown) => this.#complain(host, error)).finally(() => (this.#writing = null))
  }

  /**
   * With those of the kept epoch, whatever was asked for before. null where even that could not be
   * @throws StudioError 'cancelled'
   */
  async finish({ best, scale }: TrainOutput, inputDim: number): Promise<TrainingSamples | null> {
    await this.#writing
    const known = this.#samples.epochs.some(({ epoch }) => epoch === best.epoch)
    try {
      if (!known) {
        await this.#models.withHost(this.#project, async (host) => {
          // a name of its own: the host keeps what was sent under one
          const name = `training-${this.#job.id}`
          await host.setNetwork(name, () => ({ inputDim, layers: best.layers }))
          await this.#write(host, name, best.epoch, scale)
        }, this.#job.signal)
      }
    } catch (error) {
      this.#job.signal.throwIfAborted()
      this.#tell.warn(`The kept epoch steered no answers: ${toFailure(error).message}`)
    }
    return this.#samples.epochs.length === 0 ? null : this.#samples
  }

  async #take(host: HostClient): Promise<void> {
    const snapshot = await host.request('train.snapshot', { name: network }, { signal: this.#job.signal })
    if (snapshot !== null) await this.#write(host, network, snapshot.epoch, snapshot.scale)
  }

  async #write(host: HostClient, name: string, epoch: number, scale: number): Promise<void> {
    const { samplesAlpha, samplesUpdates } = this.#settings
    if (this.#samples.base.length === 0) this.#samples = { ...this.#samples, base: (await this.#generate(host, null)).map(({ text }) => text) }
    // alpha is in units of the standardised states
    const answers = await this.#generate(host, { network: name, stepSize: samplesAlpha * scale ** 2, updates: samplesUpdates, target: null, tolerance: 0, maxEdit: null })
    const epochs = [...this.#samples.epochs.filter((one) => one.epoch !== epoch), { epoch, answers }].sort((a, b) => a.epoch - b.epoch)
    this.#samples = { ...this.#samples, epochs: epochs.length <= mostEpochs ? epochs : epochs.filter((_, i) => i % 2 === (epochs.length - 1) % 2) }
    keep(this.#file, this.#samples)
    this.#tell.samples({ job: this.#job.id, samples: this.#samples })
  }

  /** One answer a prompt; what could not be answered is an empty text. */
  async #generate(host: HostClient, control: ControlInput | null): Promise<TrainingSamples['epochs'][number]['answers']> {
    const finished = new Map<number, FinishedEvent>()
    const requests = this.#messages.map((messages, key) => ({ key, prompt: { messages }, sampling: sampling.parse({}), seed: this.#settings.seed, maxTokens, control }))
    await host.request('generate', { requests, parallel: requests.length, states: false, tokens: false, deterministic: false }, {
      signal: this.#job.signal,
      onEvent: (event) => void (event.kind === 'finished' && finished.set(event.key, event))
    })
    const meanOf = (numbers: Float32Array): number | null => (numbers.length === 0 ? null : mean(Array.from(numbers)))
    return requests.map(({ key }) => {
      const event = finished.get(key)
      return event === undefined ? { text: '', valueBefore: null, valueAfter: null, edit: null } : { text: event.text, valueBefore: meanOf(event.valueBefore), valueAfter: meanOf(event.valueAfter), edit: meanOf(event.edits) }
    })
  }

  /** Said once; the training goes on. A host that died, or a training that was stopped, is no fault of the samples. */
  #complain(host: HostClient, error: unknown): void {
    if (this.#job.signal.aborted || !host.alive) return
    this.#failed = true
    this.#tell.warn(`No more answers are steered during this training: ${toFailure(error).message}`)
  }
}
