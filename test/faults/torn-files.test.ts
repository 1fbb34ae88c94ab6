/** What a power cut or a failing disk leaves of each file: opened right, or refused in a sentence and a backup offered. Never empty without a word. */
import fc from 'fast-check'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { deviceChoice } from '../../src-main/contract/device.ts'
import { toFailure } from '../../src-main/contract/errors.ts'
import { exampleFilter } from '../../src-main/contract/data.ts'
import { stateProblem } from '../../src-main/engine/collect/shards.ts'
import { Engine } from '../../src-main/engine/engine.ts'
import { createHandlers } from '../../src-main/engine/handlers.ts'
import { keepDeviceChoice, readDeviceChoice } from '../../src-main/engine/models/device-choice.ts'
import { listBackups, restoreBackup } from '../../src-main/engine/project/backups.ts'
import { backUpDaily } from '../../src-main/engine/project/make-backup.ts'
import { schemaVersion } from '../../src-main/engine/project/migrate.ts'
import { Project } from '../../src-main/engine/project/project.ts'
import { addRecent, listRecent } from '../../src-main/engine/project/recent.ts'
import { decodeCheckpoint, encodeCheckpoint } from '../../src-main/engine/value/checkpoints.ts'
import Database from 'better-sqlite3'
import { ownDirectory, root } from '../engine/studio.ts'
import { contentOf, unpackProject } from './projects.ts'

const seed = 7
const runs = { seed, numRuns: 40 }

type Damage = { kind: 'cut' | 'flip' | 'zeros' | 'garbage'; at: number; bits: number }
/** `at`: where in the file, as a share of it. */
const damages: fc.Arbitrary<Damage> = fc.record({ kind: fc.constantFrom('cut', 'flip', 'zeros', 'garbage'), at: fc.double({ min: 0, max: 0.999, noNaN: true }), bits: fc.integer({ min: 1, max: 255 }) })

function damaged(bytes: Buffer, { kind, at, bits }: Damage): Buffer {
  const place = Math.floor(at * bytes.length)
  const changed = Buffer.from(bytes)
  if (kind === 'cut') return changed.subarray(0, place)
  if (kind === 'flip') changed[place]! ^= bits
  else changed.fill(kind === 'zeros' ? 0 : bits, place, Math.min(changed.length, place + 4096))
  return changed
}

let whole = ''
let expected: Record<string, unknown[]> = {}
beforeAll(() => {
  whole = unpackProject(schemaVersion, join(ownDirectoryForAll(), 'project'))
  const project = Project.open(whole)
  project.backUp()
  project.close()
  expected = contentOf(join(whole, 'project.db'))
})

const kept: string[] = []
afterAll(() => rmSync(kept[0] as string, { recursive: true, force: true }))
function ownDirectoryForAll(): string {
  const directory = join(root, 'test-results', `torn-${process.pid}`)
  mkdirSync(directory, { recursive: true })
  kept.push(directory)
  return directory
}

