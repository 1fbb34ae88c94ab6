/** A disk that is full, on a small file system in memory: jobs pause with a clear message, nothing is lost, and they go on when there is room. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { deviceChoice } from '../../src-main/contract/device.ts'
import { collectSettings } from '../../src-main/contract/collect.ts'
import { trainSettings } from '../../src-main/contract/value.ts'
import { estimateCollection } from '../../src-main/engine/collect/collect.ts'
import { keepDeviceChoice } from '../../src-main/engine/models/device-choice.ts'
import { listBackups } from '../../src-main/engine/project/backups.ts'
import { schemaVersion } from '../../src-main/engine/project/migrate.ts'
import { Project } from '../../src-main/engine/project/project.ts'
import { addRecent, forgetRecent } from '../../src-main/engine/project/recent.ts'
import { drawn, openStudio, scoredPrompts, writeRows, type Studio } from '../engine/studio.ts'
import { expectWhole } from './kills.ts'
import { contentOf, unpackProject } from './projects.ts'

const disk = mkdtempSync(join(tmpdir(), 're-control-disk-'))
const mounted = mount()

function mount(): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', disk], { stdio: 'ignore' })
    return true
  } catch {
    console.warn('Disk-full tests are skipped: a small file system cannot be mounted here (they need root)')
    return false
  }
}
afterAll(() => {
  if (mounted) execFileSync('umount', [disk])
  rmSync(disk, { recursive: true, force: true })
})

const ballast = join(disk, 'ballast')
/** Leaves so many bytes free. */
function fill(free: number): void {
  rmSync(ballast, { force: true })
  const { bavail, bsize } = statfsSync(disk)
  writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail * bsize - free)))
}
const makeRoom = (): void => rmSync(ballast, { force: true })

let studio: Studio
beforeAll(async () => (studio = await openStudio({ embedding: 64, layers: 2 })))
afterAll(() => studio.close())

const directory = join(disk, 'project')
beforeEach(async () => {
  if (mounted) await studio.engine.open(() => Project.create(directory, studio.modelFile))
})
afterEach(async () => {
  makeRoom()
  await studio.engine.close()
  for (const name of mounted ? readdirSync(disk) : []) rmSync(join(disk, name), { recursive: true })
})

const project = (): Project => studio.engine.project

function resumed(id: number): ReturnType<Studio['run']> {
  studio.engine.jobs.resume(id)
  return studio.engine.jobs.finished(id)
}

const full = { state: 'paused', failure: { code: 'disk-full', message: expect.stringMatching(/disk is full/) } }

test.skipIf(!mounted)('collecting pauses, keeps every response that was finished, and goes on to the whole set', async () => {
  const dataset = await studio.importRows(scoredPrompts(40))
  const settings = collectSettings.parse({ dataset, split: null, samples: 2, maxTokens: 60, parallel: 4, seed: 5, sampling: drawn })
  const estimate = await estimateCollection(settings, project())
  expect(estimate.diskFree).toBeLessThan(8 * 1024 * 1024)
  expect(estimate.bytes).toBe(80 * 60 * 64 * 2)
  fill(200_000)
  const paused = await studio.run('collect', settings)
  expect(paused).toMatchObject(full)
  const kept = project().responses.page(paused.subject as number, { source: null, order: 'collected', offset: 0, limit: 500 })
  expect(kept.total).toBeLessThan(80)
  const again = await resumed(paused.id) // still full
  expect(again).toMatchObject(full)
  makeRoom()
  expect(await resumed(paused.id)).toMatchObject({ state: 'done', failure: null, done: 80 })
  const { responses } = project().responses.page(paused.subject as number, { source: null, order: 'collected', offset: 0, limit: 500 })
  expect(new Set(responses.map(({ example, sample }) => `${example}/${sample}`)).size).toBe(80)
  expect(responses).toHaveLength(80)
  expect(responses.slice(0, kept.total).map(({ id, text }) => ({ id, text }))).toEqual(kept.responses.map(({ id, text }) => ({ id, text })))
  await studio.engine.close()
  expectWhole(directory)
})

test.skipIf(!mounted)('importing pauses and leaves nothing half; with room all rows are in, once', async () => {
  const file = writeRows(join(studio.directory, 'large.jsonl'), Array.from({ length: 4000 }, (_, i) => ({ prompt: `A long enough question ${i}, that takes some room on the disk` })))
  fill(250_000)
  const paused = await studio.run('import', { file, format: null, map: {} })
  expect(paused).toMatchObject(full)
  expect(project().datasets.list()).toEqual([])
  makeRoom()
  expect(await resumed(paused.id)).toMatchObject({ state: 'done', failure: null })
  expect(project().datasets.list()).toMatchObject([{ examples: 4000 }])
  await studio.engine.close()
  expectWhole(directory)
})

