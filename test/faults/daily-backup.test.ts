/** The day's first backup is copied while the project is used: never torn, and nothing is left of one that ends on the way. */
import Database from 'better-sqlite3'
import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as others } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { listBackups } from '../../src-main/engine/project/backups.ts'
import { openDatabase, type Db } from '../../src-main/engine/project/database.ts'
import { backUp, backUpDaily } from '../../src-main/engine/project/make-backup.ts'
import { Project } from '../../src-main/engine/project/project.ts'
import { openStudio, ownDirectory } from '../engine/studio.ts'

/** Some 16 MB, so that a copy takes many turns; opened as projects are. */
function largeProject(): { directory: string; db: Db } {
  const directory = join(ownDirectory(), 'project')
  Project.create(directory, null).close()
  const db = openDatabase(join(directory, 'project.db'))
  onTestFinished(() => void db.close())
  db.exec("UPDATE project SET created = '2020-01-01T00:00:00.000Z'; CREATE TABLE filler (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL, change INTEGER NOT NULL DEFAULT 0)")
  const add = db.prepare('INSERT INTO filler (bytes) VALUES (?)')
  db.transaction(() => {
    for (let i = 0; i < 160; i++) add.run(randomBytes(100_000))
  })()
  return { directory, db }
}

const filesIn = (directory: string): string[] => (existsSync(join(directory, 'backups')) ? readdirSync(join(directory, 'backups')).sort() : [])

/** Until some of the copy is written and some is not. */
async function midway(directory: string): Promise<void> {
  const part = (): string | undefined => filesIn(directory).find((name) => name.endsWith('.part'))
  for (;;) {
    const name = part()
    if (name !== undefined && statSync(join(directory, 'backups', name)).size > 1_000_000) break
    await others()
  }
  expect(listBackups(directory).filter(({ reason }) => reason === 'daily')).toEqual([])
}

test('what is written while it is copied is in it, whole, and a backup on request beside it is another one', async () => {
  const { directory, db } = largeProject()
  const copying = backUpDaily(db, directory, new AbortController().signal)
  await midway(directory)
  db.exec('UPDATE filler SET change = id') // pages that are copied, and pages that are not
  db.prepare('DELETE FROM filler WHERE id = ?').run(5)
  const asked = backUp(db, directory, 'request')
  db.prepare('DELETE FROM filler WHERE id = ?').run(6)
  const daily = await copying
  expect(daily).toMatchObject({ reason: 'daily' })
  expect(listBackups(directory).map(({ reason }) => reason)).toEqual(['request', 'daily'])
  for (const [name, rows] of [[daily!.name, 158], [asked.name, 159]] as const) {
    const copy = new Database(join(directory, 'backups', name), { readonly: true })
    onTestFinished(() => void copy.close())
    expect(copy.pragma('integrity_check', { simple: true })).toBe('ok')
    expect(copy.pragma('journal_mode', { simple: true })).toBe('delete')
    expect(copy.prepare('SELECT count(*) FROM filler WHERE change = id').pluck().get()).toBe(rows)
  }
  expect(filesIn(directory)).toEqual([daily!.name, asked.name]) // and nothing else
  expect(await backUpDaily(db, directory, new AbortController().signal)).toBeNull() // today is done
})

test.each(['an abort', 'a database that is closed'])('%s on the way leaves nothing, and the next opening makes it', async (how) => {
  const { directory, db } = largeProject()
  const abort = new AbortController()
  const copying = backUpDaily(db, directory, abort.signal)
  await midway(directory)
  if (how === 'an abort') abort.abort()
  else db.close()
  expect(await copying).toBeNull()
  expect(filesIn(directory)).toEqual([])
  db.close()
  const again = openDatabase(join(directory, 'project.db'))
  onTestFinished(() => void again.close())
  expect(await backUpDaily(again, directory, new AbortController().signal)).toMatchObject({ reason: 'daily' })
})

test('the project is open before it is made, and closing the project does not wait for the whole of it', async () => {
  const studio = await openStudio()
  onTestFinished(() => studio.close())
  const { directory, db } = largeProject()
  db.close()
  await studio.engine.open(() => Project.open(directory))
  expect(listBackups(directory)).toEqual([]) // and `open` has returned
  await midway(directory)
  await studio.engine.close()
  expect(filesIn(directory)).toEqual([])
  await studio.engine.open(() => Project.open(directory))
  await studio.engine.backedUp()
  expect(listBackups(directory)).toMatchObject([{ reason: 'daily' }])
})
