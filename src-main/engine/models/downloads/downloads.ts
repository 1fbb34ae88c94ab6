/**
 * The queue of model downloads. It belongs to the machine: projects are opened and closed beside it. An entry is
 *
 *   waiting -> running -> done | failed | paused
 *   paused, failed -> waiting (resume)
 *
 * and taken out by cancelling. After a restart what was on its way is paused: nothing is fetched that nobody asks for.
 */
import type { ModelDownload, ModelSource } from '../../../contract/models.ts'
import { StudioError, toFailure } from '../../../contract/errors.ts'
import { usualPatience, type Patience } from '../../data/hub/connection.ts'
import { Rate } from '../../jobs/progress.ts'
import { checkedSource, discardSource, fetchedSource, fetchSource, type SourceDirectories } from './fetch-source.ts'
import { lockDownloads, type Lock } from './lock.ts'
import { keepQueue, readQueue, type KeptDownload } from './queue-file.ts'

/** Two, so that a small model need not wait for a large one. */
const atOnce = 2
const tellEveryMs = 250

export interface DownloadEvents {
  changed(downloads: ModelDownload[]): void
  /** A model is here, whole and checked. */
  finished(download: ModelDownload): void
  /** The queue could not be kept. */
  warn(text: string): void
}

interface Active {
  state: 'waiting' | 'running'
  abort: AbortController
  rate: Rate
  phase: string
  done: number
  total: number | null
  end: PromiseWithResolvers<void>
}

/** Why a download was aborted. */
type End = 'paused' | 'cancelled'

export class Downloads {
  readonly #directories: SourceDirectories & { dataDirectory: string }
  readonly #events: DownloadEvents
  readonly #patience: Patience
  readonly #active = new Map<number, Active>()
  /** While it is held nobody else changes the queue. */
  #lock: Lock | null = null
  #entries: KeptDownload[] = []
  #told = 0

  constructor(directories: SourceDirectories & { dataDirectory: string }, events: DownloadEvents, patience = usualPatience) {
    this.#directories = directories
    this.#events = events
    this.#patience = patience
  }

