/**
 * Makes backups: each is written beside, checked, and only then has its name. Before a migration and when somebody asks
 * everything waits for it; the day's first is copied in pieces while the project is used.
 */
import Database from 'better-sqlite3'
import { mkdirSync, readdirSync, renameSync, rmSync, statfsSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as others } from 'node:timers/promises'
import type { Backup, BackupReason } from '../../contract/project.ts'
import { StudioError } from '../../contract/errors.ts'
import { syncToDisk } from '../files.ts'
import { explained, folderOf, listBackups, problemOf } from './backups.ts'

type Db = Database.Database

/** Those made without being asked for; the others stay until the person deletes them. */
const keptOfEach = 3
const dayMs = 24 * 60 * 60 * 1000
/** A larger database would fill disks: the last three days are kept. */
const dailyBytes = 512 * 1024 * 1024
/** What is copied before others have their turn: some milliseconds of the engine's thread. */
const pagesAtOnce = 256
/** The last step waits for the disk: most of the copy is there by then. */
const syncEveryPages = 16 * pagesAtOnce

/** @throws StudioError 'disk-full' or 'not-usable'; then nothing is left behind */
export function backUp(db: Db, directory: string, reason: BackupReason): Backup {
  const copy = new Copy(db, directory, reason)
  try {
    copy.begin()
    db.prepare('VACUUM INTO ?').run(copy.part)
    refuse(problemOf(copy.part))
    return copy.keep()
  } catch (error) {
    throw copy.abandon(error)
  }
}

/**
 * Once a day a project that was checked when it was opened is copied, page by page: what is written meanwhile through
 * `db` is in the copy too, so that it is the database as it is at the end. What hinders that hinders nobody: the next
 * opening tries again. An abort, or a database that is closed on the way, leaves nothing behind.
 * @returns null where none was due, or none could be made
 */
export async function backUpDaily(db: Db, directory: string, signal: AbortSignal): Promise<Backup | null> {
  try {
    return isDue(db, directory) ? await copied(db, new Copy(db, directory, 'daily'), signal) : null
  } catch {
    return null
  }
}

function isDue(db: Db, directory: string): boolean {
  const created = db.prepare('SELECT created FROM project').pluck().get() as string | undefined
  const now = Date.now()
  // what is dated in the future was made while the clock was wrong: it says nothing of the last day
  const last = listBackups(directory).find((one) => Date.parse(one.created) <= now)?.created ?? created
  return last !== undefined && Math.abs(now - Date.parse(last)) > dayMs && bytesOf(db) <= dailyBytes
}

async function copied(db: Db, copy: Copy, signal: AbortSignal): Promise<Backup> {
  try {
    copy.begin()
    await copyPages(db, copy.part, signal)
    ordinaryJournal(copy.part)
    refuse(await problemInPieces(copy.part, signal))
    signal.throwIfAborted()
    return copy.keep()
  } catch (error) {
    throw copy.abandon(error)
  }
}

async function copyPages(db: Db, part: string, signal: AbortSignal): Promise<void> {
  let synced = 0
  let syncing: Promise<void> | null = null
  try {
    await db.backup(part, {
      progress: ({ totalPages, remainingPages }) => {
        signal.throwIfAborted()
        const done = totalPages - remainingPages
        if (syncing === null && done - synced >= syncEveryPages) {
          synced = done
          syncing = written(part).then(() => void (syncing = null))
        }
        return pagesAtOnce
      }
    })
  } finally {
    await syncing
  }
}

/** On the disk, without the engine's thread. What is not is told by the last step. */
async function written(file: string): Promise<void> {
  try {
    const handle = await open(file, 'r+')
    await handle.datasync().finally(() => handle.close())
  } catch {
    // it is gone, or cannot be synced: then the copy fails, or the last step takes longer
  }
}

/** Pages are copied with the header's word for a write-ahead log, and a backup is one file. */
function ordinaryJournal(file: string): void {
  const db = new Database(file, { timeout: 0 })
  try {
    db.pragma('journal_mode = DELETE')
  } finally {
    db.close()
  }
}

/** As `problemOf`, a table at a time, so that others have their turn. */
async function problemInPieces(file: string, signal: AbortSignal): Promise<string | null> {
  const db = new Database(file, { readonly: true, timeout: 0 })
  try {
    const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0").pluck().all() as string[]
    for (const table of tables) {
      signal.throwIfAborted()
      const result = db.pragma(`quick_check('${table.replaceAll("'", "''")}')`, { simple: true }) as string
      if (result !== 'ok') return result
      await others()
    }
    return tables.includes('project') ? null : 'it is no project'
  } finally {
    db.close()
  }
}

/** A backup on its way to its name. */
class Copy {
  /** of those that are being written in this process */
  static readonly #unfinished = new Set<string>()

  readonly part: string
  readonly #db: Db
  readonly #directory: string
  readonly #folder: string
  readonly #reason: BackupReason
  readonly #name: string

  constructor(db: Db, directory: string, reason: BackupReason) {
    const schema = db.pragma('user_version', { simple: true }) as number
    this.#db = db
    this.#directory = directory
    this.#folder = folderOf(directory)
    this.#reason = reason
    this.#name = `${new Date().toISOString().replaceAll(/[:.]/g, '-')}.schema-${schema}.${reason}.db`
    this.part = join(this.#folder, `${this.#name}.part`)
  }

  /** Makes room for it. @throws StudioError, or what the system says */
  begin(): void {
    mkdirSync(this.#folder, { recursive: true })
    this.#removeUnfinished()
    Copy.#unfinished.add(this.part)
    refuseWithoutRoom(this.#folder, bytesOf(this.#db))
  }

  /** Gives it its name; the oldest of those that nobody asked for go. */
  keep(): Backup {
    syncToDisk(this.part)
    renameSync(this.part, join(this.#folder, this.#name))
    syncToDisk(this.#folder)
    Copy.#unfinished.delete(this.part)
    const all = listBackups(this.#directory)
    const others = all.filter((one) => one.reason === this.#reason && this.#reason !== 'request' && one.name !== this.#name) // the new one stays, though a clock that was wrong has dated others behind it
    for (const old of others.slice(keptOfEach - 1)) rmSync(join(this.#folder, old.name), { force: true })
    return all.find((one) => one.name === this.#name) as Backup
  }

  /** @returns what to say of it */
  abandon(error: unknown): unknown {
    Copy.#unfinished.delete(this.part)
    for (const end of ['', '-journal', '-wal', '-shm']) rmSync(this.part + end, { force: true })
    return explained(error, this.#folder)
  }

  /** What a killed process left. */
  #removeUnfinished(): void {
    for (const name of readdirSync(this.#folder)) {
      const [, part] = /^(.*\.db\.part)(-journal|-wal|-shm)?$/.exec(name) ?? []
      if (part !== undefined && !Copy.#unfinished.has(join(this.#folder, part))) rmSync(join(this.#folder, name), { force: true })
    }
  }
}

function refuse(problem: string | null): void {
  if (problem !== null) throw new StudioError('not-usable', `the copy is not whole (${problem})`)
}

function bytesOf(db: Db): number {
  return (db.pragma('page_count', { simple: true }) as number) * (db.pragma('page_size', { simple: true }) as number)
}

function refuseWithoutRoom(folder: string, bytes: number): void {
  const { bavail, bsize } = statfsSync(folder)
  if (bavail * bsize > bytes) return
  throw new StudioError('disk-full', `a backup needs ${megabytes(bytes)}, and ${megabytes(bavail * bsize)} are free in ${folder}`, { retryable: true })
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`
