/** Opens project.db: durable at every commit, one process at a time. */
import Database from 'better-sqlite3'
import { accessSync, constants, existsSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { StudioError } from '../../contract/errors.ts'
import { listBackups } from './backups.ts'
import { backUp } from './make-backup.ts'
import { migrate, refuseNewer, schemaVersion } from './migrate.ts'

export type Db = Database.Database

/** Bytes: SQLite's own limit, with what it puts behind the name of a journal. */
const longestPath = 504

/**
 * An older schema is backed up, then migrated.
 * @throws StudioError 'project-locked' when another process has it open, 'project-damaged' when SQLite's own check
 * fails, 'project-newer' when a newer studio wrote it, 'not-usable' when it cannot be written or is no project,
 * 'disk-full' when there is no room for it or for the backup.
 */
export function openDatabase(file: string): Db {
  try {
    if (existsSync(file)) check(file)
    const db = new Database(file, { timeout: 0 })
    try {
      // the lock is held until the process ends, whatever ends it, so there is no stale lock file to clean up
      db.pragma('locking_mode = EXCLUSIVE')
      db.pragma('journal_mode = WAL')
      db.pragma('synchronous = FULL')
      db.pragma('foreign_keys = ON')
      db.exec('BEGIN EXCLUSIVE; COMMIT')
      rmSync(`${file}-shm`, { force: true }) // the check's; who has the lock keeps that index in memory
      backUpBeforeMigration(db, file)
      migrate(db)
      db.pragma(`user_version = ${schemaVersion}`) // fails where the header or the disk does not let us write
      return db
    } catch (error) {
      db.close()
      throw error
    }
  } catch (error) {
    throw explained(error, file)
  }
}

/** @throws StudioError of the backup's code; then not one statement of a migration has run */
function backUpBeforeMigration(db: Db, file: string): void {
  const version = db.pragma('user_version', { simple: true }) as number
  if (version === 0 || version >= schemaVersion) return // a new project, or nothing to do
  try {
    backUp(db, dirname(file), 'migration')
  } catch (error) {
    if (!(error instanceof StudioError)) throw error
    throw new StudioError(error.code, `this project is of an older version and must be backed up before it is brought up to date, but ${error.message}; nothing was changed`, { cause: error, retryable: true })
  }
}

/** Before anything may write to the file, be it only the journal mode in its header. */
function check(file: string): void {
  const besides = [`${file}-wal`, `${file}-shm`].filter((path) => !existsSync(path))
  const db = new Database(file, { readonly: true, timeout: 0 })
  try {
    refuseNewer(db)
    const result = db.pragma('quick_check(1)', { simple: true }) as string
    if (result !== 'ok') throw new StudioError('project-damaged', `${file} is damaged (${result.replace('*** in database main ***', '').trim().replaceAll(/\s+/g, ' ')}); nothing was changed${backupsOf(file)}`)
    const version = db.pragma('user_version', { simple: true }) as number
    const tables = db.prepare("SELECT count(*) FROM sqlite_schema WHERE name = 'project'").pluck().get() as number
    if (tables === 1 && db.prepare('SELECT count(*) FROM project').pluck().get() !== 1) throw new StudioError('project-damaged', `${file} is damaged (the project's own row is not there); nothing was changed${backupsOf(file)}`)
    if (version < 1 || tables === 0) throw new StudioError('not-usable', `${file} is not a project of the studio, or its header is damaged; nothing was changed${backupsOf(file)}`)
  } catch (error) {
    // A reader makes both and cannot remove them. While this one is open nobody has the exclusive lock, so they are its own.
    if (error instanceof StudioError && process.platform !== 'win32') for (const path of besides) rmSync(path, { force: true })
    throw error
  } finally {
    db.close()
  }
}

/** What SQLite threw as a StudioError; everything else as it is. */
export function explained(error: unknown, file: string): unknown {
  const code = error instanceof Database.SqliteError ? error.code : ''
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) {
    return new StudioError('project-locked', 'the project is open in another window or terminal; close it there first', { retryable: true })
  }
  if (code === 'SQLITE_FULL') return new StudioError('disk-full', `the disk is full, so ${file} cannot be opened; free some space and try again`, { retryable: true, cause: error })
  if (code === 'SQLITE_CANTOPEN' && Buffer.byteLength(file) > longestPath) return new StudioError('bad-request', `the project's folder has too long a path: ${Buffer.byteLength(file)} bytes, where a database may have ${longestPath}; use a folder nearer to the disk's root`, { cause: error })
  if (code !== '' && !mayWrite(file)) return new StudioError('not-usable', `${file} cannot be opened, as this user may not write to it or to its folder (${code})`, { cause: error })
  if (code !== '') {
    return new StudioError('project-damaged', `${file} is damaged or not a database (${code}); nothing was changed${backupsOf(file)}`, { cause: error })
  }
  return error
}

/** To tell a read-only folder from a header that only says so. */
function mayWrite(file: string): boolean {
  try {
    for (const path of existsSync(file) ? [dirname(file), file] : [dirname(file)]) accessSync(path, constants.R_OK | constants.W_OK)
    return true
  } catch {
    return false
  }
}

function backupsOf(file: string): string {
  const [newest, ...others] = listBackups(dirname(file))
  if (newest === undefined) return ', and there is no backup'
  return `. There ${others.length === 0 ? 'is a backup' : `are ${others.length + 1} backups, the newest`} of ${newest.created.slice(0, 16).replace('T', ' ')} UTC, which can be restored`
}
