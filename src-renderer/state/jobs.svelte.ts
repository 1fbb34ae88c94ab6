/** The long tasks: what runs, what ended, and the person's hand on them. */
import type { Job, JobKind } from '../../src-main/contract/job.ts'
import { call, on } from './connection.ts'
import { notices } from './notices.svelte.ts'

export function isOver(job: Job): boolean {
  return job.state === 'done' || job.state === 'stopped' || job.state === 'failed'
}

class Jobs {
  list = $state.raw<Job[]>([])
  #dismissed = $state.raw<ReadonlySet<number>>(new Set())
  #endListeners: { kind: JobKind; fn: (job: Job) => void }[] = []

  /** What the tray shows: active ones first, then ended ones until they are dismissed. */
  shown = $derived.by(() => {
    const seen = this.list.filter((job) => !this.#dismissed.has(job.id))
    return [...seen.filter((job) => !isOver(job)), ...seen.filter(isOver).reverse()]
  })
  active = $derived(this.list.filter((job) => !isOver(job)))

  constructor() {
    on('job', (job) => this.take(job))
  }

  /** Takes over the engine's list; jobs that ended before this window came are not news. */
  reset(list: Job[]): void {
    this.list = list
    this.#dismissed = new Set(list.filter((job) => isOver(job) && job.state !== 'failed').map((job) => job.id))
  }

  take(job: Job): void {
    const before = this.list.find((other) => other.id === job.id)
    this.list = before === undefined ? [...this.list, job] : this.list.map((other) => (other.id === job.id ? job : other))
    if (isOver(job) && (before === undefined || !isOver(before))) {
      for (const { kind, fn } of this.#endListeners) if (kind === job.kind) fn(job)
    }
  }

  /** Calls `fn` when a job of this kind is done, stopped or failed. */
  onEnd(kind: JobKind, fn: (job: Job) => void): void {
    this.#endListeners.push({ kind, fn })
  }

  /** The job of a kind that is not over yet, the newest first. */
  activeOf(kind: JobKind): Job | undefined {
    return this.active.findLast((job) => job.kind === kind)
  }

  dismiss(id: number): void {
    this.#dismissed = new Set([...this.#dismissed, id])
  }

  async act(action: 'pause' | 'resume' | 'stop' | 'discard', id: number): Promise<void> {
    const job = await notices.guard(() => call(`jobs.${action}`, { job: id }))
    if (job === undefined) return
    this.take(job)
    if (action === 'discard') this.dismiss(id)
  }
}

export const jobs = new Jobs()
