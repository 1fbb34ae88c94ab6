import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { collectSettings } from '../../src-main/contract/entities.ts'
import type { Job } from '../../src-main/contract/job.ts'
import { JobRunner } from '../../src-main/engine/jobs/runner.ts'
import { Project } from '../../src-main/engine/project/project.ts'
import { rewardSummary, rewardWork } from '../../src-main/engine/reward/label.ts'
import { manifest } from '../fixtures/manifest.ts'
import { ownDirectory } from './studio.ts'

let project: Project
let jobs: JobRunner
let collection = 0

/** A score, or none, for each of the texts that a model is said to have written. */
const responses: { text: string; columns: Record<string, unknown> }[] = [
  { text: 'I love this', columns: { score: 3 } },
  { text: '', columns: { score: '1.5' } },
  { text: 'a bad day', columns: {} },
  { text: '...', columns: { score: 'many' } },
  { text: 'nothing', columns: { score: 0 } }
]

beforeEach(() => {
  project = Project.create(join(ownDirectory(), 'project'), null)
  jobs = new JobRunner({ reward: rewardWork }, () => {})
  jobs.setProject(project)
  const dataset = project.datasets.create('rows', 'rows.jsonl', 'prompts')
  project.datasets.add(dataset, responses.map(({ columns }, i) => ({ line: i + 1, split: 'train', prompt: `prompt ${i}`, messages: [], chosen: null, rejected: null, columns })), [])
  collection = project.collections.create(collectSettings.parse({ dataset }), manifest, responses.length, 4)
  for (const [i, task] of project.datasets.tasks(dataset, null, null).entries()) {
    project.responses.add({
      collection, example: task.id, sample: 0, seed: i, promptText: task.prompt, text: responses[i]!.text, tokens: Int32Array.of(1), finish: 'end',
      shard: 'collection-1.0000.f16', offset: i * 8, states: 1, crc32: 0
    })
  }
})
afterEach(() => project.close())

const label = (source: string, settings: object = {}): Promise<Job> => jobs.finished(jobs.start('reward', { collection, source, settings }).id)
const rewards = (source: string): (number | null)[] => project.responses.page(collection, { source, order: 'collected', offset: 0, limit: 100 }).responses.map((r) => r.reward)

test('a response whose label fails stays unlabelled, with the reason, and is never a 0', async () => {
  expect(await label('tone')).toMatchObject({ state: 'done', done: 5, total: 5 })
  expect(rewards('tone')).toEqual([1, null, -1, null, 0])
  const { responses: page } = project.responses.page(collection, { source: 'tone', order: 'collected', offset: 0, limit: 100 })
  expect(page.map((r) => r.rewardFailure)).toEqual([null, 'the response has no words', null, 'the response has no words', null])
  expect(rewardSummary(project, collection, 'tone')).toMatchObject({ labelled: 3, failed: 2, mean: 0, sd: 1 })
  expect(project.summary().counts.rewards).toBe(3)
  expect(project.responses.labelledStates(collection, 'tone').map((t) => t.reward)).toEqual([1, -1, 0])
})

test('a column\'s numbers are the rewards; what is no number stays unlabelled', async () => {
  await label('column', { column: 'score' })
  expect(rewards('column')).toEqual([3, 1.5, null, null, 0])
})

test('labelling again does nothing again, and other settings replace the labels', async () => {
  await label('column', { column: 'score' })
  const [first] = project.responses.labelledStates(collection, 'column')
  project.rewards.add('column', JSON.stringify({ column: 'score' }), [{ response: first!.response, value: 77, failure: null }]) // to be seen if it were labelled again
  expect(await label('column', { column: 'score' })).toMatchObject({ state: 'done', done: 5, total: 5 })
  expect(rewards('column')).toEqual([77, 1.5, null, null, 0])
  await label('column', { column: 'other' })
  expect(rewards('column')).toEqual([null, null, null, null, null])
})

test('sources label side by side', async () => {
  await label('tone')
  await label('column', { column: 'score' })
  expect(project.rewards.sources(collection)).toEqual(['column', 'tone'])
  expect(rewards('tone')).toEqual([1, null, -1, null, 0])
})

test('pages by reward have the unlabelled last', async () => {
  await label('column', { column: 'score' })
  const page = (order: 'best' | 'worst') => project.responses.page(collection, { source: 'column', order, offset: 0, limit: 100 }).responses.map((r) => r.reward)
  expect(page('best')).toEqual([3, 1.5, 0, null, null])
  expect(page('worst')).toEqual([0, 1.5, 3, null, null])
  expect(project.responses.page(collection, { source: null, order: 'collected', offset: 3, limit: 1 })).toMatchObject({ total: 5, responses: [{ text: '...', reward: null }] })
})

test.each([
  ['a source that is not there', { source: 'tonn' }],
  ['settings that are not there', { source: 'column' }],
  ['settings of the wrong kind', { source: 'column', settings: { column: 3 } }]
])('%s is refused and labels nothing', async (_what, { source, settings = {} }: { source: string; settings?: object }) => {
  let code: string | undefined
  try {
    code = (await label(source, settings)).failure?.code
  } catch (error) {
    code = (error as { code?: string }).code
  }
  expect(code).toBe('bad-request')
  expect(project.summary().counts.rewards).toBe(0)
})

test('a collection that is not there', async () => {
  collection = 99
  expect((await label('tone')).failure).toMatchObject({ code: 'not-found' })
})
