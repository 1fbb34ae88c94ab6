/**
 * Files in states/ that nothing in project.db refers to any more: a crash came between the deletion of a row and that of
 * its files, or between a shard and its row. They are looked for when a project is opened.
 *
 * Removed is only what this database itself made and has let go: the row of the job that made it is there. What another
 * database of the project may still want, one that a restore has set aside, stays where it is. Of what is left nobody
 * can say whose it is: it is moved to states/set-aside/. Files of other names are a person's own, and are not touched.
 */
import Database from 'better-sqlite3'
import { existsSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Db } from './database.ts'

export interface Swept {
  removed: number
  /** of what was removed */
  bytes: number
  setAside: number
}

/** What a file's name says that it belongs to. */
type Owner = { of: 'collection'; id: number; shard: string } | { of: 'job'; id: number }

const folderOfDoubt = 'set-aside'
/** A job in one of these has nothing more to go on from. */
const ended = `('done', 'stopped')`

/** Never throws: what cannot be removed only takes room, and the next opening tries again. */
export function sweepOrphans(db: Db, directory: string): Swept {
  const swept: Swept = { removed: 0, bytes: 0, setAside: 0 }
  const states = join(directory, 'states')
  for (const name of namesIn(states)) {
    const owner = ownerOf(name)
    if (owner === null) continue
    try {
      const verdict = verdictOn(owner, db, directory)
      if (verdict === 'keep') continue
      const path = join(states, name)
      const { size } = lstatSync(path)
      if (verdict === 'remove') {
        rmSync(path)
        swept.removed++
        swept.bytes += size
      } else {
        mkdirSync(join(states, folderOfDoubt), { recursive: true })
        renameSync(path, freeName(join(states, folderOfDoubt, name)))
        swept.setAside++
      }
    } catch {
      // see above
    }
  }
  return swept
}

function ownerOf(name: string): Owner | null {
  const shard = /^collection-(\d{1,15})\.\d{4,}\.f16$/.exec(name)
  if (shard !== null) return { of: 'collection', id: Number(shard[1]), shard: name }
  // checkpoints, samples and features, and what a killed process left of one that it was writing
  const job = /^(?:training-(\d{1,15})\.(?:member-\d+\.)?(?:checkpoint|samples\.json)|preference-(\d{1,15})\.features)(?:\.\d+-\d+\.part)?$/.exec(name)
  return job === null ? null : { of: 'job', id: Number(job[1] ?? job[2]) }
}

function verdictOn(owner: Owner, db: Db, directory: string): 'keep' | 'remove' | 'set aside' {
  if (wanted(owner, db)) return 'keep'
  if (otherDatabases(directory, /^project\.set-aside.*\.db$/).some((file) => mayWant(owner, file))) return 'keep'
  if (madeHere(owner, db)) return 'remove'
  return otherDatabases(join(directory, 'backups'), /\.db$/).some((file) => mayWant(owner, file)) ? 'keep' : 'set aside'
}

/** Whether a row refers to it, or a job that may go on writes to it. */
function wanted(owner: Owner, db: Db): boolean {
  if (owner.of === 'job') return found(db, `SELECT 1 FROM jobs WHERE id = ? AND state NOT IN ${ended}`, owner.id)
  if (found(db, `SELECT 1 FROM jobs WHERE kind IN ('collect', 'import-states') AND subject = ? AND state NOT IN ${ended}`, owner.id) && found(db, 'SELECT 1 FROM collections WHERE id = ?', owner.id)) return true
  // shards are written one after the other: the newest response has the last of them
  const last = db.prepare('SELECT shard FROM responses WHERE id = (SELECT max(id) FROM responses WHERE collection = ?)').pluck().get(owner.id) as string | undefined
  return last !== undefined && numberOf(owner.shard) <= numberOf(last)
}

function madeHere({ of, id }: Owner, db: Db): boolean {
  return of === 'job' ? found(db, 'SELECT 1 FROM jobs WHERE id = ?', id) : found(db, `SELECT 1 FROM jobs WHERE kind IN ('collect', 'import-states') AND subject = ?`, id)
}

/** Whether another database of the project refers to it; of one that cannot be read that is not known. */
function mayWant(owner: Owner, file: string): boolean {
  const hadIndex = existsSync(`${file}-shm`)
  let db: Db | null = null
  try {
    db = new Database(file, { readonly: true, timeout: 0 })
    if (owner.of === 'job') return found(db, `SELECT 1 FROM jobs WHERE id = ? AND state NOT IN ${ended}`, owner.id)
    return db.prepare('SELECT 1 FROM responses WHERE collection = ? AND shard = ?').get(owner.id, owner.shard) !== undefined
  } catch {
    return true
  } finally {
    db?.close()
    if (!hadIndex) rmSync(`${file}-shm`, { force: true })
  }
}

const found = (db: Db, question: string, id: number): boolean => db.prepare(`${question} LIMIT 1`).get(id) !== undefined

const numberOf = (shard: string): number => Number(/\.(\d+)\.f16$/.exec(shard)?.[1])

function otherDatabases(folder: string, named: RegExp): string[] {
  return namesIn(folder).filter((name) => named.test(name)).map((name) => join(folder, name))
}

/** Of the ordinary files of a folder. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [entry.name] : []))
  } catch {
    return []
  }
}

function freeName(path: string): string {
  for (let n = 0; ; n++) {
    const name = n === 0 ? path : `${path}.${n}`
    if (!existsSync(name)) return name
  }
}
