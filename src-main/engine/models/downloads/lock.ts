/**
 * One process downloads models at a time: two would write to the same parts. SQLite's own exclusive lock, as it is held
 * until the process ends, whatever ends it.
 */
import Database from 'better-sqlite3'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { StudioError } from '../../../contract/errors.ts'

export interface Lock {
  release(): void
}

/** @throws StudioError 'busy' where another process downloads */
export function lockDownloads(cacheDirectory: string): Lock {
  const folder = join(cacheDirectory, 'models')
  mkdirSync(folder, { recursive: true })
  const db = new Database(join(folder, 'downloads.lock'), { timeout: 0 })
  try {
    db.pragma('locking_mode = EXCLUSIVE')
    db.exec('BEGIN EXCLUSIVE')
    return { release: () => db.close() }
  } catch (error) {
    db.close()
    if (error instanceof Error && 'code' in error && error.code === 'SQLITE_BUSY') {
      throw new StudioError('busy', 'another studio or terminal is downloading models; wait for its end, or pause it there', { retryable: true, cause: error })
    }
    throw error
  }
}
