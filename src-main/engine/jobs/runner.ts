/**
 * Runs long tasks. A job is a row with a state machine:
 *
 *   queued -> running -> done | failed | paused | stopped
 *   paused, failed -> running (resume)
 *
 * A full disk pauses a job: what is finished is kept, and it goes on when there is room.
 *
 * Its work reads what is finished from the project's tables and does the rest, so the same function starts a job,
 * resumes it after a pause and goes on after a crash.
 */
import type { Job, JobKind } from '../../contract/job.ts'
import { StudioError, toFailure } from '../../contract/errors.ts'
import type { Project } from '../project/project.ts'
import type { StoredJob } from '../project/jobs.ts'
import { Rate } from './progress.ts'

export interface JobContext {
  readonly id: number
  readonly signal: AbortSignal
  /** What is happening now; starts the rate anew. */
  phase(text: string, progress?: { done: number; total: number | null }): void
  /** `partial`: work on units that are not done yet, in units; it counts for the rate only. */
  progress(done: number, total?: number | null, partial?: number): void
  /** A remark beside the phase, e.g. tokens a second. */
  remark(text: string): void
  /** The id of what the job makes. In the transaction that makes it (Project.atomically), or a kill would leave it behind. */
  subject(id: number | null): void
  /** The same, and gives the id back. */
  made(id: number): number
}

/** One kind of job. Settings and project are what a resumed job starts from. */
export interface JobWork<S> {
  unit: string
  title(settings: S, project: Project): string
  /** @returns what to say at its end, where "Done" is not all */
  run(settings: S, project: Project, job: JobContext, subject: number | null): Promise<string | void>
  /** Deletes what the job has made. */
  discard(subject: number, project: Project, job: number): void
  /** Deletes what a resumed run would have gone on from: the job is done or stopped. */
  forget?(job: number, project: Project): void
}

// Each kind has its own settings, stored as JSON and validated where they came in.
type AnyWork = JobWork<never>

interface Running {
  abort: AbortController
  finished: Promise<Job>
  rate: Rate
}

type End = 'paused' | 'stopped' | 'discarded'

const tellEveryMs = 200

export class JobRunner {
  readonly #works: Partial<Record<JobKind, AnyWork>>
  readonly #tell: (job: Job) => void
  readonly #running = new Map<number, Running>()
  /** How jobs ended whose rows could not be written, as the disk was full; see #end. */
  readonly #unwritten = new Map<number, StoredJob>()
  #project: Project | null = null

  constructor(works: Partial<Record<JobKind, AnyWork>>, tell: (job: Job) => void) {
    this.#works = works
    this.#tell = tell
  }

  /** Jobs of the project that was open are ended first: see `pauseAll`. */
  setProject(project: Project | null): void {
    this.#unwritten.clear() // when their project is opened again they count as interrupted
    this.#project = project
  }

