/** The product without a window: one open project, its model, its jobs. Window and terminal both drive this. */
import { join } from 'node:path'
import type { EventName, EventPayload, MethodName, Output, Parsed } from '../contract/methods.ts'
import type { FurtherBackendId } from '../contract/device.ts'
import type { ModelDownload } from '../contract/models.ts'
import { StudioError, toFailure } from '../contract/errors.ts'
import { AskedFor } from './asked-for.ts'
import { collectWork } from './collect/collect.ts'
import { AnswerReader } from './control/answer-reader.ts'
import { Chat } from './control/chat.ts'
import { exportWork } from './data/export.ts'
import { fetchDataWork } from './data/hub/fetch.ts'
import { importWork } from './data/import.ts'
import { evaluateWork } from './evaluate/evaluate.ts'
import { JobRunner } from './jobs/runner.ts'
import { backendTitles } from './models/backends.ts'
import { Downloads } from './models/downloads/downloads.ts'
import { removeBackend } from './models/fetch-backend.ts'
import { kinds } from './models/further-backends.ts'
import type { LaunchHost } from './models/host-client.ts'
import { inspectModel } from './models/inspect.ts'
import { Library } from './models/library.ts'
import { Models } from './models/models.ts'
import { firstPartOf } from './models/split.ts'
import { preferenceWork } from './preference/train.ts'
import { Project } from './project/project.ts'
import { rewardWork } from './reward/label.ts'
import { Secrets, type Keychain } from './secrets.ts'
import { LocalServer } from './server/local-server.ts'
import { exportStatesWork } from './states/export.ts'
import { importStatesWork } from './states/import.ts'
import { trainWork } from './value/train.ts'
import { ValueReader } from './value/value-reader.ts'

export type Tell = <N extends EventName>(event: N, payload: EventPayload<N>) => void

/** What only a window can do; the terminal has none of it. */
export interface Shell {
  ask<M extends 'dialog.directory' | 'dialog.file' | 'dialog.save'>(method: M, input: Parsed<M>): Promise<Output<M>>
  openFile(path: string): Promise<void>
  showLog(): Promise<void>
  /** The window has nothing left to ask for before the app ends. */
  readyToQuit(): void
  keychain: Keychain
}

export interface EngineOptions {
  launchHost: LaunchHost
  /** models, checksums, measurements: what can be made again */
  cacheDirectory: string
  /** the sample project, the list of recent projects, how models are to run on this machine */
  dataDirectory: string
  /** resources/ of the checkout or the package */
  resourcesDirectory: string
  tell: Tell
  shell?: Shell
}

export class Engine {
  readonly options: EngineOptions
  readonly models: Models
  readonly secrets: Secrets
  /** commands and endpoints */
  readonly asked: AskedFor
  readonly jobs: JobRunner
  readonly downloads: Downloads
  readonly library: Library
  readonly chat: Chat
  readonly reader: AnswerReader
  readonly valueReader: ValueReader
  readonly server: LocalServer
  #project: Project | null = null
  /** the day's first backup of the open project */
  #daily: { done: Promise<unknown>; abort: AbortController } | null = null

  constructor(options: EngineOptions) {
    const { tell } = options
    this.options = options
    this.secrets = new Secrets(options.dataDirectory, options.shell?.keychain ?? null)
    this.asked = new AskedFor(options.dataDirectory)
    this.models = new Models(options.launchHost, options, {
      loaded: (loaded, note) => tell('model', { loaded, note }),
      died: (text, which) => {
        if (which === 'project') tell('model', { loaded: null, note: 'Starting again' })
        tell('notice', { level: 'warning', text })
      }
    })
    this.downloads = new Downloads(options, {
      changed: (downloads) => tell('model.downloads', downloads),
      finished: (download) => void this.#downloaded(download),
      warn: (text) => tell('notice', { level: 'warning', text })
    })
    this.library = new Library(options, async () => ({ choice: this.models.choice, candidates: await this.models.candidates() }), (library) => tell('model.library', library))
    this.chat = new Chat(this.models, this.secrets, this.asked, {
      token: (event) => tell('chat.token', event),
      pane: (event) => tell('chat.pane', event),
      done: (event) => tell('chat.done', event)
    })
    this.reader = new AnswerReader(this.models)
    this.valueReader = new ValueReader(this.models, (progress) => tell('value.progress', progress))
    this.server = new LocalServer(this, options.dataDirectory, (state) => tell('server', state))
    this.jobs = new JobRunner(
      {
        'fetch-data': fetchDataWork(options.cacheDirectory),
        import: importWork(options.cacheDirectory),
        export: exportWork,
        collect: collectWork(this.models, (sample) => tell('collect.sample', sample)),
        'export-states': exportStatesWork(),
        'import-states': importStatesWork(options.cacheDirectory, (text) => tell('notice', { level: 'warning', text })),
        reward: rewardWork(this.models, this.secrets, this.asked),
        preference: preferenceWork(this.models),
        train: trainWork(this.models, { epoch: (event) => tell('train.epoch', event), samples: (event) => tell('train.samples', event), warn: (text) => tell('notice', { level: 'warning', text }) }),
        evaluate: evaluateWork(this.models, this.secrets, this.asked)
      },
      (job) => {
        tell('job', job)
        if (job.state !== 'running') this.tellProject()
      }
    )
  }

