/** A damaged database without a good backup: what can be read of it is in a new project, and the damaged one is untouched. */
import Database from 'better-sqlite3'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { exampleFilter } from '../../src-main/contract/data.ts'
import type { SalvagedTable } from '../../src-main/contract/project.ts'
import { Project } from '../../src-main/engine/project/project.ts'
import { salvage, salvageFolder } from '../../src-main/engine/project/salvage.ts'
import { rewardSummaries } from '../../src-main/engine/reward/summary.ts'
import { ownDirectory, temporaryDirectory } from '../engine/studio.ts'
import { seededRandom } from '../fixtures/random.ts'
import { fixtureVersions, unpackProject } from './projects.ts'

const databaseOf = (directory: string): string => join(directory, 'project.db')
const hashOf = (directory: string): string => readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)).filter((file) => !file.endsWith('-shm')).sort()
  .map((file) => `${file} ${createHash('sha256').update(readFileSync(file)).digest('hex')}`).join('\n')
const bySql = (directory: string, sql: string): any => {
  const db = new Database(databaseOf(directory), { readonly: true })
  try {
    return db.prepare(sql).pluck().all()
  } finally {
    db.close()
  }
}

/** Overwrites pages, counted from 1. */
function spoil(directory: string, pages: number[], byte = 0xa5): void {
  const bytes = readFileSync(databaseOf(directory))
  const size = bytes.readUInt16BE(16) === 1 ? 65536 : bytes.readUInt16BE(16)
  for (const page of pages) bytes.fill(byte, (page - 1) * size, Math.min(page * size, bytes.length))
  writeFileSync(databaseOf(directory), bytes)
}

/** Leaves of a table's tree, in their order. */
const leaves = (directory: string, table: string): number[] => bySql(directory, `SELECT pageno FROM dbstat WHERE name = '${table}' AND pagetype = 'leaf' ORDER BY path`) as number[]

function salvaged(directory: string): { project: Project; tables: Map<string, SalvagedTable>; into: string } {
  const into = salvageFolder(directory)
  const before = hashOf(directory)
  const tables = new Map(salvage(directory, into).map((table) => [table.name, table]))
  expect(hashOf(directory)).toBe(before)
  const project = Project.open(into)
  onTestFinished(() => project.close())
  return { project, tables, into }
}

test.each([1, 3, 4, 8, fixtureVersions.at(-1)!])('of a whole project of version %i all is salvaged', async (version) => {
  const directory = unpackProject(version, join(ownDirectory(), 'project'))
  const examples = bySql(directory, 'SELECT prompt FROM examples ORDER BY id') as string[]
  const responses = bySql(directory, 'SELECT text FROM responses ORDER BY id') as string[]
  const [id] = bySql(directory, 'SELECT id FROM project') as string[]
  const { project, tables } = salvaged(directory)
  expect([...tables.values()].filter(({ lost }) => lost !== 0)).toEqual([])
  expect(project.summary()).toMatchObject({ counts: { datasets: 1, examples: 33, collections: 1, responses: responses.length, valueFunctions: 1, evaluations: 1 } })
  expect(project.summary().id).not.toBe(id)
  expect(project.datasets.tasks(1, null, null).map(({ prompt }) => prompt)).toEqual(examples)
  expect((await project.examples.page({ dataset: 1, filter: exampleFilter.parse({ search: 'question' }), order: 'line' }, 0, 50)).total).toBe(32)
  expect(rewardSummaries(project, 1)).toHaveLength(2)
  expect(project.conversations.page('', 0, 10).total).toBeGreaterThan(0)
})

let made: string | null = null
afterAll(() => made !== null && rmSync(made, { recursive: true }))

/** 2,400 examples of some length, so that their table has many pages; a copy of the one that was made first. */
function largeProject(): string {
  const directory = join(ownDirectory(), 'project')
  made ??= makeLargeProject(join(temporaryDirectory(), 'project'))
  cpSync(made, directory, { recursive: true })
  return directory
}

function makeLargeProject(directory: string): string {
  const project = Project.create(directory, null)
  const dataset = project.datasets.create('rows', 'rows.jsonl', 'prompts')
  project.datasets.add(dataset, Array.from({ length: 2400 }, (_, i) => {
    const prompt = `Question ${i}: ${'why '.repeat(20 + (i % 30))}`
    return { line: i + 1, split: i % 10 === 0 ? 'held-out' as const : 'train' as const, prompt, messages: [{ role: 'user' as const, content: prompt }], chosen: null, rejected: null, columns: { number: i } }
  }), [])
  project.close()
  return directory
}

