/** Files of states that a crash left without a row: what is removed, what is set aside, and what must stay. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { collectSettings } from '../../src-main/contract/collect.ts'
import { trainSettings } from '../../src-main/contract/value.ts'
import { listBackups, restoreBackup } from '../../src-main/engine/project/backups.ts'
import { Project } from '../../src-main/engine/project/project.ts'
import { openStudio, ownDirectory, scoredPrompts, type Studio } from '../engine/studio.ts'

let studio: Studio
/** a project with one collection, which is finished */
let whole = ''
let collection = 0
beforeAll(async () => {
  studio = await openStudio({ embedding: 64, layers: 2 })
  const dataset = await studio.importRows(scoredPrompts(3))
  const { subject } = await studio.run('collect', collectSettings.parse({ dataset, split: null, maxTokens: 4, deterministic: true }))
  collection = subject as number
  whole = studio.project.directory
  await studio.engine.close()
})
afterAll(() => studio.close())

function copy(): string {
  const directory = join(ownDirectory(), 'project')
  cpSync(whole, directory, { recursive: true })
  return directory
}
const states = (directory: string, ...more: string[]): string => join(directory, 'states', ...more)
const filesOf = (directory: string): string[] => readdirSync(states(directory)).sort()

/** As it is opened, and then closed. */
function opened<T>(directory: string, look: (project: Project) => T): T {
  const project = Project.open(directory)
  try {
    return look(project)
  } finally {
    project.close()
  }
}

/** Of one that is of no job's kind, with a state to be in. */
function addJob(project: Project, kind: 'train' | 'preference' | 'collect', state: 'paused' | 'failed' | 'done' | 'stopped', subject: number | null = null): number {
  const { id } = project.jobs.create(kind, 'A job', 'units', kind === 'train' ? trainSettings.parse({ collection, source: 'tone' }) : {})
  project.jobs.update(id, { state, subject })
  return id
}

test('shards whose collection was deleted before a crash are removed, and nothing else', async () => {
  const directory = copy()
  const own = ['notes.txt', 'collection-1.0000.f16.bak', 'my collection-1.0000.f16', 'collection-1.f16']
  for (const name of own) writeFileSync(states(directory, name), 'mine')
  const shards = filesOf(directory).filter((name) => name.startsWith(`collection-${collection}.0`) && !own.includes(name))
  expect(opened(directory, (project) => project.swept)).toEqual({ removed: 0, bytes: 0, setAside: 0 })
  opened(directory, (project) => project.collections.delete(collection)) // and here the process ends
  const bytes = shards.reduce((sum, name) => sum + readFileSync(states(directory, name)).length, 0)
  expect(bytes).toBeGreaterThan(0)

  const { engine, events } = studio
  const before = events.length
  await engine.open(() => Project.open(directory))
  expect(events.slice(before)).toContainEqual({ event: 'project.swept', payload: { removed: shards.length, bytes, setAside: 0 } })
  await engine.close()
  expect(filesOf(directory)).toEqual([...own].sort())
  expect(opened(directory, (project) => project.swept.removed)).toBe(0)
})

test('a shard that was begun and has no row yet goes, unless a job may go on', () => {
  const directory = copy()
  const begun = `collection-${collection}.0001.f16`
  writeFileSync(states(directory, begun), Buffer.alloc(128))
  const shard = readFileSync(states(directory, `collection-${collection}.0000.f16`))
  const job = opened(directory, (project) => {
    const { id } = project.jobs.list(10).find(({ kind }) => kind === 'collect')!
    project.jobs.update(id, { state: 'running' }) // opened again it is paused
    return id
  })
  // the first opening above has swept it: as it is after a kill
  writeFileSync(states(directory, begun), Buffer.alloc(128))
  opened(directory, (project) => {
    expect(project.jobs.get(job).state).toBe('paused')
    expect(project.swept.removed).toBe(0)
    project.jobs.update(job, { state: 'stopped' })
  })
  expect(existsSync(states(directory, begun))).toBe(true)
  expect(opened(directory, (project) => project.swept)).toEqual({ removed: 1, bytes: 128, setAside: 0 })
  expect(readFileSync(states(directory, `collection-${collection}.0000.f16`))).toEqual(shard)
})