  /** @throws StudioError 'no-project' */
  get project(): Project {
    if (this.#project === null) throw new StudioError('no-project', 'no project is open')
    return this.#project
  }

  get hasProject(): boolean {
    return this.#project !== null
  }

  get sampleDirectory(): string {
    return join(this.options.dataDirectory, 'Sample project')
  }

  /** Closes what was open. @throws what Project.open throws; then nothing is open */
  async open(openProject: () => Project): Promise<Project> {
    await this.close()
    this.#project = openProject()
    this.jobs.setProject(this.#project)
    const { swept } = this.#project
    if (swept.removed + swept.setAside > 0) this.options.tell('project.swept', swept)
    this.tellProject()
    const abort = new AbortController()
    this.#daily = { abort, done: this.#project.backUpDaily(abort.signal) }
    return this.#project
  }

  async close(): Promise<void> {
    if (this.#project === null) return
    this.chat.stop()
    this.reader.stop()
    this.valueReader.stop()
    await this.chat.idle()
    await this.server.release()
    await this.jobs.pauseAll()
    this.jobs.setProject(null)
    this.models.unload()
    this.#daily?.abort.abort()
    await this.backedUp()
    this.#project.close()
    this.#project = null
    this.options.tell('project', null)
  }

  /** After the day's first backup, where one is being made. */
  async backedUp(): Promise<void> {
    await this.#daily?.done
  }

  /** Makes a file the open project's model; of a model in several files it may be any of them. @throws StudioError 'not-found', 'not-usable' or 'busy' */
  async chooseModel(path: string): Promise<void> {
    const file = firstPartOf(path)
    await inspectModel(file) // refuses what cannot be a model
    this.refuseWhileRunning('choosing another model')
    this.project.modelFile = file
    this.models.unload()
    this.library.remember(file)
    this.tellProject()
  }

  /** Deletes a backend that was fetched; a model that runs on it is unloaded first. @throws StudioError 'not-found' or 'busy' */
  async removeBackend(id: FurtherBackendId): Promise<void> {
    const { backend } = kinds[id]
    if ((await this.models.loaded)?.backend === backend) {
      this.refuseWhileRunning(`removing ${backendTitles[backend]}`)
      this.models.unload()
      this.options.tell('model', { loaded: null, note: '' })
    }
    for (const folder of removeBackend(id, this.options)) this.downloads.forget(folder)
    this.models.backendsChanged()
  }

  /** @throws StudioError 'busy' */
  refuseWhileRunning(what: string): void {
    if (this.jobs.list().some((job) => job.state === 'running')) throw new StudioError('busy', `a job is running; stop it before ${what}`)
  }

  /** A project that waited for a model finds it, or is made to use it. */
  async #downloaded({ source, file, title, project }: ModelDownload): Promise<void> {
    if (source.kind === 'backend') {
      this.models.backendsChanged()
      return
    }
    if (this.#project === null || file === null) return
    if (project === this.#project.summary().id && this.#project.modelFile !== file) {
      try {
        await this.chooseModel(file)
      } catch (error) {
        this.options.tell('notice', { level: 'warning', text: `${title} is here, but the project does not use it yet: ${toFailure(error).message}` })
      }
    } else this.tellProject()
  }

  tellProject(): void {
    this.options.tell('project', this.#project?.summary() ?? null)
  }
}

/** A handler a method of the contract. */
export type Handlers = { [M in MethodName]: (input: Parsed<M>) => Output<M> | Promise<Output<M>> }