  /** Without those of older projects whose kind is no job any more. */
  list(): Job[] {
    return (this.#project?.jobs.list(50) ?? []).filter(({ kind }) => this.#works[kind] !== undefined).map((job) => this.#withRate(this.#unwritten.get(job.id) ?? job))
  }

  start(kind: JobKind, settings: unknown): Job {
    const project = this.#open()
    project.refuseMoved()
    const work = this.#work(kind)
    return this.#run(project, project.jobs.create(kind, work.title(settings as never, project), work.unit, settings))
  }

  resume(id: number): Job {
    const project = this.#open()
    project.refuseMoved()
    const job = this.#stored(id)
    if (job.state !== 'paused' && job.state !== 'failed') throw new StudioError('bad-request', `this job is ${job.state}; only a paused or failed one can be resumed`)
    return this.#run(project, job)
  }

  pause(id: number): Promise<Job> {
    return this.#endRunning(id, 'paused')
  }

  /** Ends the job and keeps what is finished. */
  async stop(id: number): Promise<Job> {
    if (this.#running.has(id)) return this.#endRunning(id, 'stopped')
    this.#refuseDone(id)
    return this.#settle(id, { state: 'stopped', phase: 'Stopped; what was finished is kept' })
  }

  /** Ends the job and deletes what it made. */
  async discard(id: number): Promise<Job> {
    const project = this.#open()
    if (this.#running.has(id)) await this.#endRunning(id, 'discarded')
    else this.#refuseDone(id)
    const job = project.jobs.get(id)
    if (job.subject !== null) this.#work(job.kind).discard(job.subject, project, id)
    return this.#settle(id, { state: 'stopped', phase: 'Discarded' })
  }

  /** Resolves when the job is no longer running. */
  async finished(id: number): Promise<Job> {
    return (await this.#running.get(id)?.finished) ?? this.#withRate(this.#stored(id))
  }

  async pauseAll(): Promise<void> {
    await Promise.all([...this.#running.keys()].map((id) => this.pause(id)))
  }

  #run(project: Project, job: StoredJob): Job {
    const abort = new AbortController()
    const rate = new Rate()
    const finished = this.#execute(project, job, abort.signal, rate)
    this.#running.set(job.id, { abort, finished, rate })
    return this.#withRate(project.jobs.get(job.id))
  }

  async #execute(project: Project, job: StoredJob, signal: AbortSignal, rate: Rate): Promise<Job> {
    const { jobs } = project
    let told = 0
    let current = job
    const tell = (): void => {
      told = performance.now()
      this.#tell(this.#withRate(current))
    }
    const context: JobContext = {
      id: job.id,
      signal,
      phase: (text, progress) => {
        current = jobs.update(job.id, { phase: text, ...progress })
        rate.restart(current.done)
        tell()
      },
      progress: (done, total, partial = 0) => {
        current = { ...current, done, total: total === undefined ? current.total : total }
        rate.mark(done + partial)
        if (performance.now() - told < tellEveryMs) return
        jobs.update(job.id, { done: current.done, total: current.total })
        tell()
      },
      remark: (text) => (current = { ...current, phase: text }),
      subject: (id) => (current = jobs.update(job.id, { subject: id })),
      made: (id) => {
        context.subject(id)
        return id
      }
    }
    try {
      current = jobs.update(job.id, { state: 'running', phase: 'Starting', failure: null })
      this.#unwritten.delete(job.id)
      await Promise.resolve() // let the caller see the job as queued first
      tell()
      const remark = await this.#work(job.kind).run(job.settings as never, project, context, job.subject)
      current = jobs.update(job.id, { state: 'done', phase: remark ?? 'Done', done: current.done, total: current.total })
    } catch (error) {
      current = this.#end(project, { ...current, ...ending(error, signal) })
    } finally {
      this.#running.delete(job.id)
      if (current.state === 'done' || current.state === 'stopped') this.#work(job.kind).forget?.(job.id, project)
      tell()
    }
    return this.#withRate(current)
  }

  /** On a full disk the end of a job may have no room either. It is known here until the project is closed, and then interrupted. */
  #end(project: Project, job: StoredJob): StoredJob {
    const { id, state, phase, failure, done, total } = job
    try {
      return project.jobs.update(id, { state, phase, failure, done, total })
    } catch (error) {
      if (toFailure(error).code !== 'disk-full') throw error
      this.#unwritten.set(id, job)
      return job
    }
  }

  #stored(id: number): StoredJob {
    return this.#unwritten.get(id) ?? this.#open().jobs.get(id)
  }

  #endRunning(id: number, how: End): Promise<Job> {
    const running = this.#running.get(id)
    if (running === undefined) throw new StudioError('bad-request', `this job is ${this.#stored(id).state}; only a running one can be ended so`)
    running.abort.abort(how)
    return running.finished
  }

  #refuseDone(id: number): void {
    const { state } = this.#stored(id)
    if (state === 'done') throw new StudioError('bad-request', 'this job is done; there is nothing to stop')
  }

  #settle(id: number, change: { state: 'stopped'; phase: string }): Job {
    const project = this.#open()
    const job = this.#withRate(project.jobs.update(id, { ...change, failure: null }))
    this.#unwritten.delete(id)
    this.#work(job.kind).forget?.(id, project)
    this.#tell(job)
    return job
  }

  #withRate({ settings: _settings, ...job }: StoredJob): Job {
    const rate = job.state === 'running' ? this.#running.get(job.id)?.rate : undefined
    return { ...job, rate: rate?.perSecond ?? null, secondsLeft: rate?.secondsLeft(job.total) ?? null }
  }

  #open(): Project {
    if (this.#project === null) throw new StudioError('no-project', 'no project is open')
    return this.#project
  }

  #work(kind: JobKind): AnyWork {
    const work = this.#works[kind]
    if (work === undefined) throw new StudioError('bad-request', `there is no job of kind ${kind}`)
    return work
  }
}

/** How a job's row ends when its work threw. */
function ending(error: unknown, signal: AbortSignal): { state: Job['state']; phase: string; failure: ReturnType<typeof toFailure> | null } {
  if (signal.aborted) {
    const how = signal.reason as End
    if (how === 'paused') return { state: 'paused', phase: 'Paused', failure: null }
    return { state: 'stopped', phase: how === 'stopped' ? 'Stopped; what was finished is kept' : 'Discarded', failure: null }
  }
  const failure = toFailure(error)
  if (failure.code === 'disk-full') return { state: 'paused', phase: 'Paused: the disk is full', failure }
  return { state: 'failed', phase: 'Failed', failure }
}