test('what a training or a head goes on from stays as long as its job may go on', () => {
  const directory = copy()
  const jobs = opened(directory, (project) => ({
    paused: addJob(project, 'train', 'paused'), failed: addJob(project, 'preference', 'failed'), done: addJob(project, 'train', 'done'), stopped: addJob(project, 'preference', 'stopped')
  }))
  const needed = [`training-${jobs.paused}.checkpoint`, `training-${jobs.paused}.member-1.checkpoint`, `training-${jobs.paused}.samples.json`, `preference-${jobs.failed}.features`]
  const left = [`training-${jobs.done}.checkpoint`, `training-${jobs.done}.checkpoint.77-1.part`, `training-${jobs.done}.member-2.checkpoint`, `training-${jobs.done}.samples.json`, `preference-${jobs.stopped}.features`]
  for (const name of [...needed, ...left]) writeFileSync(states(directory, name), 'x')
  expect(opened(directory, (project) => project.swept)).toEqual({ removed: left.length, bytes: left.length, setAside: 0 })
  expect(filesOf(directory)).toEqual([`collection-${collection}.0000.f16`, ...needed].sort())
})

test('what no row of this project speaks of is set aside and never lost', () => {
  const directory = copy()
  for (const name of ['collection-99.0000.f16', 'training-99.checkpoint', 'preference-99.features']) writeFileSync(states(directory, name), name)
  mkdirSync(states(directory, 'set-aside'))
  writeFileSync(states(directory, 'set-aside', 'training-99.checkpoint'), 'an earlier one')
  expect(opened(directory, (project) => project.swept)).toEqual({ removed: 0, bytes: 0, setAside: 3 })
  expect(filesOf(directory)).toEqual([`collection-${collection}.0000.f16`, 'set-aside'])
  expect(readdirSync(states(directory, 'set-aside')).sort()).toEqual(['collection-99.0000.f16', 'preference-99.features', 'training-99.checkpoint', 'training-99.checkpoint.1'])
  expect(readFileSync(states(directory, 'set-aside', 'training-99.checkpoint'), 'utf8')).toBe('an earlier one')
})

test('after a restore the states that only the set-aside database knows stay, readable or not', () => {
  const directory = copy()
  const shard = `collection-${collection}.0000.f16`
  opened(directory, (project) => {
    project.collections.delete(collection)
    project.backUp()
  })
  const emptied = listBackups(directory)[0]!.name
  // the project as it was, in which the collection is; then the backup that lacks it
  cpSync(join(whole, 'project.db'), join(directory, 'project.db'))
  cpSync(states(whole, shard), states(directory, shard))
  const aside = restoreBackup(directory, emptied)!
  expect(opened(directory, (project) => [project.collections.list().length, project.swept])).toEqual([0, { removed: 0, bytes: 0, setAside: 0 }])
  expect(existsSync(states(directory, shard))).toBe(true)

  const text = readFileSync(join(directory, aside))
  writeFileSync(join(directory, aside), text.subarray(0, 5000))
  expect(opened(directory, (project) => project.swept.removed + project.swept.setAside)).toBe(0)

  renameSync(join(directory, aside), join(directory, 'elsewhere.db')) // the person needs it no more
  expect(opened(directory, (project) => project.swept.removed)).toBe(1)
})

test('a folder of such a name is nobody\'s shard', () => {
  const directory = copy()
  mkdirSync(states(directory, 'collection-98.0000.f16'))
  expect(opened(directory, (project) => project.swept)).toEqual({ removed: 0, bytes: 0, setAside: 0 })
  expect(existsSync(states(directory, 'collection-98.0000.f16'))).toBe(true)
})
