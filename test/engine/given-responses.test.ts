/** The data set's own responses as a collection: read by the model for their states, and good for a value function. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { collectSettings } from '../../src-main/contract/collect.ts'
import { trainSettings } from '../../src-main/contract/value.ts'
import { estimateCollection } from '../../src-main/engine/collect/collect.ts'
import { generate } from '../../src-main/engine/control/generate.ts'
import { resolveMethod } from '../../src-main/engine/control/methods.ts'
import { greedy, openStudio, type Studio } from './studio.ts'

const rows = Array.from({ length: 16 }, (_, i) => ({ prompt: `what of ${i}?`, chosen: `I love ${i} good people`, rejected: `they hate the bad ${i}`, split: 'train', score: Math.sin(i) }))
let studio: Studio
let dataset = 0
beforeAll(async () => {
  studio = await openStudio()
  dataset = await studio.importRows(rows)
})
afterAll(() => studio.close())

const settings = (responses: string, changes: object = {}) => collectSettings.parse({ dataset, split: null, responses, samples: 3, ...changes })
const responsesOf = (collection: number) => studio.project.responses.page(collection, { source: null, order: 'collected', offset: 0, limit: 500 }).responses

test('each response once, with its text and a state a token', async () => {
  for (const kind of ['chosen', 'rejected'] as const) {
    const { subject, state } = await studio.run('collect', settings(kind))
    expect(state).toBe('done')
    const responses = responsesOf(subject as number)
    expect(responses.map(({ text }) => text).sort()).toEqual(rows.map((row) => row[kind]).sort())
    expect(responses.every(({ finish, tokens }) => finish === 'end' && tokens > 5)).toBe(true)
    expect(studio.project.collections.get(subject as number)).toMatchObject({ planned: 16, states: responses.reduce((sum, { tokens }) => sum + tokens, 0) })
  }
  expect(await estimateCollection(settings('chosen'), studio.project)).toMatchObject({ responses: 16 })
})

test('paused and resumed, it goes on with what is left', async () => {
  const many = 200
  const dataset = await studio.importRows(Array.from({ length: many }, (_, i) => ({ ...rows[i % 16], prompt: `what of ${i}?`, chosen: `I love ${i} ${'good people '.repeat(30)}` })))
  let seen = 0
  let paused = Promise.resolve()
  studio.on('collect.sample', () => void (++seen === 3 && (paused = studio.engine.jobs.pause(id).then(() => {}))))
  const { id } = studio.engine.jobs.start('collect', settings('chosen', { dataset, deterministic: true }))
  await studio.engine.jobs.finished(id)
  await paused
  const { state, subject } = studio.project.jobs.get(id)
  expect(state).toBe('paused')
  expect(responsesOf(subject as number).length).toBeLessThan(many)
  studio.engine.jobs.resume(id)
  expect(await studio.engine.jobs.finished(id)).toMatchObject({ state: 'done' })
  expect(new Set(responsesOf(subject as number).map(({ example }) => example)).size).toBe(many)
})

test('more than the model host is asked for at a time are all there, in their order', async () => {
  const many = 1100
  const dataset = await studio.importRows(Array.from({ length: many }, (_, i) => ({ prompt: `${i}?`, chosen: `yes ${i}` })))
  const { subject, done } = await studio.run('collect', settings('chosen', { dataset }))
  expect(done).toBe(many)
  const { responses, total } = studio.project.responses.page(subject as number, { source: null, order: 'collected', offset: many - 150, limit: 150 })
  expect(total).toBe(many)
  for (const { prompt, text } of responses) expect(`yes ${prompt}`).toBe(`${text}?`)
})

test('a value function can be trained on them, and steers', async () => {
  const { subject: collection } = await studio.run('collect', settings('chosen'))
  await studio.run('reward', { collection, source: 'column', settings: { column: 'score' } })
  const { subject, failure } = await studio.run('train', trainSettings.parse({ collection, source: 'column', hidden: 16, epochs: 5, validation: 0.25, batch: 64 }))
  expect(failure).toBeNull()
  const host = await studio.engine.models.use(studio.project)
  const method = resolveMethod({ name: 're-control', settings: { valueFunction: subject, alpha: 1 } })
  const edits: number[] = []
  await generate(studio.around, host, [{ key: 0, method, messages: [{ role: 'user', content: 'why?' }], seed: 1 }], {
    maxTokens: 5, parallel: 1, sampling: greedy, tokens: false, deterministic: false,
    onEvent: (event) => void (event.kind === 'finished' && edits.push(...event.edits))
  })
  expect(edits.length).toBe(5)
  expect(Math.max(...edits)).toBeGreaterThan(0)
})

test('examples without the wanted response are left out, and counted', async () => {
  const mixed = studio.project.datasets.create('liked or not', 'chat', 'unpaired')
  const unpaired = [...rows.slice(0, 3), { prompt: 'why?', chosen: null, rejected: 'no' }, { prompt: 'who?', chosen: 'I', rejected: null }]
  studio.project.datasets.add(mixed, unpaired.map(({ prompt, chosen, rejected }, i) => ({ line: i + 1, split: 'train', prompt, messages: [{ role: 'user', content: prompt }], chosen, rejected, columns: {} })), [])
  expect(await estimateCollection(settings('chosen', { dataset: mixed }), studio.project)).toMatchObject({ responses: 4, leftOut: 1 })
  const { subject, done, total } = await studio.run('collect', settings('chosen', { dataset: mixed }))
  expect({ done, total }).toEqual({ done: 4, total: 4 })
  expect(responsesOf(subject as number).map(({ text }) => text).sort()).toEqual(['I', ...rows.slice(0, 3).map(({ chosen }) => chosen)].sort())
})

test('a data set without them is refused before anything is made', async () => {
  const prompts = await studio.importRows([{ prompt: 'why?' }, { prompt: 'who?' }])
  const before = studio.project.collections.list().length
  expect(await studio.run('collect', settings('chosen', { dataset: prompts }))).toMatchObject({ state: 'failed', subject: null, failure: { code: 'bad-request', message: expect.stringMatching(/none of the 2 examples has a chosen response/) } })
  expect(studio.project.collections.list().length).toBe(before)
})
