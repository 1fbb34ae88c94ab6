/**
 * What can still be read of a damaged database, in a new project beside it. Rows are copied table by table into an empty
 * database of the damaged one's schema, around the pages that cannot be read; rows that belong to lost ones go, what is
 * made from rows is made again, and the usual migrations follow. The damaged project is only read: its database is
 * copied before it is opened, as opening alone may write.
 */
import Database from 'better-sqlite3'
import { randomUUID } from 'node:crypto'
import { constants, copyFileSync, cpSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import type { SalvagedTable } from '../../contract/project.ts'
import { StudioError } from '../../contract/errors.ts'
import { statOf, syncToDisk } from '../files.ts'
import { explained, leaveOldShardsAlone, problemOf } from './backups.ts'
import { ChatWords } from './chat-words.ts'
import type { Db } from './database.ts'
import { rebuildExampleBlocks } from './datasets.ts'
import { migrate, schemaVersion } from './migrate.ts'
import { refuseForeign } from './own-files.ts'
import { readableRows } from './readable-rows.ts'

/** Made from other rows. */
const derived = /^(sqlite_|chatWords|exampleBlocks$)/
/** Columns whose text is JSON: a row whose JSON is damaged would fail wherever it is read. */
const jsonColumns = new Set(['settings', 'manifest', 'columns', 'messages', 'hiddenDims', 'curve', 'calibration', 'figures', 'timings', 'result', 'rounds', 'extendedFrom', 'remarks', 'accuracies', 'method', 'ended', 'steps', 'methods', 'panes'])

/** Beside the damaged one, with a name that nothing has. */
export function salvageFolder(directory: string): string {
  for (let number = 1; ; number++) {
    const folder = `${resolve(directory)} (salvaged${number === 1 ? '' : ` ${number}`})`
    if (!existsSync(folder)) return folder
  }
}

/**
 * @param into a folder that is not there yet
 * @throws StudioError 'not-found', 'project-locked', 'disk-full'; 'bad-request' when `into` is taken; 'project-damaged' where
 * nothing can be read; then `into` is not there
 */
export function salvage(directory: string, into: string): SalvagedTable[] {
  const from = join(resolve(directory), 'project.db')
  if (statOf(from)?.isFile() !== true) throw new StudioError('not-found', `there is no project in ${directory} (no project.db)`)
  if (existsSync(into)) throw new StudioError('bad-request', `${into} is there already; choose a folder that is not`)
  refuseForeign(resolve(directory))
  refuseOpen(from)
  try {
    mkdirSync(into, { recursive: true })
    const copy = join(into, 'damaged.db')
    for (const end of ['', '-wal']) if (existsSync(from + end)) copyFileSync(from + end, copy + end, constants.COPYFILE_FICLONE)
    const tables = salvageDatabase(copy, join(into, 'project.db.new'))
    for (const end of ['', '-wal', '-shm', '-journal']) rmSync(copy + end, { force: true })
    for (const name of ['states', 'reports', 'settings.json']) if (existsSync(join(directory, name))) cpSync(join(directory, name), join(into, name), { recursive: true, mode: constants.COPYFILE_FICLONE })
    mkdirSync(join(into, 'states'), { recursive: true })
    leaveOldShardsAlone(join(into, 'project.db.new'), join(into, 'states'))
    syncToDisk(join(into, 'project.db.new'))
    renameSync(join(into, 'project.db.new'), join(into, 'project.db'))
    syncToDisk(into)
    return tables
  } catch (error) {
    rmSync(into, { recursive: true, force: true })
    if (error instanceof Database.SqliteError && error.code !== 'SQLITE_FULL') throw new StudioError('project-damaged', `nothing could be read of ${from} (${error.code}); it is unchanged`, { cause: error })
    throw explained(error, dirname(into))
  }
}

/** As a reader, which writes nothing of the damaged database's log into it. */
function refuseOpen(file: string): void {
  const logs = ['-wal', '-shm'].map((end) => file + end).filter((log) => !existsSync(log))
  let db: Db | null = null
  try {
    db = new Database(file, { readonly: true, timeout: 0 })
    db.prepare('SELECT count(*) FROM sqlite_schema').get()
  } catch (error) {
    if (error instanceof Database.SqliteError && /^SQLITE_(BUSY|LOCKED)/.test(error.code)) throw new StudioError('project-locked', 'the project is open in another window or terminal; close it there first', { retryable: true })
  } finally {
    db?.close()
  }
  for (const log of logs) rmSync(log, { force: true }) // the reader's own
}

function salvageDatabase(damaged: string, file: string): SalvagedTable[] {
  const source = new Database(damaged, { timeout: 0 })
  const target = new Database(file)
  try {
    source.pragma('cell_size_check = ON')
    const version = source.pragma('user_version', { simple: true }) as number
    if (version < 1 || version > schemaVersion) throw new StudioError('project-damaged', `nothing can be salvaged: the schema of this database is ${version}, and this studio knows those from 1 to ${schemaVersion}`)
    target.pragma('synchronous = OFF') // it is synced once it is whole
    target.pragma('foreign_keys = OFF')
    migrate(target, version)
    const tables = target.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0").pluck().all() as string[]
    const copied = target.transaction(() => tables.filter((name) => !derived.test(name)).map((name) => copyTable(source, target, name)))()
    if (copied.every(({ rows }) => rows === 0)) throw new StudioError('project-damaged', 'nothing can be salvaged: not one row could be read')
    target.transaction(() => {
      dropOrphans(target, copied)
      ownProject(target, dirname(file))
      if (version >= 4) rebuildExampleBlocks(target)
    })()
    migrate(target)
    if (version >= 9) target.transaction(() => rebuildChatWords(target))()
    target.close()
    const problem = problemOf(file)
    if (problem !== null) throw new StudioError('project-damaged', `what was salvaged is not whole (${problem})`)
    return copied
  } finally {
    source.close()
    target.close()
  }
}

function copyTable(source: Db, target: Db, name: string): SalvagedTable {
  const columns = target.prepare('SELECT name FROM pragma_table_info(?)').pluck().all(name) as string[]
  const insert = target.prepare(`INSERT INTO "${name}" VALUES (${columns.map(() => '?').join(', ')})`)
  const json = columns.flatMap((column, i) => (jsonColumns.has(column) ? [i] : []))
  let rows = 0
  let refused = 0
  const { unreadable } = readableRows(source, name, columns, (values) => {
    try {
      for (const i of json) if (values[i] !== null) JSON.parse(String(values[i]))
      insert.run(...values)
      rows++
    } catch {
      refused++ // its JSON, its types or what must be unlike: none that could be told, as it is damaged
    }
  })
  return { name, rows, lost: unreadable === null ? null : unreadable + refused }
}

/** What belongs to a row that is lost goes too, or names none where it may. */
function dropOrphans(db: Db, tables: SalvagedTable[]): void {
  for (let changed = true; changed; ) {
    changed = false
    for (const table of tables) {
      const keys = db.prepare('SELECT id, "table" AS parent, "from" AS own, "to" AS other, on_delete AS rule FROM pragma_foreign_key_list(?)').all(table.name) as { id: number; parent: string; own: string; other: string; rule: string }[]
      for (const id of new Set(keys.map((key) => key.id))) {
        const parts = keys.filter((key) => key.id === id)
        const { parent, rule } = parts[0]!
        const missing = `${parts.map(({ own }) => `"${own}" IS NOT NULL`).join(' AND ')} AND NOT EXISTS (SELECT 1 FROM "${parent}" p WHERE ${parts.map(({ own, other }) => `p."${other}" = "${table.name}"."${own}"`).join(' AND ')})`
        const { changes } = db.prepare(rule === 'SET NULL' ? `UPDATE "${table.name}" SET ${parts.map(({ own }) => `"${own}" = NULL`).join(', ')} WHERE ${missing}` : `DELETE FROM "${table.name}" WHERE ${missing}`).run()
        if (changes === 0 || rule === 'SET NULL') continue
        changed = true
        table.rows -= changes
        if (table.lost !== null) table.lost += changes
      }
    }
  }
}

/** Exactly one row, with an id and a name that the damaged project does not have. */
function ownProject(db: Db, directory: string): void {
  db.exec('DELETE FROM project WHERE rowid > (SELECT min(rowid) FROM project)')
  const { changes } = db.prepare('UPDATE project SET id = ?, name = ?').run(randomUUID(), basename(directory))
  if (changes === 0) db.prepare('INSERT INTO project (id, name, modelFile, created) VALUES (?, ?, NULL, ?)').run(randomUUID(), basename(directory), new Date().toISOString())
}

function rebuildChatWords(db: Db): void {
  const words = new ChatWords(db)
  for (const { id, title } of db.prepare('SELECT id, title FROM conversations').all() as { id: number; title: string }[]) words.setTitle(id, title)
  const answers = db.prepare('SELECT text FROM answers WHERE turn = ? ORDER BY pane').pluck()
  for (const { id, prompt } of db.prepare('SELECT id, prompt FROM turns').all() as { id: number; prompt: string }[]) words.setTurn(id, prompt, answers.all(id) as string[])
}
