/**
 * Copies of project.db in the project's backups/ folder, each whole and checked before it has its name. Made before a
 * migration, once a day at most when a project is opened, and when somebody asks; a restore sets aside what was there.
 */
import Database from 'better-sqlite3'
import { constants, copyFileSync, existsSync, linkSync, mkdirSync, readdirSync, renameSync, rmSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import type { Backup, BackupReason } from '../../contract/project.ts'
import { StudioError } from '../../contract/errors.ts'
import { statOf, syncToDisk } from '../files.ts'

type Db = Database.Database

/** Those made without being asked for; the others stay until the person deletes them. */
const keptOfEach = 3
const dayMs = 24 * 60 * 60 * 1000
/** Copying a larger database at every day's first opening would take longer than a person waits. */
const dailyBytes = 512 * 1024 * 1024

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
 * Blocks while the database is copied and checked.
 * @throws StudioError 'disk-full' or 'not-usable'; then nothing is left behind
 */
export function backUp(db: Db, directory: string, reason: BackupReason): Backup {
  const folder = folderOf(directory)
  const schema = db.pragma('user_version', { simple: true }) as number
  const name = `${new Date().toISOString().replaceAll(/[:.]/g, '-')}.schema-${schema}.${reason}.db`
  const part = join(folder, `${name}.part`)
  try {
    mkdirSync(folder, { recursive: true })
    removeUnfinished(folder)
    refuseWithoutRoom(folder, bytesOf(db))
    db.prepare('VACUUM INTO ?').run(part)
    const problem = problemOf(part)
    if (problem !== null) throw new StudioError('not-usable', `the copy is not whole (${problem})`)
    syncToDisk(part)
    renameSync(part, join(folder, name))
    syncToDisk(folder)
  } catch (error) {
    rmSync(part, { force: true })
    throw explained(error, folder)
  }
  const all = listBackups(directory)
  const others = all.filter((one) => one.reason === reason && reason !== 'request' && one.name !== name) // the new one stays, though a clock that was wrong has dated others behind it
  for (const old of others.slice(keptOfEach - 1)) rmSync(join(folder, old.name), { force: true })
  return all.find((one) => one.name === name) as Backup
}

/** Once a day a project that was just checked is copied. What hinders that hinders nobody: the next opening tries again. */
export function backUpDaily(db: Db, directory: string): void {
  try {
    const created = db.prepare('SELECT created FROM project').pluck().get() as string | undefined
    const now = Date.now()
    // what is dated in the future was made while the clock was wrong: it says nothing of the last day
    const last = listBackups(directory).find((one) => Date.parse(one.created) <= now)?.created ?? created
    if (last === undefined || !(Math.abs(now - Date.parse(last)) > dayMs) || bytesOf(db) > dailyBytes) return
    backUp(db, directory, 'daily')
  } catch (error) {
    if (!(error instanceof StudioError)) throw error
  }
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
function leaveOldShardsAlone(file: string, statesDirectory: string): void {
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
function problemOf(file: string): string | null {
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

function bytesOf(db: Db): number {
  return (db.pragma('page_count', { simple: true }) as number) * (db.pragma('page_size', { simple: true }) as number)
}

function refuseWithoutRoom(folder: string, bytes: number): void {
  const { bavail, bsize } = statfsSync(folder)
  if (bavail * bsize > bytes) return
  throw new StudioError('disk-full', `a backup needs ${megabytes(bytes)}, and ${megabytes(bavail * bsize)} are free in ${folder}`, { retryable: true })
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`

/** What a killed process left. */
function removeUnfinished(folder: string): void {
  for (const name of readdirSync(folder)) if (/\.db\.part(-journal)?$/.test(name)) rmSync(join(folder, name), { force: true })
}

function explained(error: unknown, folder: string): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (error instanceof StudioError) return error
  if (code === 'ENOSPC' || code === 'SQLITE_FULL') return new StudioError('disk-full', `the disk is full: nothing was written to ${folder}`, { cause: error, retryable: true })
  return new StudioError('not-usable', `${folder} cannot be written (${code || String(error)})`, { cause: error })
}

const folderOf = (directory: string): string => join(directory, 'backups')