test.skipIf(!mounted)('training says that it keeps no checkpoint, goes on, and ends with the same weights', async () => {
  const dataset = await studio.importRows(scoredPrompts(12))
  const { subject: collection } = await studio.run('collect', collectSettings.parse({ dataset, split: null, samples: 2, maxTokens: 12, seed: 1, sampling: drawn }))
  await studio.run('reward', { collection, source: 'column', settings: { column: 'score' } })
  const settings = trainSettings.parse({ collection, source: 'column', hidden: 512, layers: 1, epochs: 40, patience: 0, batch: 16, seed: 4 })
  const whole = await studio.run('train', settings)
  studio.events.splice(0)
  const { id } = studio.engine.jobs.start('train', settings)
  await new Promise<void>((resolve) => studio.on('train.epoch', ({ job, epoch }) => job === id && epoch.epoch >= 3 && resolve()))
  fill(40_000) // a checkpoint has some 400,000 bytes
  const paused = await studio.engine.jobs.pause(id)
  expect(paused).toMatchObject({ state: 'paused' })
  expect(studio.events.flatMap(({ event, payload }) => (event === 'notice' ? [payload.text] : []))).toEqual([expect.stringMatching(/would start over after an interruption: The disk is full/)])
  makeRoom()
  const done = await resumed(id)
  expect(done).toMatchObject({ state: 'done', failure: null })
  expect(project().valueFunctions.network(done.subject as number)).toEqual(project().valueFunctions.network(whole.subject as number))
})

test.skipIf(!mounted)('a small file that has no room stays as it was, and nothing is left beside it', () => {
  const data = join(disk, 'data')
  keepDeviceChoice(data, deviceChoice.parse({ device: 'cpu', threads: 3 }))
  const recent = Array.from({ length: 12 }, (_, i) => ({ name: `project ${i}`, path: `/somewhere/${'deep/'.repeat(200)}${i}` }))
  for (const one of recent) addRecent(data, one)
  const before = readFileSync(join(data, 'recent-projects.json'))
  fill(0)
  addRecent(data, { name: 'one more', path: '/elsewhere' }) // a list that only saves clicks keeps nobody from their work
  expect(() => forgetRecent(data, recent[0]!.path)).toThrow(/ENOSPC/)
  expect(readFileSync(join(data, 'recent-projects.json')).equals(before)).toBe(true)
  fill(4096) // room for a part of it: what is written must not be taken for all
  expect(() => forgetRecent(data, recent[0]!.path)).toThrow(/ENOSPC/)
  expect(readFileSync(join(data, 'recent-projects.json')).equals(before)).toBe(true)
  expect(readdirSync(data).sort()).toEqual(['device.json', 'recent-projects.json'])
})

test.skipIf(!mounted)('an export is there whole or not at all', async () => {
  const dataset = await studio.importRows(scoredPrompts(2000))
  const file = join(disk, 'rows.csv')
  fill(60_000)
  const paused = await studio.run('export', { what: 'examples', of: dataset, format: 'csv', file })
  expect(paused).toMatchObject({ state: 'paused', failure: { code: 'disk-full', message: expect.stringContaining('rows.csv was not written') } })
  expect(readdirSync(disk).filter((name) => name.startsWith('rows'))).toEqual([])
  makeRoom()
  expect(await resumed(paused.id)).toMatchObject({ state: 'done' })
  expect(readFileSync(file, 'utf8').trimEnd().split('\n')).toHaveLength(2001)
})

test.skipIf(!mounted)('a backup that has no room says how much it needs, and leaves nothing', async () => {
  await studio.importRows(scoredPrompts(1000))
  fill(100_000)
  expect(() => project().backUp()).toThrow(expect.objectContaining({ code: 'disk-full', retryable: true, message: expect.stringMatching(/a backup needs \d\.\d MB, and 0\.\d MB are free/) }))
  expect(readdirSync(join(directory, 'backups'))).toEqual([])
  makeRoom()
  project().backUp()
  expect(listBackups(directory)).toHaveLength(1)
})

test.skipIf(!mounted).each([0, 30_000, 230_000, 300_000])('an older project with %i bytes free is brought up to date or refused as it was', (free) => {
  const older = unpackProject(schemaVersion - 1, join(disk, 'older'))
  const before = contentOf(join(older, 'project.db'))
  fill(free)
  try {
    Project.open(older).close()
  } catch (error) {
    expect(error).toMatchObject({ code: 'disk-full', message: expect.stringMatching(/must be backed up|disk is full/) })
    makeRoom()
    expect(contentOf(join(older, 'project.db'))).toEqual(before)
  }
  makeRoom()
  const project = Project.open(older)
  expect(project.summary().counts).toMatchObject({ examples: 33, valueFunctions: 1 })
  project.close()
  // a migration that found no room leaves the backup from before it
  expect(listBackups(older).map(({ schema, reason }) => [schema, reason])).toContainEqual([schemaVersion - 1, 'migration'])
})
