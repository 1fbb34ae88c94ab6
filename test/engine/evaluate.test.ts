import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { collectSettings } from '../../src-main/contract/collect.ts'
import { evaluateSettings } from '../../src-main/contract/evaluate.ts'
import { trainSettings } from '../../src-main/contract/value.ts'
import { writeTinyModel } from '../fixtures/tiny-model.ts'
import { greedy, openStudio, scoredPrompts, type Studio } from './studio.ts'

let studio: Studio
afterEach(() => studio.close())

describe('an evaluation', () => {
  const methods = [{ name: 'base' }, { name: 'prompting' }]
  const settings = (dataset: number) => evaluateSettings.parse({ dataset, split: null, methods, maxTokens: 12, parallel: 2, sampling: greedy })

  // the seconds of a method that was through before the pause belong to another run of the job
  test('paused goes on where it was, and every method\'s time is known', async () => {
    studio = await openStudio()
    const { jobs } = studio.engine
    const { id } = jobs.start('evaluate', settings(await studio.importRows(scoredPrompts(10))))
    // the base model is through when the second method begins
    await new Promise<void>((resolve) => studio.on('job', (job) => void (job.kind === 'evaluate' && job.phase.includes('prompting') && resolve())))
    const paused = await jobs.pause(id)
    expect(paused.state).toBe('paused')
    const before = studio.project.evaluations.responses(paused.subject as number)
    expect(before.filter((r) => r.method === 0)).toHaveLength(10)
    expect(studio.project.evaluations.get(paused.subject as number)).toMatchObject({ finished: false, table: null, report: null })

    jobs.resume(id)
    const done = await jobs.finished(id)
    expect(done).toMatchObject({ state: 'done', subject: paused.subject, done: 20, total: 20 })
    const { table } = studio.project.evaluations.get(paused.subject as number)
    expect(table?.methods.map((m) => m.responses)).toEqual([10, 10])
    for (const { name, secondsPerToken } of table!.methods) expect(secondsPerToken, name).toBeGreaterThan(0)
  })

  test('shows what the model writes as text, even markup', async () => {
    studio = await openStudio({ repeats: '<script>:' })
    const prompt = '<img src=x onerror="alert(1)"> & <b>bold</b>'
    const job = await studio.run('evaluate', settings(await studio.importRows([{ prompt }, { prompt: '</pre><script>alert(2)</script>' }])))
    expect(job.failure).toBeNull()
    const { report, datasetName } = studio.project.evaluations.get(job.subject as number)
    const page = readFileSync(report as string, 'utf8')
    expect(page).toContain(datasetName)
    expect(page).toContain('&gt;:&lt;script&gt;')
    expect(page).toContain('&lt;img src=x onerror=&quot;alert(1)&quot;&gt;')
    expect(page).not.toMatch(/<script|<img|<b>/i)
  })

  test('of methods that are not there makes nothing', async () => {
    studio = await openStudio()
    const job = await studio.run('evaluate', { ...settings(await studio.importRows(scoredPrompts(2))), methods: [{ name: 'nothing', settings: {} }] })
    expect(job.failure).toMatchObject({ code: 'bad-request' })
    expect(studio.project.evaluations.list()).toEqual([])
    expect(studio.hosts()).toBe(0)
  })
})