describe('pages that are overwritten', () => {
  test('one in the middle, three apart, the first and the last of a table: every row of the others is there', async () => {
    for (const choose of [(all: number[]) => [all[Math.floor(all.length / 2)]!], (all: number[]) => [all[3]!, all[40]!, all[41]!, all[90]!], (all: number[]) => [all[0]!], (all: number[]) => [all.at(-1)!]]) {
      const directory = largeProject()
      const pages = choose(leaves(directory, 'examples'))
      const whole = new Map((bySql(directory, "SELECT json_array(id, prompt) FROM examples") as string[]).map((row) => JSON.parse(row) as [number, string]))
      spoil(directory, pages)
      expect(() => Project.open(directory)).toThrow(expect.objectContaining({ code: 'project-damaged' }))
      const { project, tables } = salvaged(directory)
      const found = project.datasets.tasks(1, null, null)
      const { rows, lost } = tables.get('examples')!
      expect(rows).toBe(found.length)
      expect(rows + lost!).toBe(2400)
      expect(lost).toBeGreaterThan(0)
      expect(lost).toBeLessThan(60 * pages.length) // what those pages held, and no more
      for (const { id, prompt } of found) expect(prompt).toBe(whole.get(id))
      expect(project.datasets.get(1)).toMatchObject({ examples: rows })
      expect((await project.examples.page({ dataset: 1, filter: exampleFilter.parse({}), order: 'longest' }, 0, 5)).total).toBe(rows)
    }
  }, 60_000)

  test('an index alone: nothing is lost', () => {
    const directory = largeProject()
    spoil(directory, leaves(directory, 'examplesByDataset'))
    const { tables } = salvaged(directory)
    expect(tables.get('examples')).toEqual({ name: 'examples', rows: 2400, lost: 0 })
  })

  test('the only page of what others belong to: they go too, and are counted', () => {
    const directory = largeProject()
    spoil(directory, leaves(directory, 'datasets'))
    const into = salvageFolder(directory)
    const tables = new Map(salvage(directory, into).map((table) => [table.name, table]))
    expect(tables.get('datasets')).toMatchObject({ rows: 0 })
    expect(tables.get('examples')).toEqual({ name: 'examples', rows: 0, lost: 2400 })
    expect(bySql(into, 'PRAGMA foreign_key_check')).toEqual([])
  })

  test('the header, or all of them: said so, and nothing is left', () => {
    for (const pages of [[1], Array.from({ length: 300 }, (_, i) => i + 1)]) {
      const directory = largeProject()
      spoil(directory, pages)
      const into = salvageFolder(directory)
      expect(() => salvage(directory, into)).toThrow(expect.objectContaining({ code: 'project-damaged' }))
      expect(existsSync(into)).toBe(false)
    }
  })
})

test('bytes flipped anywhere: a project that opens with what is left, or a word that there is none', () => {
  const random = seededRandom(61)
  let opened = 0
  for (let trial = 0; trial < 10; trial++) {
    const directory = unpackProject(fixtureVersions.at(-1)!, join(ownDirectory(), 'project'))
    const bytes = readFileSync(databaseOf(directory))
    for (let flip = 0; flip < 8; flip++) bytes[100 + Math.floor(random.uniform() * (bytes.length - 100))]! ^= 1 << Math.floor(random.uniform() * 8)
    writeFileSync(databaseOf(directory), bytes)
    const into = salvageFolder(directory)
    try {
      salvage(directory, into)
    } catch (error) {
      expect(error).toMatchObject({ code: 'project-damaged' })
      expect(existsSync(into)).toBe(false)
      continue
    }
    const project = Project.open(into)
    for (const { id } of project.collections.list()) project.responses.page(id, { source: null, order: 'collected', offset: 0, limit: 50 })
    for (const { id } of project.datasets.list()) project.datasets.tasks(id, null, null)
    project.evaluations.list()
    project.valueFunctions.list()
    project.conversations.page('', 0, 10)
    project.close()
    opened++
  }
  expect(opened).toBeGreaterThan(3)
})

test('one that is open, that is not there, or whose place is taken is refused', () => {
  const directory = largeProject()
  expect(() => salvage(join(directory, 'none'), salvageFolder(directory))).toThrow(expect.objectContaining({ code: 'not-found' }))
  const project = Project.open(directory)
  expect(() => salvage(directory, salvageFolder(directory))).toThrow(expect.objectContaining({ code: 'project-locked' }))
  project.close()
  expect(() => salvage(directory, directory)).toThrow(expect.objectContaining({ code: 'bad-request' }))
  rmSync(salvageFolder(directory), { recursive: true, force: true })
})
