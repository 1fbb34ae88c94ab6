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
