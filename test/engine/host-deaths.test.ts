/** The model host is killed as the kernel would, at moments that nobody chose: what is finished is kept, the job goes on. */
import Database from 'better-sqlite3'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { collectSettings } from '../../src-main/contract/collect.ts'
import { evaluateSettings } from '../../src-main/contract/evaluate.ts'
import { trainSettings } from '../../src-main/contract/value.ts'
import { responseSeed } from '../../src-main/engine/collect/seed.ts'
import { Project } from '../../src-main/engine/project/project.ts'
import { seededRandom } from '../fixtures/random.ts'
import { drawn, greedy, openStudio, scoredPrompts, type Studio } from './studio.ts'

const prompts = 12
const samples = 2
const stateBytes = 128 * 2

let studio: Studio
let dataset = 0
beforeEach(async () => {
  // large enough that four responses take about 200 ms
  studio = await openStudio({ embedding: 128, layers: 4 })
  dataset = await studio.importRows(scoredPrompts(prompts, 10))
})
afterEach(() => studio.close())

const settings = () => collectSettings.parse({ dataset, split: null, samples, maxTokens: 100, parallel: 4, seed: 11, sampling: drawn })

interface Row {
  line: number
  sample: number
  seed: number
  shard: string
  offset: number
  states: number
  crc32: number
}

/** Every response is there once, with the seed of its place and whole states; the shards hold nothing else. */
async function expectComplete(collection: number): Promise<void> {
  const { directory, statesDirectory } = studio.project
  await studio.engine.close()
  const db = new Database(join(directory, 'project.db'), { readonly: true })
  const rows = db.prepare('SELECT e.line, r.* FROM responses r JOIN examples e ON e.id = r.example WHERE r.collection = ? ORDER BY e.line, r.sample').all(collection) as Row[]
  db.close()
  expect(rows.map((row) => `${row.line}/${row.sample}`)).toEqual(Array.from({ length: prompts }, (_, i) => [`${i + 1}/0`, `${i + 1}/1`]).flat())
  expect(rows.map((row) => row.seed)).toEqual(rows.map((row) => responseSeed(11, row.line, row.sample)))
  let end = 0
  for (const row of [...rows].sort((a, b) => a.offset - b.offset)) {
    expect(row.offset).toBe(end)
    end += row.states * stateBytes
    const bytes = readFileSync(join(statesDirectory, row.shard)).subarray(row.offset, end)
    expect(crc32(bytes)).toBe(row.crc32)
  }
  expect(statSync(join(statesDirectory, rows[0]!.shard)).size).toBe(end)
  await studio.engine.open(() => Project.open(directory))
}

/** Calls `act` after so many milliseconds, once a sample number has come. */
function atSample(number: number, milliseconds: number, act: () => void): void {
  let seen = 0
  studio.on('collect.sample', () => {
    if (++seen === number) setTimeout(act, milliseconds)
  })
}

