/** What can be deleted by the methods of the contract, what is refused and why, and what is gone afterwards. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { evaluateSettings } from '../../src-main/contract/evaluate.ts'
import { trainSettings } from '../../src-main/contract/value.ts'
import { createHandlers } from '../../src-main/engine/handlers.ts'
import type { Project } from '../../src-main/engine/project/project.ts'
import { manifest } from '../fixtures/manifest.ts'
import { openStudio, scoredPrompts, type Studio } from './studio.ts'

async function open(): Promise<{ studio: Studio; project: Project; handlers: ReturnType<typeof createHandlers>; dataset: number; collection: number }> {
  const studio = await openStudio()
  onTestFinished(() => studio.close())
  const dataset = await studio.importRows(scoredPrompts(3))
  const { subject, failure } = await studio.run('collect', { dataset, split: null, limit: null, samples: 1, maxTokens: 4, parallel: 2, seed: 1, sampling: { temperature: 1, topK: 0, topP: 1, minP: 0 }, deterministic: false, responses: 'generated' })
  if (subject === null) throw new Error(failure?.message)
  return { studio, project: studio.project, handlers: createHandlers(studio.engine), dataset, collection: subject }
}

function addValueFunction(project: Project, name: string, collection: number | null): number {
  const network = { inputDim: 4, layers: [{ weight: new Float32Array(4), bias: new Float32Array(1) }] }
  return project.valueFunctions.add({ name, collection, source: 'tone', scale: 1, rewardMean: 0, rewardScale: 1, settings: null, bestEpoch: 0, curve: [], calibration: [], manifest: null, network })
}

const shards = (project: Project): string[] => readdirSync(project.statesDirectory).filter((name) => name.startsWith('collection-'))

test('a collection goes with its responses and its shards; the data set can then go too', async () => {
  const { project, handlers, dataset, collection } = await open()
  expect(shards(project)).not.toEqual([])
  expect(() => handlers['data.delete']({ dataset })).toThrow(/1 collection of this project is made of it/)
  expect(handlers['collect.delete']({ collection, check: true })).toEqual({})
  expect(project.summary().counts).toMatchObject({ collections: 1, responses: 3 })
  expect(handlers['collect.delete']({ collection })).toEqual({})
  expect(project.summary().counts).toMatchObject({ collections: 0, responses: 0 })
  expect(shards(project)).toEqual([])
  expect(() => handlers['collect.delete']({ collection })).toThrow(/no collection/)
  expect(handlers['data.delete']({ dataset })).toEqual({})
})

test('a collection stays while a value function was trained on it or a job needs it', async () => {
  const { project, handlers, dataset, collection } = await open()
  const trained = addValueFunction(project, 'tone 1', collection)
  expect(() => handlers['collect.delete']({ collection })).toThrow(`collection #${collection} of ${project.datasets.get(dataset).name} cannot be deleted: tone 1 was trained on it`)
  expect(handlers['value.delete']({ id: trained })).toEqual({})

  for (const setting of ['collection', 'preferred', 'dispreferred']) {
    const job = project.jobs.create('train', 'Train on tone', 'epochs', { ...trainSettings.parse({ collection: 99, source: 'tone' }), [setting]: collection })
    project.jobs.update(job.id, { state: 'paused' })
    expect(() => handlers['collect.delete']({ collection }), setting).toThrow(/a job that is paused needs it \(Train on tone\)/)
    project.jobs.update(job.id, { state: 'stopped' })
  }
  expect(shards(project)).not.toEqual([])
  expect(handlers['collect.delete']({ collection })).toEqual({})
})

test('a value function stays while an evaluation steers with it, in whichever column', async () => {
  const { project, handlers, dataset } = await open()
  const [first, second, third, fourth] = ['first', 'second', 'third', 'free'].map((name) => addValueFunction(project, name, null))
  const study = project.evaluations.create(
    evaluateSettings.parse({
      dataset, source: 'tone',
      methods: [{ name: 'base' }, { name: 're-control', settings: { valueFunction: first, further: `${second} * 0.5` } }],
      sweep: { method: { name: 're-control', settings: { valueFunction: third } }, over: { alpha: [1, 2] } }
    }),
    manifest
  )
  for (const id of [first, second, third]) expect(() => handlers['value.delete']({ id: id as number })).toThrow(`cannot be deleted: evaluation #${study} steers with it`)
  expect(handlers['value.delete']({ id: fourth as number })).toEqual({})
  expect(project.valueFunctions.list().map(({ name }) => name)).toEqual(['first', 'second', 'third'])
  expect(handlers['evaluate.delete']({ evaluation: study })).toEqual({})
  for (const id of [first, second, third]) expect(handlers['value.delete']({ id: id as number })).toEqual({})
})

test('an evaluation stays while a job works on it; its report on the disk stays anyhow', async () => {
  const { studio, project, handlers, dataset } = await open()
  const settings = evaluateSettings.parse({ dataset, source: 'tone', methods: [{ name: 'base' }] })
  const study = project.evaluations.create(settings, manifest)
  const report = join(studio.directory, 'report.html')
  writeFileSync(report, 'a report')
  const job = project.jobs.create('evaluate', 'Evaluate', 'responses', settings)
  project.jobs.update(job.id, { state: 'paused', subject: study })
  expect(() => handlers['evaluate.delete']({ evaluation: study })).toThrow(/a job that is paused needs it \(Evaluate\)/)
  project.jobs.update(job.id, { state: 'stopped' })
  expect(handlers['evaluate.delete']({ evaluation: study })).toEqual({})
  expect(project.evaluations.list()).toEqual([])
  expect(existsSync(report)).toBe(true)
  expect(() => handlers['evaluate.delete']({ evaluation: study })).toThrow(/no evaluation/)
})

function addHead(project: Project, dataset: number): number {
  return project.preferenceHeads.add({
    dataset, datasetName: 'pairs', settings: { dataset, limit: null, maxTokens: 8, seed: 1 }, trainPairs: 4, heldOutPairs: 0, skipped: 0, strength: 1, trainAccuracy: 1,
    accuracy: null, low: null, high: null, probe: null, lead: null, longer: null, weights: new Float32Array(4), bias: 0, manifest
  })
}

test('a preference head stays while rewards, an evaluation or a job are made with it', async () => {
  const { project, handlers, dataset, collection } = await open()
  const [first, second] = [addHead(project, dataset), addHead(project, dataset)]
  project.rewards.choose(collection, 'liked', 'preference', { head: first })
  expect(() => handlers['preference.delete']({ head: first, check: true })).toThrow(`preference head #${first} of pairs cannot be deleted: it gave the rewards "liked" of collection #${collection}`)
  expect(handlers['reward.delete']({ collection, name: 'liked' })).toEqual({})

  const study = project.evaluations.create(evaluateSettings.parse({ dataset, source: 'preference', methods: [{ name: 'base' }] }), { ...manifest, settings: { scoredBy: { source: 'preference', settings: { head: first } } } })
  expect(() => handlers['preference.delete']({ head: first })).toThrow(`evaluation #${study} scores with it`)
  expect(handlers['evaluate.delete']({ evaluation: study })).toEqual({})

  // where a job names no head it means the newest
  const job = project.jobs.create('reward', 'Label by learnt preferences', 'responses', { collection, source: 'preference', name: null, settings: {} })
  project.jobs.update(job.id, { state: 'paused' })
  expect(() => handlers['preference.delete']({ head: second })).toThrow(/a job that is paused needs it/)
  expect(handlers['preference.delete']({ head: first, check: true })).toEqual({})
  expect(handlers['preference.list']({})).toHaveLength(2)
  expect(handlers['preference.delete']({ head: first })).toEqual({})
  expect(project.preferenceHeads.list().map(({ id }) => id)).toEqual([second])
  expect(() => handlers['preference.delete']({ head: first })).toThrow(/no preference head/)
})

test('rewards go with all labels of their name, and stay while something is made from them', async () => {
  const { project, handlers, dataset, collection } = await open()
  const [response = 0] = project.responses.ids(collection)
  const label = (name: string, settings: Record<string, unknown>, source = 'length'): void => project.rewards.add(project.rewards.choose(collection, name, source, settings), [{ response, value: 1, failure: null }])
  const refused = (name: string, why: RegExp): void => expect(() => handlers['reward.delete']({ collection, name }), name).toThrow(why)
  label('short', { of: 1 })
  label('short', { of: 2 }) // the labels of the first choice are kept, but do not count
  label('mixed', { parts: ['short=1'], standardise: false, collection }, 'mix')
  refused('short', /"mixed" of collection #\d+ is mixed from them/)
  expect(handlers['reward.delete']({ collection, name: 'mixed' })).toEqual({})

  const trained = project.valueFunctions.add({
    name: 'short 1', collection, source: 'short', scale: 1, rewardMean: 0, rewardScale: 1, settings: null, bestEpoch: 0, curve: [], calibration: [], manifest: null,
    network: { inputDim: 4, layers: [{ weight: new Float32Array(4), bias: new Float32Array(1) }] }
  })
  refused('short', /short 1 was trained on them/)
  expect(handlers['value.delete']({ id: trained })).toEqual({})

  for (const settings of [{ source: 'short' }, { metrics: [{ name: 'reward', settings: { reward: 'short' } }] }, { methods: [{ name: 'best-of-n', settings: { reward: 'short' } }] }]) {
    const study = project.evaluations.create(evaluateSettings.parse({ dataset, source: 'tone', methods: [{ name: 'base' }], ...settings }), manifest)
    refused('short', new RegExp(`evaluation #${study} scores by that name`))
    expect(handlers['evaluate.delete']({ evaluation: study })).toEqual({})
  }

  for (const [kind, settings] of [['train', { ...trainSettings.parse({ collection, source: 'short' }) }], ['reward', { collection, source: 'length', name: 'short', settings: {} }], ['evaluate', evaluateSettings.parse({ dataset, source: 'short', methods: [{ name: 'base' }] })]] as const) {
    const job = project.jobs.create(kind, `A ${kind} job`, 'responses', settings)
    project.jobs.update(job.id, { state: 'paused' })
    refused('short', new RegExp(`a job that is paused needs it \\(A ${kind} job\\)`))
    project.jobs.update(job.id, { state: 'stopped' })
  }

  expect(handlers['reward.delete']({ collection, name: 'short', check: true })).toEqual({})
  expect(project.rewards.labellings(collection)).toHaveLength(1)
  expect(handlers['reward.delete']({ collection, name: 'short' })).toEqual({})
  expect(project.rewards.choices(collection, 'short', 'length')).toEqual([])
  expect(project.summary().counts.rewards).toBe(0)
  refused('short', /no rewards named short/)
})
