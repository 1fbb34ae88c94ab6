/** The jobs and downloads as the desktop sees them: a progress bar on the task bar, and a word when a long one ended out of sight. */
import { type BrowserWindow, Notification } from 'electron'
import type { JobKind } from '../contract/job.ts'
import { dataDirectory } from '../engine/directories.ts'
import { readPreferences } from '../engine/preferences.ts'
import type { DownloadState, JobState } from '../engine/supervisor-port.ts'

/** Shorter ones are waited for in front of the window. */
const longMs = 30_000

/** Never a title: it names data. */
const words: Record<JobKind, string> = {
  'fetch-data': 'Fetching data', import: 'The import', export: 'The export', collect: 'Collecting', 'export-states': 'The export of states',
  'import-states': 'The import of states', reward: 'Labelling', preference: 'Training a preference head', train: 'Training', evaluate: 'The evaluation'
}

export class RunningJobs {
  readonly #running = new Map<number, JobState & { since: number }>()
  /** those that run or wait for their turn */
  #downloads: DownloadState[] = []

  get count(): number {
    return this.#running.size
  }

  get downloads(): number {
    return this.#downloads.length
  }

  take(job: JobState, window: BrowserWindow | null): void {
    const before = this.#running.get(job.id)
    if (job.state === 'running' || job.state === 'queued') this.#running.set(job.id, { ...job, since: before?.since ?? performance.now() })
    else this.#running.delete(job.id)
    this.#show(window)
    if (window === null || window.isDestroyed()) return
    const long = before !== undefined && performance.now() - before.since > longMs
    if ((job.state === 'done' || job.state === 'failed') && long && !window.isFocused()) this.#notify(job, window)
  }

  takeDownloads(downloads: DownloadState[], window: BrowserWindow | null): void {
    this.#downloads = downloads
    this.#show(window)
  }

  /** The engine that ran them has ended. */
  clear(window: BrowserWindow | null): void {
    this.#running.clear()
    this.#downloads = []
    this.#show(window)
  }

  #show(window: BrowserWindow | null): void {
    if (window !== null && !window.isDestroyed()) window.setProgressBar(this.#share())
  }

  /** Of what is the furthest; above 1 stands for "going on", -1 for none. */
  #share(): number {
    const all = [...this.#running.values(), ...this.#downloads]
    if (all.length === 0) return -1
    return Math.max(...all.map(({ done, total }) => (total === null || total <= 0 ? 0 : Math.min(1, done / total)))) || 2
  }

  #notify({ kind, state }: JobState, window: BrowserWindow): void {
    if (!Notification.isSupported() || !readPreferences(dataDirectory()).notifications) return
    const notification = new Notification({ title: 'RE-Control Studio', body: `${words[kind]} ${state === 'done' ? 'has ended.' : 'has failed.'}` })
    notification.on('click', () => {
      if (!window.isDestroyed()) window.show()
    })
    notification.show()
  }
}
