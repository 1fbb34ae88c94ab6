import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { collectSettings } from '../../src-main/contract/collect.ts'
import { evaluateSettings, type EvaluateSettings } from '../../src-main/contract/evaluate.ts'
import { greedy, openStudio, type Studio } from './studio.ts'

let studio: Studio
let dataset = 0
beforeEach(async () => {
  studio = await openStudio({ repeats: 'ab' })
  dataset = await studio.importRows([
    { prompt: 'Question 1', a: 1, b: 10 },
    { prompt: 'Question 2', a: 2, b: 'none' },
    { prompt: 'Question 3', a: 3, b: 30 }
  ])
})
afterEach(() => studio.close())

const settings = (more: Partial<EvaluateSettings> = {}): EvaluateSettings =>
  evaluateSettings.parse({ dataset, split: null, methods: [{ name: 'base' }, { name: 'prompting' }], maxTokens: 4, parallel: 2, sampling: greedy, source: 'column', sourceSettings: { column: 'b' }, ...more })
const responsesOf = (evaluation: number | null) => studio.project.evaluations.responses(evaluation as number).map(({ example, method, reward, failure }) => ({ example, method, reward, failure }))

async function collection(): Promise<number> {
  const { subject } = await studio.run('collect', collectSettings.parse({ dataset, split: null, maxTokens: 2, sampling: greedy }))
  return subject as number
}

describe('an evaluation\'s rewards', () => {
  test('are missing, with the reason, where the source failed', async () => {
    const job = await studio.run('evaluate', settings())
    expect(job).toMatchObject({ state: 'done', done: 6, total: 6 })
    const failure = 'column "b" is not a number'
    expect(responsesOf(job.subject)).toEqual([
      { example: 1, method: 0, reward: 10, failure: null }, { example: 1, method: 1, reward: 10, failure: null },
      { example: 2, method: 0, reward: null, failure }, { example: 2, method: 1, reward: null, failure },
      { example: 3, method: 0, reward: 30, failure: null }, { example: 3, method: 1, reward: 30, failure: null }
    ])
    const { table } = studio.project.evaluations.get(job.subject as number)
    expect(table?.methods).toMatchObject([{ responses: 3, unlabelled: 1, reward: { mean: 20 } }, { responses: 3, unlabelled: 1, reward: { mean: 20 } }])
    expect(table?.paired).toMatchObject([{ prompts: 2, difference: 0 }])
  })

  test('can be by rules, on what the model wrote', async () => {
    const job = await studio.run('evaluate', settings({ source: 'rules', sourceSettings: { rules: ['1 count /b/', '10 has words nothing'] } }))
    const texts = studio.project.evaluations.responses(job.subject as number)
    expect(texts.map(({ text }) => text.split('b').length - 1)).toEqual(texts.map(({ reward }) => reward))
    expect(new Set(texts.map(({ reward }) => reward)).has(0)).toBe(false)
  })

  test('are made in a later run where the source could not be asked; nothing is generated or asked twice', async () => {
    await studio.run('reward', { collection: await collection(), source: 'column', name: 'a', settings: { column: 'a' } })
    const mixed = settings({ source: 'mix', sourceSettings: { parts: ['a=1', 'later=1'], standardise: false } })
    const failed = await studio.run('evaluate', mixed)
    expect(failed).toMatchObject({ state: 'failed', failure: { code: 'not-found', message: expect.stringContaining('later') } })
    const id = failed.subject as number
    const generated = studio.project.evaluations.responses(id)
    expect(generated).toHaveLength(6)
    // as if it had stopped in the middle of labelling
    studio.project.evaluations.addResponse(id, { ...generated[0]!, reward: 77 })
    studio.project.evaluations.addResponse(id, { ...generated[1]!, failure: 'the judge did not answer' })

    await studio.run('reward', { collection: 1, source: 'rules', name: 'later', settings: { rules: ['1 has /ab/'] } })
    studio.engine.jobs.resume(failed.id)
    const hosts = studio.hosts()
    expect(await studio.engine.jobs.finished(failed.id)).toMatchObject({ state: 'done', subject: id, done: 6, total: 6 })
    expect(studio.hosts()).toBe(hosts)
    expect(responsesOf(id).map(({ reward, failure }) => failure ?? reward)).toEqual([77, 2, 3, 3, 4, 4])
    expect(studio.project.evaluations.responses(id).map(({ text }) => text)).toEqual(generated.map(({ text }) => text))
  })

  test('are by one choice of settings, also when the name is labelled by others between pause and resume', async () => {
    const labelled = await collection()
    const label = (column: string) => studio.run('reward', { collection: labelled, source: 'column', name: 'mine', settings: { column } })
    await label('a')
    const { id } = studio.engine.jobs.start('evaluate', settings({ source: 'mine', sourceSettings: null }))
    await new Promise<void>((resolve) => studio.on('job', (job) => void (job.id === id && job.phase.includes('prompting') && resolve())))
    expect(await studio.engine.jobs.pause(id)).toMatchObject({ state: 'paused' })
    await label('b')
    studio.engine.jobs.resume(id)
    const { subject } = await studio.engine.jobs.finished(id)
    expect(responsesOf(subject).map(({ reward }) => reward)).toEqual([1, 1, 2, 2, 3, 3])
    // and the report says which
    expect(studio.project.evaluations.manifest(subject as number).settings).toMatchObject({ source: 'mine', scoredBy: { source: 'column', settings: { column: 'a' } } })
  })

  test('that cannot be are refused before anything is generated', async () => {
    for (const more of [{ source: 'nothing' }, { source: 'rules', sourceSettings: { rules: ['1 has /(/'] } }, { source: 'mix', sourceSettings: {} }]) {
      expect((await studio.run('evaluate', settings({ sourceSettings: null, ...more }))).failure).toMatchObject({ code: 'bad-request' })
    }
    expect(studio.project.evaluations.list()).toEqual([])
    expect(studio.hosts()).toBe(0)
  })
})
