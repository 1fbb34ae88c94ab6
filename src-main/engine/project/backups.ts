/** Copies of project.db in the project's backups/ folder, made by make-backup.ts: the list, and a restore, which sets aside what was there. */
import Database from 'better-sqlite3'
import { constants, copyFileSync, existsSync, linkSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Backup, BackupReason } from '../../contract/project.ts'
import { StudioError } from '../../contract/errors.ts'
import { statOf, syncToDisk } from '../files.ts'

type Db = Database.Database

const named = /^(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d)-(\d{3})Z\.schema-(\d+)\.(migration|daily|request)\.db$/

/** Newest first; what has another name is none. */
export function listBackups(directory: string): Backup[] {
  const folder = folderOf(directory)
  if (statOf(folder)?.isDirectory() !== true) return []
  return readdirSync(folder)
    .flatMap((name): Backup[] => {
      const [, day, hours, minutes, seconds, ms, schema, reason] = named.exec(name) ?? []
      const stat = day === undefined ? undefined : statOf(join(folder, name))
      if (stat === undefined) return []
      return [{ name, created: `${day}T${hours}:${minutes}:${seconds}.${ms}Z`, bytes: stat.size, schema: Number(schema), reason: reason as BackupReason }]
    })
    .sort((a, b) => b.name.localeCompare(a.name))
}

/**
 * Puts a backup in the place of project.db. What was there is set aside under a name of its own, with its journal, and
 * never deleted. States of responses that the backup does not know stay in their shards.
 * @returns the name of what was set aside, or null when there was nothing
 * @throws StudioError 'not-found', 'not-usable', 'project-locked' or 'disk-full'; then everything is as it was
 */
export function restoreBackup(directory: string, name: string): string | null {
  const backup = listBackups(directory).find((one) => one.name === name)
  if (backup === undefined) throw new StudioError('not-found', `there is no backup ${name} of this project`)
  const from = join(folderOf(directory), name)
  const problem = problemOf(from)
  if (problem !== null) throw new StudioError('not-usable', `the backup ${name} is damaged itself (${problem}); choose another one`)
  return putInPlace(directory, from)
}

/** As restoreBackup, of any whole project database, which is copied. */
export function putInPlace(directory: string, from: string): string | null {
  const file = join(directory, 'project.db')
  refuseInUse(file)
  const next = `${file}.restoring`
  const aside = existsSync(file) ? `project.set-aside-${new Date().toISOString().replaceAll(/[:.]/g, '-')}.db` : null
  try {
    copyFileSync(from, next)
    leaveOldShardsAlone(next, join(directory, 'states'))
    syncToDisk(next)
    if (aside !== null) setAside(file, join(directory, aside))
    // first the journal: another database's must never be played into this one
    for (const end of ['-wal', '-shm']) if (existsSync(file + end)) renameSync(file + end, join(directory, `${aside ?? 'project.set-aside.db'}${end}`))
    renameSync(next, file)
    syncToDisk(directory)
    for (const end of ['', '-wal', '-shm']) rmSync(join(directory, `search.db${end}`), { force: true }) // made again from project.db
  } catch (error) {
    rmSync(next, { force: true })
    throw explained(error, directory)
  }
  return aside
}

/** Under a second name, so that there is never a moment without either. */
function setAside(file: string, aside: string): void {
  try {
    linkSync(file, aside)
  } catch {
    copyFileSync(file, aside, constants.COPYFILE_EXCL) // a file system without links
    syncToDisk(aside)
  }
}

/**
 * Collections that were made after the backup have shards, of which the set-aside database still knows: a new
 * collection must not get their number, and with it their files.
 */
export function leaveOldShardsAlone(file: string, statesDirectory: string): void {
  const numbers = statOf(statesDirectory)?.isDirectory() === true ? readdirSync(statesDirectory).flatMap((name) => /^collection-(\d+)\./.exec(name)?.[1] ?? []).map(Number) : []
  const highest = numbers.reduce((a, b) => Math.max(a, b), 0)
  const db = new Database(file)
  try {
    const { changes } = db.prepare("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'collections'").run(highest)
    if (changes === 0 && highest > 0) db.prepare("INSERT INTO sqlite_sequence (name, seq) VALUES ('collections', ?)").run(highest)
  } finally {
    db.close()
  }
}

/** What SQLite says of a file that may not be a database at all; null when it is a whole project. */
export function problemOf(file: string): string | null {
  let db: Db | null = null
  try {
    db = new Database(file, { readonly: true, timeout: 0 })
    const result = db.pragma('quick_check(1)', { simple: true }) as string
    if (result !== 'ok') return result
    return db.prepare("SELECT count(*) FROM sqlite_schema WHERE name = 'project'").pluck().get() === 1 ? null : 'it is no project'
  } catch (error) {
    return error instanceof Database.SqliteError ? error.code : String(error)
  } finally {
    db?.close()
  }
}

/** SQLite takes its lock before it reads anything, so that this works for a damaged file too. */
function refuseInUse(file: string): void {
  if (!existsSync(file)) return
  let db: Db | null = null
  try {
    db = new Database(file, { timeout: 0 })
    db.exec('BEGIN EXCLUSIVE; ROLLBACK') // a commit would write to an empty file
  } catch (error) {
    if (error instanceof Database.SqliteError && /^SQLITE_(BUSY|LOCKED)/.test(error.code)) {
      throw new StudioError('project-locked', 'the project is open in another window or terminal; close it there first', { retryable: true })
    }
  } finally {
    db?.close()
  }
}

/** What the disk or the file system said, in words. */
export function explained(error: unknown, folder: string): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (error instanceof StudioError) return error
  if (code === 'ENOSPC' || code === 'SQLITE_FULL') return new StudioError('disk-full', `the disk is full: nothing was written to ${folder}`, { cause: error, retryable: true })
  return new StudioError('not-usable', `${folder} cannot be written (${code || String(error)})`, { cause: error })
}

export const folderOf = (directory: string): string => join(directory, 'backups')