describe('killed while collecting', () => {
  const random = seededRandom(20)
  const moments = Array.from({ length: 5 }, () => ({ at: 1 + Math.floor(random.uniform() * 16), after: Math.floor(random.uniform() * 150) }))

  test.each(moments)('after sample $at and $after ms: the job goes on by itself', async ({ at, after }) => {
    atSample(at, after, studio.killHost)
    const job = await studio.run('collect', settings())
    expect(job).toMatchObject({ state: 'done', done: prompts * samples, total: prompts * samples, failure: null })
    expect(studio.hosts()).toBe(2)
    const told = studio.events.filter(({ event }) => event !== 'job').map(({ payload }) => JSON.stringify(payload))
    expect(told.some((text) => /killed by SIGKILL.*kept/.test(text))).toBe(true)
    await expectComplete(job.subject as number)
  })

  test('more often than it is given up after, with progress in between', async () => {
    for (const at of [3, 7, 11, 15]) atSample(at, 0, studio.killHost)
    const job = await studio.run('collect', settings())
    expect(job).toMatchObject({ state: 'done', failure: null })
    expect(studio.hosts()).toBe(5)
    await expectComplete(job.subject as number)
  })

  test('while it loads the model', async () => {
    let launches = 0
    studio.onLaunch(() => void (++launches === 1 && setTimeout(studio.killHost, 30)))
    const job = await studio.run('collect', settings())
    expect(job).toMatchObject({ state: 'done', failure: null })
    await expectComplete(job.subject as number)
  })

  test('again and again without progress: given up, kept, and a resume finishes it', async () => {
    atSample(5, 0, () => {
      studio.onLaunch(studio.killHost)
      studio.killHost()
    })
    const failed = await studio.run('collect', settings())
    expect(failed).toMatchObject({ state: 'failed', failure: { code: 'model-host-exited', retryable: true, message: expect.stringContaining('kept') } })
    expect(studio.hosts()).toBe(3)
    const kept = studio.project.collections.get(failed.subject as number).responses
    expect(kept).toBeGreaterThanOrEqual(5)
    expect(kept).toBeLessThan(prompts * samples)

    studio.onLaunch(() => {})
    studio.engine.jobs.resume(failed.id)
    expect(await studio.engine.jobs.finished(failed.id)).toMatchObject({ state: 'done', failure: null, subject: failed.subject })
    await expectComplete(failed.subject as number)
  })

  test('a pause and a death are told apart: paused jobs stay paused and resume to the same set', async () => {
    const started = studio.engine.jobs.start('collect', settings())
    await new Promise<void>((resolve) => atSample(6, 0, resolve))
    const paused = await studio.engine.jobs.pause(started.id)
    expect(paused).toMatchObject({ state: 'paused', failure: null })
    studio.killHost()
    expect(studio.engine.jobs.list()[0]).toMatchObject({ state: 'paused' })
    studio.engine.jobs.resume(started.id)
    expect(await studio.engine.jobs.finished(started.id)).toMatchObject({ state: 'done' })
    await expectComplete(paused.subject as number)
  })

  test('and discarded: rows and states are gone', async () => {
    const started = studio.engine.jobs.start('collect', settings())
    await new Promise<void>((resolve) => atSample(4, 0, resolve))
    const discarded = await studio.engine.jobs.discard(started.id)
    expect(discarded.state).toBe('stopped')
    expect(studio.project.collections.list()).toEqual([])
    expect(statSync(join(studio.project.statesDirectory, `collection-${discarded.subject}.0000.f16`), { throwIfNoEntry: false })).toBeUndefined()
  })

  // a chat beside a collection: both find the host dead at the same time
  test('two who need the model after a death share one new host', async () => {
    const { models } = studio.engine
    const first = await models.use(studio.project)
    studio.killHost()
    while (first.alive) await new Promise(setImmediate)
    const [a, b] = await Promise.all([models.use(studio.project), models.use(studio.project)])
    expect(a).toBe(b)
    expect(a.alive).toBe(true)
    expect(studio.hosts()).toBe(2)
  })
})

describe('killed while', () => {
  async function labelled(): Promise<number> {
    const { subject: collection } = await studio.run('collect', { ...settings(), split: 'train' })
    await studio.run('reward', { collection, source: 'column', settings: { column: 'score' } })
    return collection as number
  }

  test('training: it starts again and ends with the weights of an uninterrupted run', async () => {
    const training = trainSettings.parse({ collection: await labelled(), source: 'column', hidden: 64, layers: 2, epochs: 60, learningRate: 1e-3, patience: 0, batch: 32 })
    let epochs = 0
    studio.on('train.epoch', () => void (++epochs === 7 && studio.killHost()))
    const killed = await studio.run('train', training)
    expect(killed).toMatchObject({ state: 'done', failure: null, done: 60, total: 60 })
    expect(epochs).toBeGreaterThan(60)
    expect(studio.hosts()).toBe(2)
    const { valueFunctions } = studio.project
    expect(valueFunctions.list()).toHaveLength(1)
    expect(valueFunctions.detail(killed.subject as number).curve.map((e) => e.epoch)).toEqual(Array.from({ length: 60 }, (_, i) => i + 1))
    const whole = await studio.run('train', training)
    expect(valueFunctions.network(killed.subject as number)).toEqual(valueFunctions.network(whole.subject as number))
  })

  test('evaluating: the table is that of an uninterrupted run', async () => {
    const evaluation = evaluateSettings.parse({ dataset, split: null, methods: [{ name: 'base' }, { name: 'prompting' }], maxTokens: 16, parallel: 3, sampling: greedy })
    studio.on('job', (job) => void (job.kind === 'evaluate' && job.phase.includes('prompting') && studio.hosts() === 1 && studio.killHost()))
    const job = await studio.run('evaluate', evaluation)
    expect(job).toMatchObject({ state: 'done', failure: null })
    expect(studio.hosts()).toBe(2)
    const scored = studio.project.evaluations.responses(job.subject as number)
    expect(new Set(scored.map((r) => `${r.method}/${r.example}`)).size).toBe(2 * prompts)
    expect(scored).toHaveLength(2 * prompts)
    const whole = await studio.run('evaluate', evaluation)
    expect(studio.project.evaluations.responses(whole.subject as number).map((r) => r.text)).toEqual(scored.map((r) => r.text))
  })
})
