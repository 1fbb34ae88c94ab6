/** Opens project.db: durable at every commit, one process at a time. */
import Database from 'better-sqlite3'
import { existsSync } from 'node:fs'
import { StudioError } from '../../contract/errors.ts'
import { migrate, refuseNewer, schemaVersion } from './migrate.ts'

export type Db = Database.Database

/**
 * @throws StudioError 'project-locked' when another process has it open, 'project-damaged' when SQLite's own check
 * fails, 'project-newer' when a newer studio wrote it.
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

/** Before anything may write to the file, be it only the journal mode in its header. */
function check(file: string): void {
  const db = new Database(file, { readonly: true, timeout: 0 })
  try {
    refuseNewer(db)
    const result = db.pragma('quick_check(1)', { simple: true }) as string
    if (result !== 'ok') throw new StudioError('project-damaged', `${file} is damaged (${result}); nothing was changed`)
    const version = db.pragma('user_version', { simple: true }) as number
    const tables = db.prepare("SELECT count(*) FROM sqlite_schema WHERE name = 'project'").pluck().get() as number
    if (version < 1 || tables === 0) throw new StudioError('not-usable', `${file} is not a project of the studio, or its header is damaged; nothing was changed`)
  } finally {
    db.close()
  }
}

function explained(error: unknown, file: string): unknown {
  const code = error instanceof Database.SqliteError ? error.code : ''
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) {
    return new StudioError('project-locked', 'the project is open in another window or terminal; close it there first', { retryable: true })
  }
  if (code !== '') {
    return new StudioError('project-damaged', `${file} is damaged or not a database (${code}); nothing was changed`, { cause: error })
  }
  return error
}
