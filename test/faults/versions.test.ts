/** Projects of every released schema version are opened, brought up to date and whole; a newer one is left alone. */
import Database from 'better-sqlite3'
import { cpSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { exampleFilter } from '../../src-main/contract/data.ts'
import { stateProblem } from '../../src-main/engine/collect/shards.ts'
import { schemaVersion } from '../../src-main/engine/project/migrate.ts'
import { listBackups, restoreBackup } from '../../src-main/engine/project/backups.ts'
import { Project } from '../../src-main/engine/project/project.ts'
import { listMethods } from '../../src-main/engine/control/methods.ts'
import { rewardSummaries } from '../../src-main/engine/reward/summary.ts'
import { ownDirectory } from '../engine/studio.ts'
import { contentOf, fixtureVersions, unpackProject } from './projects.ts'

const databaseOf = (directory: string): string => join(directory, 'project.db')
const unpacked = (version: number): string => unpackProject(version, join(ownDirectory(), 'project'))

function opened(directory: string): Project {
  const project = Project.open(directory)
  onTestFinished(() => project.close())
  return project
}

test('every released schema version has its fixture project', () => {
  expect(fixtureVersions, 'electron test/faults/make-project.ts makes that of this checkout').toEqual(Array.from({ length: schemaVersion }, (_, i) => i + 1))
})

test.each(fixtureVersions)('version %i has rows in all its tables, in a small file', (version) => {
  for (const [table, rows] of Object.entries(contentOf(databaseOf(unpacked(version))))) expect(rows.length, table).toBeGreaterThan(0)
  expect(statSync(join(import.meta.dirname, 'projects', `${String(version).padStart(4, '0')}.tar.gz`)).size).toBeLessThan(60_000)
})

test.each(fixtureVersions)('a project of version %i is opened with everything in it', async (version) => {
  const directory = unpacked(version)
  const before = contentOf(databaseOf(directory))
  const rows = (table: string): Record<string, any>[] => before[table] as Record<string, any>[]
  const project = opened(directory)
  const labels = version < 3 ? rows('rewards') : rows('labels')
  expect(project.summary()).toMatchObject({
    id: rows('project')[0]!['id'], modelFile: '/home/ada/studio/tiny.gguf',
    counts: { datasets: 1, examples: 33, collections: 1, responses: rows('responses').length, rewards: labels.filter(({ value }) => value !== null).length, valueFunctions: 1, evaluations: 1 }
  })
  expect(project.datasets.list()).toMatchObject([{ name: 'rows', train: 25, heldOut: 8, rejected: 1, source: '/home/ada/studio/rows.jsonl' }])
  expect(project.datasets.rejected(1, 0, 10)).toEqual([{ line: 34, reason: rows('rejectedRows')[0]!['reason'] }])
  expect(project.datasets.tasks(1, null, null).map(({ line, prompt, chosen, rejected, columns }) => ({ line, prompt, chosen, rejected, columns }))).toEqual(
    rows('examples').map(({ line, prompt, chosen, rejected, columns }) => ({ line, prompt, chosen, rejected, columns: JSON.parse(columns) }))
  )
  const found = await project.examples.page({ dataset: 1, filter: exampleFilter.parse({ search: 'question' }), order: 'line' }, 0, 50)
  expect(found.total).toBe(32) // the search index is made anew

  const { responses } = project.responses.page(1, { source: null, order: 'collected', offset: 0, limit: 100 })
  expect(responses.map(({ id, text, sample }) => ({ id, text, sample }))).toEqual(rows('responses').map(({ id, text, sample }) => ({ id, text, sample })))
  const inputDim = project.collections.inputDim(1)
  for (const { shard, offset, crc32, states } of rows('responses')) expect(stateProblem(project.statesDirectory, { shard, offset, crc32, bytes: states * inputDim * 2 })).toBeNull()
  expect(project.collections.get(1)).toMatchObject({ settings: { limit: 7, samples: 2, seed: 5, deterministic: true, responses: 'generated' }, planned: 14 })
  expect(rewardSummaries(project, 1)).toMatchObject([{ name: 'column', labelled: 12, failed: 0 }, { name: 'tone' }])

  const [vf] = project.valueFunctions.list()
  expect(project.valueFunctions.network(vf!.id)).toMatchObject({ inputDim, layers: [{ bias: { length: 8 } }, { bias: { length: 1 } }] })
  expect(project.valueFunctions.detail(vf!.id).curve).toHaveLength(3)
  expect([...project.turns.all(1)]).toMatchObject([{ prompt: 'Who are you?', panes: [{ method: { name: 'base' }, rating: null }, { method: { name: 're-control' }, rating: version < 6 ? null : 1 }] }])
  expect(project.evaluations.list()).toMatchObject([{ id: 1, finished: true, table: { methods: [{ name: 'base', label: expect.any(String) }, { name: 're-control' }] } }])
  expect(project.evaluations.responses(1).map(({ text }) => text).sort()).toEqual(rows('evaluationResponses').map(({ text }) => text).sort())
  if (version >= 5) expect(project.preferenceHeads.list()).toMatchObject([{ dataset: 1, datasetName: 'rows' }])
  expect(project.jobs.list(50).map(({ state }) => state)).toEqual(rows('jobs').map(() => 'done'))
  expect(listMethods().length).toBeGreaterThan(10)
})

test.each(fixtureVersions)('and after version %i the schema is that of a new project, with keys that lead somewhere', (version) => {
  const schemaOf = (directory: string): unknown[] => {
    const db = new Database(databaseOf(directory), { readonly: true })
    onTestFinished(() => void db.close())
    expect(db.pragma('user_version', { simple: true })).toBe(schemaVersion)
    expect(db.pragma('foreign_key_check')).toEqual([])
    expect(db.pragma('integrity_check', { simple: true })).toBe('ok')
    return db.prepare("SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name").all()
  }
  const directory = unpacked(version)
  Project.open(directory).close()
  const fresh = join(ownDirectory(), 'new')
  Project.create(fresh, null).close()
  expect(schemaOf(directory)).toEqual(schemaOf(fresh))
})

test.each(fixtureVersions.filter((version) => version < schemaVersion))('version %i is backed up before its first migration, and can be gone back to', (version) => {
  const directory = unpacked(version)
  const before = contentOf(databaseOf(directory))
  Project.open(directory).close()
  const [backup, ...others] = listBackups(directory)
  expect(others).toEqual([])
  expect(backup).toMatchObject({ schema: version, reason: 'migration' })
  expect(contentOf(join(directory, 'backups', backup!.name))).toEqual(before)

  const now = contentOf(databaseOf(directory))
  const aside = restoreBackup(directory, backup!.name)
  expect(contentOf(databaseOf(directory))).toEqual(before)
  expect(contentOf(join(directory, aside!))).toEqual(now)
  expect(opened(directory).summary().counts).toMatchObject({ examples: 33, valueFunctions: 1 })
})

test('a project of this version is not backed up when it is opened again on the same day', () => {
  const directory = join(ownDirectory(), 'project')
  Project.create(directory, null).close()
  Project.open(directory).close()
  expect(existsSync(join(directory, 'backups'))).toBe(false)
})

test('a project of a newer version is refused, and no file of it changes', () => {
  const directory = unpacked(schemaVersion)
  const db = new Database(databaseOf(directory))
  db.pragma('journal_mode = WAL') // as the studio leaves it
  db.pragma(`user_version = ${schemaVersion + 1}`)
  db.close()
  const copy = join(ownDirectory(), 'copy')
  cpSync(directory, copy, { recursive: true })
  expect(() => Project.open(directory)).toThrow(expect.objectContaining({ code: 'project-newer', message: expect.stringContaining('unchanged') }))
  expect(() => Project.open(directory)).toThrow(/newer version/)
  const names = (of: string): string[] => readdirSync(of, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name).slice(of.length)).sort()
  expect(names(directory)).toEqual(names(copy))
  for (const name of names(copy)) expect(readFileSync(join(directory, name)).equals(readFileSync(join(copy, name))), name).toBe(true)
})