function withCopy<R>(use: (directory: string) => R): R {
  const directory = join(kept[0] as string, `copy-${Math.random()}`)
  cpSync(whole, directory, { recursive: true })
  try {
    return use(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

test('project.db: refused with the backup named, which brings everything back; or opened with every row', () => {
  fc.assert(
    fc.property(damages, (damage) => withCopy((directory) => {
      const file = join(directory, 'project.db')
      const bytes = damaged(readFileSync(file), damage)
      writeFileSync(file, bytes)
      try {
        Project.open(directory).close()
      } catch (error) {
        const { code, message } = toFailure(error)
        expect(['project-damaged', 'not-usable', 'project-newer']).toContain(code)
        expect(message).not.toMatch(/undefined|\n/)
        expect(readFileSync(file).equals(bytes)).toBe(true)
        if (code !== 'project-newer') expect(message).toMatch(/There is a backup of \d{4}-\d\d-\d\d \d\d:\d\d UTC, which can be restored/)
        const aside = restoreBackup(directory, listBackups(directory)[0]!.name)
        expect(readFileSync(join(directory, aside!)).equals(bytes)).toBe(true)
        Project.open(directory).close()
        expect(contentOf(file)).toEqual(expected)
        return
      }
      // SQLite has no checksums: a changed letter of a text is not seen, but no row goes or comes
      const found = contentOf(file)
      for (const [table, rows] of Object.entries(expected)) expect(found[table], table).toHaveLength(rows.length)
    })),
    runs
  )
})

test('without any backup the refusal says so', () => {
  withCopy((directory) => {
    rmSync(join(directory, 'backups'), { recursive: true })
    truncateSync(join(directory, 'project.db'), 5000)
    expect(() => Project.open(directory)).toThrow(/there is no backup/)
    expect(() => restoreBackup(directory, '../../project.db')).toThrow(expect.objectContaining({ code: 'not-found' }))
  })
})

test('a backup that is damaged itself is not put in the place of anything', () => {
  withCopy((directory) => {
    const [backup] = listBackups(directory)
    const path = join(directory, 'backups', backup!.name)
    writeFileSync(path, damaged(readFileSync(path), { kind: 'cut', at: 0.5, bits: 1 }))
    expect(() => restoreBackup(directory, backup!.name)).toThrow(/the backup .* is damaged itself/)
    Project.open(directory).close()
    expect(contentOf(join(directory, 'project.db'))).toEqual(expected)
    expect(readdirSync(directory).filter((name) => name.includes('set-aside') || name.includes('restoring'))).toEqual([])
  })
})

test('an open project is not restored under its owner', () => {
  withCopy((directory) => {
    const project = Project.open(directory)
    expect(() => restoreBackup(directory, listBackups(directory)[0]!.name)).toThrow(expect.objectContaining({ code: 'project-locked' }))
    expect(project.summary().counts.examples).toBe(33)
    project.close()
  })
})

test('a journal that was cut or changed: the state before or after it, never another', () => {
  const { directory, before, after } = withJournal()
  fc.assert(
    fc.property(damages, (damage) => {
      const copy = join(kept[0] as string, `journal-${Math.random()}`)
      cpSync(directory, copy, { recursive: true })
      const journal = join(copy, 'project.db-wal')
      writeFileSync(journal, damaged(readFileSync(journal), damage))
      const project = Project.open(copy)
      const names = project.datasets.list().map(({ name }) => name)
      project.close()
      rmSync(copy, { recursive: true })
      expect(names.length).toBeGreaterThanOrEqual(before)
      expect(names).toEqual(after.slice(0, names.length)) // commits in their order, none without those before it
    }),
    runs
  )
})

/** A project as a killed process leaves it: its last commits are in the journal only. */
function withJournal(): { directory: string; before: number; after: string[] } {
  const directory = join(ownDirectory(), 'project')
  cpSync(whole, directory, { recursive: true })
  const project = Project.open(directory)
  for (let i = 0; i < 10; i++) project.datasets.create(`set ${i}`, 'rows.jsonl', 'prompts')
  const after = project.datasets.list().map(({ name }) => name)
  const copy = join(ownDirectory(), 'killed')
  cpSync(directory, copy, { recursive: true })
  project.close()
  expect(existsSync(join(copy, 'project.db-wal'))).toBe(true)
  return { directory: copy, before: 1, after }
}

test('the journal of a database that was set aside is never played into the restored one', () => {
  const { directory } = withJournal()
  truncateSync(join(directory, 'project.db'), 9000)
  const [backup] = listBackups(directory)
  const aside = restoreBackup(directory, backup!.name)
  const project = Project.open(directory)
  expect(project.datasets.list().map(({ name }) => name)).toEqual(['rows'])
  project.close()
  expect(existsSync(join(directory, aside!))).toBe(true)
})

test('after a restore a new collection does not get the shards of one that the backup does not know', () => {
  withCopy((directory) => {
    writeFileSync(join(directory, 'states', 'collection-5.0000.f16'), 'states that only the set-aside database knows')
    restoreBackup(directory, listBackups(directory)[0]!.name)
    const project = Project.open(directory)
    const settings = project.collections.get(1).settings
    expect(project.collections.create(settings, project.collections.manifest(1), 1, 64)).toBe(6)
    project.close()
  })
})

test('shards: every response whose states are not whole is known, and no other', () => {
  const db = new Database(join(whole, 'project.db'), { readonly: true })
  const rows = db.prepare('SELECT r.shard, r.offset, r.crc32, r.states * c.inputDim * 2 AS bytes FROM responses r JOIN collections c ON c.id = r.collection').all() as { shard: string; offset: number; crc32: number; bytes: number }[]
  db.close()
  fc.assert(
    fc.property(damages, (damage) => withCopy((directory) => {
      const shard = join(directory, 'states', rows[0]!.shard)
      const [before, after] = [readFileSync(shard), damaged(readFileSync(shard), damage)]
      writeFileSync(shard, after)
      for (const row of rows) {
        const same = after.subarray(row.offset, row.offset + row.bytes).equals(before.subarray(row.offset, row.offset + row.bytes))
        expect(stateProblem(join(directory, 'states'), row) === null).toBe(same)
      }
    })),
    runs
  )
})

// what a cut leaves; FTS5 has no checksums either, so that a changed byte of an index can hide a row from a search
test('search.db: cut anywhere it is made again, and a search finds what is in the examples', async () => {
  const file = join(whole, 'search.db')
  const project = Project.open(whole)
  const query = { dataset: 1, filter: exampleFilter.parse({ search: 'question' }), order: 'line' } as const
  expect((await project.examples.page(query, 0, 50)).total).toBe(32)
  project.close()
  const index = readFileSync(file)
  await fc.assert(
    fc.asyncProperty(damages.map((damage): Damage => ({ ...damage, kind: 'cut' })), async (damage) => {
      for (const end of ['-wal', '-shm']) rmSync(file + end, { force: true })
      writeFileSync(file, damaged(index, damage))
      const opened = Project.open(whole)
      try {
        // damage that shows while it is read is said once, and mended
        const found = await opened.examples.page(query, 0, 50).catch((error: unknown) => {
          expect(toFailure(error)).toMatchObject({ retryable: true })
          return opened.examples.page(query, 0, 50)
        })
        expect(found.examples.map(({ line }) => line)).toEqual(Array.from({ length: found.examples.length }, (_, i) => i + 2))
        return found.total === 32
      } finally {
        opened.close()
      }
    }),
    { ...runs, numRuns: 25 }
  )
})

test('a checkpoint: whole or refused', () => {
  const bytes = encodeCheckpoint({ trainer: Buffer.alloc(3000, 5), curve: [], best: null }, 64)
  fc.assert(
    fc.property(damages, (damage) => {
      const changed = damaged(bytes, damage)
      if (changed.equals(bytes)) return
      expect(() => decodeCheckpoint(changed)).toThrow(expect.objectContaining({ code: 'project-damaged' }))
    }),
    runs
  )
})

describe('the small files of JSON', () => {
  test('however they are, the studio starts, and keeps anew what it is told', async () => {
    const data = ownDirectory()
    await fc.assert(
      fc.asyncProperty(damages, fc.constantFrom('recent-projects.json', 'device.json'), async (damage, name) => {
        keepDeviceChoice(data, deviceChoice.parse({ device: 'cpu', threads: 3 }))
        addRecent(data, { name: 'whole', path: whole })
        const file = join(data, name)
        writeFileSync(file, damaged(readFileSync(file), damage))
        const engine = new Engine({ dataDirectory: data, cacheDirectory: join(data, 'cache'), resourcesDirectory: join(root, 'resources'), launchHost: () => expect.unreachable(), tell: () => {} })
        expect((await createHandlers(engine)['studio.state']({})).project).toBeNull()
        keepDeviceChoice(data, deviceChoice.parse({ device: 'cpu', threads: 5 }))
        expect(readDeviceChoice(data).threads).toBe(5)
        addRecent(data, { name: 'whole', path: whole })
        expect(listRecent(data)[0]).toMatchObject({ name: 'whole', path: whole, gone: false })
      }),
      runs
    )
  })

  test('a settings.json of half its length: the project opens, the forms begin with the usual settings, and it is said', async () => {
    const directory = join(ownDirectory(), 'project')
    cpSync(whole, directory, { recursive: true })
    writeFileSync(join(directory, 'settings.json'), '{"data": {"file": "rows.js')
    const told: string[] = []
    const data = ownDirectory()
    const engine = new Engine({ dataDirectory: data, cacheDirectory: data, resourcesDirectory: join(root, 'resources'), launchHost: () => expect.unreachable(), tell: (event, payload) => void (event === 'notice' && told.push(JSON.stringify(payload))) })
    await engine.open(() => Project.open(directory))
    expect(createHandlers(engine)['project.settings']({})).toBeDefined()
    expect(told).toEqual([expect.stringMatching(/settings\.json cannot be used.*is not JSON/)])
    await engine.close()
  })
})

describe('a project that is half made', () => {
  test('can be made where a killed process had begun', () => {
    const directory = join(ownDirectory(), 'project')
    mkdirSync(join(directory, 'states'), { recursive: true })
    writeFileSync(join(directory, 'project.db.new'), 'SQLite format 3')
    writeFileSync(join(directory, 'project.db.new-wal'), 'torn')
    const project = Project.create(directory, null)
    expect(project.summary().counts.datasets).toBe(0)
    project.close()
    expect(readdirSync(directory).sort()).toEqual(['project.db', 'states'])
  })

  test('one that has lost its own row is refused, and can be opened by nobody until it is restored', () => {
    withCopy((directory) => {
      const db = new Database(join(directory, 'project.db'))
      db.exec('DELETE FROM project')
      db.close()
      expect(() => Project.open(directory)).toThrow(expect.objectContaining({ code: 'project-damaged' }))
    })
  })
})

describe('backups', () => {
  test('of each day one, the last few, while those that were asked for stay', async () => {
    const directory = join(ownDirectory(), 'project')
    Project.create(directory, null).close()
    const db = new Database(join(directory, 'project.db'))
    onTestFinished(() => void db.close())
    db.exec("UPDATE project SET created = '2020-01-01T00:00:00.000Z'")
    const age = (name: string, year: number): void => cpSync(join(directory, 'backups', name), join(directory, 'backups', `${year}${name.slice(4)}`))
    await backUpDaily(db, directory, new AbortController().signal)
    const [first] = listBackups(directory)
    expect(first).toMatchObject({ reason: 'daily', schema: schemaVersion })
    await backUpDaily(db, directory, new AbortController().signal)
    expect(listBackups(directory)).toHaveLength(1) // the same day
    for (const year of [2021, 2022, 2023, 2024]) age(first!.name, year)
    rmSync(join(directory, 'backups', first!.name))
    await backUpDaily(db, directory, new AbortController().signal)
    expect(listBackups(directory).map(({ created }) => created.slice(0, 4))).toEqual([expect.stringMatching(/^20(2[6-9]|[3-9]\d)/), '2024', '2023'])
  })
})
