/** One command's engine: made when it is needed, with its progress on the terminal, closed at the end. */
import type { Job, JobKind } from '../contract/job.ts'
import { fromFailure, StudioError } from '../contract/errors.ts'
import type { AnyEvent } from '../contract/methods.ts'
import type { ModelSource } from '../contract/models.ts'
import { cacheDirectory, dataDirectory } from '../engine/directories.ts'
import { Engine } from '../engine/engine.ts'
import { catalogue } from '../engine/models/catalogue.ts'
import type { LaunchHost } from '../engine/models/host-client.ts'
import { Project } from '../engine/project/project.ts'
import { Rate } from '../engine/jobs/progress.ts'
import type { JobContext } from '../engine/jobs/runner.ts'
import { resourcesDirectory } from './resources.ts'
import type { Terminal } from './terminal.ts'

export class Session {
  readonly terminal: Terminal
  readonly engine: Engine
  /** ends when the person presses Ctrl-C */
  readonly #abort = new AbortController()

  constructor(terminal: Terminal, launchHost: LaunchHost) {
    this.terminal = terminal
    this.engine = new Engine({
      launchHost,
      cacheDirectory: cacheDirectory(),
      dataDirectory: dataDirectory(),
      resourcesDirectory,
      tell: (event, payload) => {
        const told = { event, payload } as AnyEvent
        if (told.event === 'job' && told.payload.state === 'running') terminal.progress(told.payload)
        else if (told.event === 'model.downloads') {
          for (const download of told.payload) if (download.state === 'running' && download.phase !== '') terminal.progress({ ...download, unit: 'bytes' })
        } else if (told.event === 'project.swept') {
          const { removed, bytes, setAside } = told.payload
          if (removed > 0) terminal.note(`${removed} files of states that nothing refers to any more were removed (${(bytes / 1e6).toFixed(1)} MB)`)
          if (setAside > 0) terminal.note(`${setAside} files of states that nothing in the project refers to were moved to states/set-aside`)
        } else if (told.event === 'notice') terminal.note(told.payload.text)
      }
    })
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  get interrupted(): boolean {
    return this.#abort.signal.aborted
  }

  open(directory: string): Promise<Project> {
    return this.engine.open(() => Project.open(directory))
  }

  /** Fetches the project's model where it is one of the catalogue's and not here yet. */
  async ensureModel(): Promise<void> {
    const { cacheDirectory: cache, resourcesDirectory: resources } = this.engine.options
    const missing = catalogue(cache, resources).find((model) => model.file === this.engine.project.modelFile && !model.present)
    if (missing === undefined) return
    await this.download({ kind: 'catalogue', id: missing.id })
  }

  /** Through the machine's queue, where Ctrl-C leaves it paused. @returns the file @throws what it failed with */
  async download(source: ModelSource): Promise<string> {
    const { downloads } = this.engine
    const { state, failure, file } = await downloads.finished(downloads.add(source, null).id)
    if (failure !== null) throw fromFailure(failure)
    if (state !== 'done' || file === null) throw new StudioError('cancelled', 'interrupted; what has come is kept, and the same command goes on from there')
    return file
  }

  /** Fetching without a project, and so without a job: its progress on the terminal, its end with Ctrl-C. */
  async withProgress<T>(work: (context: Pick<JobContext, 'signal' | 'phase' | 'progress'>) => Promise<T>): Promise<T> {
    const rate = new Rate()
    let state = { phase: '', done: 0, total: null as number | null, unit: 'bytes' }
    const show = (): void => this.terminal.progress({ ...state, rate: rate.perSecond, secondsLeft: rate.secondsLeft(state.total) })
    let shown = 0
    return work({
      signal: this.signal,
      phase: (phase, progress) => {
        state = { ...state, phase, ...progress }
        show()
      },
      progress: (done) => {
        state.done = done
        rate.mark(done)
        if (performance.now() - shown < 200) return
        shown = performance.now()
        show()
      }
    })
  }

  /** Runs a job to its end; an unfinished one with the same settings goes on. @throws what it failed with */
  async run(kind: JobKind, settings: unknown): Promise<Job> {
    const { jobs } = this.engine
    const wanted = JSON.stringify(settings)
    // a training has made nothing before its end, but has its checkpoint, or the states that it read
    const unfinished = this.engine.project.jobs.unfinished(kind).find((job) => JSON.stringify(job.settings) === wanted && (job.subject !== null || kind === 'train' || kind === 'preference'))
    if (unfinished !== undefined) this.terminal.note(`Going on with what was interrupted: ${unfinished.done} of ${unfinished.total ?? '?'} ${unfinished.unit} are done`)
    const { id } = unfinished === undefined ? jobs.start(kind, settings) : jobs.resume(unfinished.id)
    const job = await jobs.finished(id)
    if (job.failure !== null) throw fromFailure(job.failure)
    if (job.state === 'paused') throw new StudioError('cancelled', 'interrupted; what was finished is kept, and the same command goes on from there')
    return job
  }

  async interrupt(): Promise<void> {
    this.#abort.abort()
    await this.engine.downloads.pauseAll()
    await this.engine.jobs.pauseAll()
  }

  async close(): Promise<void> {
    if (!this.interrupted) await this.engine.backedUp()
    await this.engine.close()
  }
}