describe('training', () => {
  test('is refused in words where there is nothing to learn from', async () => {
    studio = await openStudio()
    const { subject: collection } = await studio.run('collect', collectSettings.parse({ dataset: await studio.importRows(scoredPrompts(3).map((row) => ({ ...row, score: 0.1 }))), maxTokens: 2, sampling: greedy }))
    const training = trainSettings.parse({ collection, source: 'column', hidden: 8, epochs: 1 })
    expect((await studio.run('train', training)).failure).toMatchObject({ code: 'bad-request', message: expect.stringContaining('label it first') })
    await studio.run('reward', { collection, source: 'column', settings: { column: 'score' } })
    expect((await studio.run('train', training)).failure).toMatchObject({ code: 'bad-request', message: expect.stringContaining('are the same (0.1)') })
  })

  test('does not use states that are damaged on the disk', async () => {
    studio = await openStudio()
    const { subject: collection } = await studio.run('collect', collectSettings.parse({ dataset: await studio.importRows(scoredPrompts(4)), maxTokens: 3, sampling: greedy }))
    await studio.run('reward', { collection, source: 'column', settings: { column: 'score' } })
    const shard = join(studio.project.statesDirectory, `collection-${collection}.0000.f16`)
    const bytes = readFileSync(shard)
    bytes[200]! ^= 1
    writeFileSync(shard, bytes)
    const { failure } = await studio.run('train', trainSettings.parse({ collection, source: 'column', hidden: 8, epochs: 1 }))
    expect(failure).toMatchObject({ code: 'project-damaged', message: expect.stringContaining('1 of 4'), details: expect.stringContaining('damaged at byte') })
    expect(studio.project.valueFunctions.list()).toEqual([])
  })
})

describe('a model that cannot be used', () => {
  const notUsable: [string, (path: string, whole: Buffer) => void, string][] = [
    ['missing', () => {}, 'not-found'],
    ['a text file', (path) => writeFileSync(path, 'this is not a model'), 'not-usable'],
    ['empty', (path) => writeFileSync(path, ''), 'not-usable'],
    ['a folder', (path) => mkdirSync(path), 'not-usable'],
    ['its four first bytes', (path) => writeFileSync(path, 'GGUF'), 'not-usable'],
    ['cut off in the header', (path, whole) => writeFileSync(path, whole.subarray(0, 3000)), 'not-usable'],
    ['cut off in the tensors', (path, whole) => writeFileSync(path, whole.subarray(0, whole.length / 2)), 'not-usable'],
    ['a header that claims 2^60 tensors', (path, whole) => { const bytes = Buffer.from(whole); bytes.writeBigUInt64LE(1n << 60n, 8); writeFileSync(path, bytes) }, 'not-usable'],
    ['an unknown version', (path, whole) => { const bytes = Buffer.from(whole); bytes.writeUInt32LE(99, 4); writeFileSync(path, bytes) }, 'not-usable']
  ]
  test.each(notUsable)('%s', async (_what, make, code) => {
    studio = await openStudio()
    const dataset = await studio.importRows(scoredPrompts(2))
    const path = join(studio.directory, 'bad.gguf')
    make(path, readFileSync(studio.modelFile))
    studio.project.modelFile = path
    const job = await studio.run('collect', collectSettings.parse({ dataset, maxTokens: 2 }))
    expect(job).toMatchObject({ state: 'failed', subject: null, failure: { code, message: expect.stringContaining('bad.gguf') } })
    expect(studio.project.collections.list()).toEqual([])
    // and the project goes on with another one
    studio.project.modelFile = studio.modelFile
    expect(await studio.run('collect', collectSettings.parse({ dataset, maxTokens: 2 }))).toMatchObject({ state: 'done' })
  })

  test('none at all', async () => {
    studio = await openStudio()
    const dataset = await studio.importRows(scoredPrompts(2))
    studio.project.modelFile = null
    expect((await studio.run('collect', collectSettings.parse({ dataset }))).failure).toMatchObject({ code: 'no-model' })
  })

  test('another one than the value function was trained with is told', async () => {
    studio = await openStudio()
    const dataset = await studio.importRows(scoredPrompts(6, 5))
    const { subject: collection } = await studio.run('collect', collectSettings.parse({ dataset, maxTokens: 3, sampling: greedy }))
    await studio.run('reward', { collection, source: 'column', settings: { column: 'score' } })
    const { subject: valueFunction } = await studio.run('train', trainSettings.parse({ collection, source: 'column', hidden: 8, epochs: 2 }))
    const other = join(studio.directory, 'other.gguf')
    writeTinyModel(other, { embedding: 32 })
    studio.project.modelFile = other
    const job = await studio.run('evaluate', evaluateSettings.parse({ dataset, methods: [{ name: 're-control', settings: { valueFunction } }], maxTokens: 2 }))
    expect(job.failure).toMatchObject({ code: 'bad-request', message: expect.stringContaining('another model') })
  })
})
