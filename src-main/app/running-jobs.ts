/** The jobs as the desktop sees them: a progress bar on the task bar, and a word when a long one ended out of sight. */
import { type BrowserWindow, Notification } from 'electron'
import type { JobKind } from '../contract/job.ts'
import { dataDirectory } from '../engine/directories.ts'
import { readPreferences } from '../engine/preferences.ts'
import type { JobState } from '../engine/supervisor-port.ts'

/** Shorter ones are waited for in front of the window. */
const longMs = 30_000

/** Never a title: it names data. */
const words: Record<JobKind, string> = {
  'fetch-data': 'Fetching data', import: 'The import', export: 'The export', collect: 'Collecting', 'export-states': 'The export of states',
  'import-states': 'The import of states', reward: 'Labelling', preference: 'Training a preference head', train: 'Training', evaluate: 'The evaluation'
}

export class RunningJobs {
  readonly #running = new Map<number, JobState & { since: number }>()

  get count(): number {
    return this.#running.size
  }

  take(job: JobState, window: BrowserWindow | null): void {
    const before = this.#running.get(job.id)
    if (job.state === 'running' || job.state === 'queued') this.#running.set(job.id, { ...job, since: before?.since ?? performance.now() })
    else this.#running.delete(job.id)
    if (window === null || window.isDestroyed()) return
    window.setProgressBar(this.#share())
    const long = before !== undefined && performance.now() - before.since > longMs
    if ((job.state === 'done' || job.state === 'failed') && long && !window.isFocused()) this.#notify(job, window)
  }

  /** The engine that ran them has ended. */
  clear(window: BrowserWindow | null): void {
    this.#running.clear()
    if (window !== null && !window.isDestroyed()) window.setProgressBar(-1)
  }

  /** Of the job that is the furthest; above 1 stands for "going on", -1 for none. */
  #share(): number {
    if (this.#running.size === 0) return -1
    return Math.max(...[...this.#running.values()].map(({ done, total }) => (total === null || total <= 0 ? 0 : Math.min(1, done / total)))) || 2
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
