/** Long tasks as rows: what they do, how far they are, and what they need to go on. */
import type { Job, JobKind, JobState } from '../../contract/job.ts'
import { StudioError, type Failure } from '../../contract/errors.ts'
import type { Db } from './database.ts'

/** Rate and time left are not kept: they belong to a running process. */
export type StoredJob = Omit<Job, 'rate' | 'secondsLeft'> & { settings: unknown }

type Row = Omit<StoredJob, 'failure' | 'settings'> & { failure: string | null; settings: string }

export class Jobs {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  create(kind: JobKind, title: string, unit: string, settings: unknown): StoredJob {
    const now = new Date().toISOString()
    const { lastInsertRowid } = this.#db
      .prepare(
        `INSERT INTO jobs (kind, title, state, settings, phase, done, total, unit, failure, subject, created, updated)
         VALUES (?, ?, 'queued', ?, '', 0, NULL, ?, NULL, NULL, ?, ?)`
      )
      .run(kind, title, JSON.stringify(settings), unit, now, now)
    return this.get(Number(lastInsertRowid))
  }

  get(id: number): StoredJob {
    const row = this.#db.prepare('SELECT * FROM jobs WHERE id = ?').get(id) as Row | undefined
    if (row === undefined) throw new StudioError('not-found', `there is no job ${id} in this project`)
    return toJob(row)
  }

  /** Newest first. */
  list(limit: number): StoredJob[] {
    return (this.#db.prepare('SELECT * FROM jobs ORDER BY id DESC LIMIT ?').all(limit) as Row[]).map(toJob)
  }

  unfinished(kind: JobKind): StoredJob[] {
    return (this.#db.prepare("SELECT * FROM jobs WHERE kind = ? AND state IN ('paused', 'failed') ORDER BY id DESC").all(kind) as Row[]).map(toJob)
  }

  update(id: number, change: { state?: JobState; phase?: string; done?: number; total?: number | null; subject?: number | null; failure?: Failure | null }): StoredJob {
    const next = { ...this.get(id), ...change, updated: new Date().toISOString() }
    this.#db
      .prepare('UPDATE jobs SET state = ?, phase = ?, done = ?, total = ?, subject = ?, failure = ?, updated = ? WHERE id = ?')
      .run(next.state, next.phase, next.done, next.total, next.subject, next.failure && JSON.stringify(next.failure), next.updated, id)
    return next
  }

  /** Jobs that a process left running when it ended can be resumed. */
  interruptRunning(): void {
    this.#db.prepare("UPDATE jobs SET state = 'paused', phase = 'Interrupted: the studio ended while this was running' WHERE state IN ('queued', 'running')").run()
  }
}

function toJob(row: Row): StoredJob {
  return { ...row, failure: row.failure === null ? null : (JSON.parse(row.failure) as Failure), settings: JSON.parse(row.settings) as unknown }
}