  /** In the order in which they were added. */
  list(): ModelDownload[] {
    if (this.#lock === null) this.#entries = readQueue(this.#directories.dataDirectory)
    return this.#entries.map((entry) => this.#shown(entry))
  }

  /**
   * One that is in the queue already goes on instead.
   * @param project the id of the one that is to use it at its end
   * @throws StudioError 'bad-request', 'not-found' or 'busy'
   */
  add(wanted: ModelSource, project: string | null): ModelDownload {
    const { source, title } = checkedSource(wanted, this.#directories)
    return this.#change(() => {
      let entry = this.#entries.find((one) => JSON.stringify(one.source) === JSON.stringify(source))
      if (entry === undefined) {
        entry = { id: Math.max(0, ...this.#entries.map(({ id }) => id)) + 1, source, title, state: 'paused', total: null, expected: null, failure: null, file: null, project }
        this.#entries = [...this.#entries, entry]
      }
      entry.project = project ?? entry.project
      this.#enqueue(entry)
      return this.#shown(entry)
    })
  }

  /** @throws StudioError 'not-found', 'bad-request' or 'busy' */
  async pause(id: number): Promise<ModelDownload> {
    const entry = this.#entry(id)
    if (!this.#active.has(id)) throw new StudioError('bad-request', 'this download is not running')
    await this.#end(id, 'paused')
    return this.#shown(entry)
  }

  /** @throws StudioError 'not-found', 'bad-request' or 'busy' */
  resume(id: number): ModelDownload {
    return this.#change(() => {
      const entry = this.#entry(id)
      if (this.#active.has(id) || entry.state === 'done') throw new StudioError('bad-request', 'only a paused or failed download can go on')
      this.#enqueue(entry)
      return this.#shown(entry)
    })
  }

  /** Takes it out of the queue, with what has come of it where it is not whole. @throws StudioError 'not-found' or 'busy' */
  async cancel(id: number): Promise<void> {
    if (this.#active.has(id)) await this.#end(id, 'cancelled')
    else this.#change(() => this.#remove(this.#entry(id)))
  }

  /** A model was deleted: the entry that brought it has nothing more to say. */
  forget(file: string): void {
    for (const { id, state, file: brought } of this.list()) if (state === 'done' && brought === file) this.#change(() => this.#remove(this.#entry(id)))
  }

  /** As it is when it neither waits nor runs any more. @throws StudioError 'not-found' for one that was cancelled */
  async finished(id: number): Promise<ModelDownload> {
    await this.#active.get(id)?.end.promise
    return this.#shown(this.#entry(id))
  }

  /** Before the process ends. */
  async pauseAll(): Promise<void> {
    await Promise.all([...this.#active.keys()].map((id) => this.#end(id, 'paused')))
  }

  /** Does it with the queue as it is on the disk, alone, and keeps it. @throws StudioError 'busy' and what `work` throws */
  #change<T>(work: () => T): T {
    if (this.#lock === null) {
      this.#lock = lockDownloads(this.#directories.cacheDirectory)
      this.#entries = readQueue(this.#directories.dataDirectory)
    }
    try {
      return work()
    } finally {
      this.#settle()
    }
  }

  /** Keeps and tells how things stand, and lets others change it where nothing is on its way. */
  #settle(): void {
    try {
      keepQueue(this.#directories.dataDirectory, this.#entries)
    } catch (error) {
      this.#events.warn(`The queue of downloads could not be kept: ${toFailure(error).message}`)
    }
    this.#tell()
    if (this.#active.size > 0) return
    this.#lock?.release()
    this.#lock = null
  }

  #tell(): void {
    this.#told = performance.now()
    this.#events.changed(this.#entries.map((entry) => this.#shown(entry)))
  }

  #entry(id: number): KeptDownload {
    const entry = (this.#lock === null ? readQueue(this.#directories.dataDirectory) : this.#entries).find((one) => one.id === id)
    if (entry === undefined) throw new StudioError('not-found', `there is no download ${id}`)
    return entry
  }

  #enqueue(entry: KeptDownload): void {
    if (this.#active.has(entry.id)) return
    Object.assign(entry, { state: 'paused', failure: null } satisfies Partial<KeptDownload>)
    const end = Promise.withResolvers<void>()
    this.#active.set(entry.id, { state: 'waiting', abort: new AbortController(), rate: new Rate(), phase: '', ...fetchedSource(entry, this.#directories), end })
    this.#startNext()
  }

  #startNext(): void {
    for (const entry of this.#entries) {
      const active = this.#active.get(entry.id)
      if (active?.state !== 'waiting') continue
      if ([...this.#active.values()].filter(({ state }) => state === 'running').length >= atOnce) return
      active.state = 'running'
      void this.#run(entry, active)
    }
  }

  async #run(entry: KeptDownload, active: Active): Promise<void> {
    const { signal } = active.abort
    const job = {
      signal,
      phase: (text: string, progress?: { done: number; total: number | null }) => {
        Object.assign(active, { phase: text, ...progress })
        active.rate.restart(active.done)
        this.#tell()
      },
      progress: (done: number) => {
        active.done = done
        active.rate.mark(done)
        if (performance.now() - this.#told >= tellEveryMs) this.#tell()
      }
    }
    const asked = (expected: KeptDownload['expected']): void => {
      if (expected === null || JSON.stringify(entry.expected) === JSON.stringify(expected)) return
      entry.expected = expected
      this.#settle() // what the bytes are of is kept before the first of them
    }
    try {
      await Promise.resolve() // whoever added it sees it first
      const file = await fetchSource(entry, asked, this.#directories, job, this.#patience)
      Object.assign(entry, { state: 'done', file, total: fetchedSource(entry, this.#directories).total } satisfies Partial<KeptDownload>)
    } catch (error) {
      if (!signal.aborted) Object.assign(entry, { state: 'failed', failure: toFailure(error) } satisfies Partial<KeptDownload>)
    }
    this.#active.delete(entry.id)
    if (signal.reason === ('cancelled' satisfies End)) this.#remove(entry)
    this.#startNext()
    this.#settle()
    active.end.resolve()
    if (entry.state === 'done') this.#events.finished(this.#shown(entry))
  }

  async #end(id: number, how: End): Promise<void> {
    const active = this.#active.get(id)
    if (active === undefined) return
    active.abort.abort(how)
    if (active.state === 'waiting') {
      this.#active.delete(id)
      if (how === 'cancelled') this.#remove(this.#entry(id))
      this.#settle()
      active.end.resolve()
    }
    await active.end.promise
  }

  #remove(entry: KeptDownload): void {
    if (entry.state !== 'done') discardSource(entry, this.#directories)
    this.#entries = this.#entries.filter(({ id }) => id !== entry.id)
  }

  #shown(entry: KeptDownload): ModelDownload {
    const { expected: _expected, ...kept } = entry
    const active = this.#active.get(entry.id)
    if (active === undefined) {
      const { done, total } = entry.state === 'done' ? { done: entry.total ?? 0, total: entry.total } : fetchedSource(entry, this.#directories)
      return { ...kept, done, total, phase: '', rate: null, secondsLeft: null }
    }
    const { state, phase, done, total, rate } = active
    return { ...kept, state, phase, done, total, rate: state === 'running' ? rate.perSecond : null, secondsLeft: state === 'running' ? rate.secondsLeft(total) : null }
  }
}
