import Database from 'better-sqlite3'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { collectSettings } from '../../src-main/contract/collect.ts'
import { evaluateSettings } from '../../src-main/contract/evaluate.ts'
import { trainSettings } from '../../src-main/contract/value.ts'
import type { Job } from '../../src-main/contract/job.ts'
import { methods } from '../../src-main/contract/methods.ts'
import { generate } from '../../src-main/engine/control/generate.ts'
import { resolveMethod } from '../../src-main/engine/control/methods.ts'
import { createHandlers } from '../../src-main/engine/handlers.ts'
import { responseSeed } from '../../src-main/engine/collect/seed.ts'
import type { FinishedEvent } from '../../src-main/model-host/messages/generate.ts'
import { drawn, greedy, openStudio, scoredPrompts, type Studio } from './studio.ts'

const prompts = 24
const samples = 2
const maxTokens = 10
const stateSize = 64

let studio: Studio
let dataset = 0
let jobs: Record<'collect' | 'reward' | 'train' | 'evaluate', Job>

beforeAll(async () => {
  studio = await openStudio()
  dataset = await studio.importRows(scoredPrompts(prompts, 18))
  const collect = await studio.run('collect', collectSettings.parse({ dataset, samples, maxTokens, parallel: 6, seed: 5, sampling: drawn }))
  const collection = collect.subject as number
  const reward = await studio.run('reward', { collection, source: 'column', settings: { column: 'score' } })
  const train = await studio.run('train', trainSettings.parse({ collection, source: 'column', hidden: 32, epochs: 30, learningRate: 1e-3, batch: 64, patience: 0, validation: 0.25, seed: 3 }))
  const valueFunction = train.subject as number
  const steered = [{ name: 're-control', settings: { valueFunction, alpha: 0 } }, { name: 're-control', settings: { valueFunction, alpha: 2 } }]
  const evaluate = await studio.run('evaluate', evaluateSettings.parse({ dataset, methods: [{ name: 'base' }, ...steered, { name: 'prompting' }], maxTokens, parallel: 4, sampling: greedy }))
  jobs = { collect, reward, train, evaluate }
})
afterAll(() => studio.close())

describe('from the data to the table', () => {
  test('every step is done', () => {
    for (const job of Object.values(jobs)) expect(job).toMatchObject({ state: 'done', failure: null })
    expect(studio.project.summary().counts).toEqual({ datasets: 1, examples: prompts, collections: 1, responses: 18 * samples, rewards: 18 * samples, valueFunctions: 1, evaluations: 1 })
  })

  test('what the window asks for fits the contract', async () => {
    const handlers = createHandlers(studio.engine)
    const { subject: collection } = jobs.collect
    const { subject: evaluation } = jobs.evaluate
    const inputs = {
      'studio.state': {}, 'data.list': {}, 'data.examples': { dataset }, 'data.rejected': { dataset }, 'data.rendered': { messages: [{ role: 'user', content: 'q' }] },
      'collect.estimate': { dataset, samples: 3 }, 'collect.list': {}, 'collect.responses': { collection, source: 'column', order: 'best' },
      'reward.summaries': { collection }, 'value.list': {}, 'value.detail': { id: jobs.train.subject }, 'evaluate.list': {}, 'evaluate.responses': { evaluation },
      'model.load': {}, 'model.inspect': { file: studio.modelFile }, 'model.catalogue': {}
    } as const
    for (const [name, input] of Object.entries(inputs)) {
      const { input: inputSchema, output } = methods[name as keyof typeof inputs]
      const answer = await (handlers[name as keyof typeof inputs] as (input: unknown) => unknown)(inputSchema.parse(input))
      expect(output.safeParse(answer).error, name).toBeUndefined()
    }
  })

  test('the prompt goes through the model\'s chat template', async () => {
    const rendered = await studio.engine.models.render(studio.project, { messages: [{ role: 'user', content: 'Why?' }] })
    expect(rendered.text).toBe('<s>user: Why?\nassistant:')
    expect(rendered.tokens).toBeGreaterThan(3)
  })
})

describe('the collection', () => {
  test('has every prompt of the split and every sample once, a state a token', () => {
    const [collection] = studio.project.collections.list()
    const { responses } = studio.project.responses.page(collection!.id, { source: null, order: 'collected', offset: 0, limit: 500 })
    expect(new Set(responses.map((r) => `${r.prompt}/${r.sample}`)).size).toBe(36)
    for (const { tokens, finish } of responses) {
      expect(tokens).toBeGreaterThan(0)
      if (finish === 'length') expect(tokens).toBe(maxTokens)
    }
    const total = responses.reduce((sum, r) => sum + r.tokens, 0)
    expect(collection).toMatchObject({ planned: 36, responses: 36, tokens: total, states: total, bytes: total * stateSize * 2 })
    expect(statSync(join(studio.project.statesDirectory, `collection-${collection!.id}.0000.f16`)).size).toBe(total * stateSize * 2)
  })

  test('samples of a prompt differ, and the settings are kept with it', () => {
    const [collection] = studio.project.collections.list()
    const { responses } = studio.project.responses.page(collection!.id, { source: null, order: 'collected', offset: 0, limit: 500 })
    const texts = Map.groupBy(responses, (r) => r.example)
    expect([...texts.values()].filter(([a, b]) => a?.text !== b?.text).length).toBeGreaterThan(12)
    expect(collection?.settings).toMatchObject({ seed: 5, samples, sampling: drawn })
  })
})

describe('the value function', () => {
  test('has its curve, its best epoch and its calibration on validation prompts', () => {
    const detail = studio.project.valueFunctions.detail(jobs.train.subject as number)
    expect(detail).toMatchObject({ inputDim: stateSize, hiddenDims: [32], epochs: 30, source: 'column' })
    expect(detail.curve.map((e) => e.epoch)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1))
    const best = detail.curve.reduce((a, b) => (b.returnError < a.returnError ? b : a))
    expect(detail.bestEpoch).toBe(best.epoch)
    expect(detail).toMatchObject({ validationLoss: best.validationLoss, returnError: best.returnError, correlation: best.correlation })
    expect(detail.curve.at(-1)!.trainLoss).toBeLessThan(detail.curve[0]!.trainLoss)
    const scores = scoredPrompts(18).map((row) => row.score)
    expect(detail.rewardMean).toBeCloseTo(scores.reduce((a, b) => a + b) / 18, 6)
    // a quarter of 18 prompts is 4 or 5 whole prompts: all samples of a prompt are on one side
    expect([4 * samples, 5 * samples]).toContain(detail.calibration.length)
    const counts = [...Map.groupBy(detail.calibration, (point) => point.reward.toFixed(9)).values()].map((points) => points.length)
    expect(new Set(counts)).toEqual(new Set([samples]))
  })

  test('the same settings give the same weights', async () => {
    const detail = studio.project.valueFunctions.detail(jobs.train.subject as number)
    const again = await studio.run('train', detail.settings)
    expect(studio.project.valueFunctions.network(again.subject as number)).toEqual(studio.project.valueFunctions.network(detail.id))
    studio.project.valueFunctions.delete(again.subject as number)
  })
})

describe('control', () => {
  async function tokensBy(name: string, settings: Record<string, unknown>, parallel = 1): Promise<FinishedEvent[]> {
    const host = await studio.engine.models.use(studio.project)
    const method = resolveMethod({ name, settings })
    const tasks = studio.project.datasets.tasks(dataset, 'held-out', null).map(({ messages, line }, key) => ({ key, method, messages, seed: responseSeed(1, line, 0) }))
    const finished: FinishedEvent[] = []
    await generate(studio.around, host, tasks, { maxTokens, parallel, sampling: drawn, tokens: false, deterministic: false, onEvent: (event) => void (event.kind === 'finished' && finished.push(event)) })
    return finished.sort((a, b) => a.key - b.key)
  }
  const tokens = (events: FinishedEvent[]): number[][] => events.map((event) => [...event.tokens])

  test('with alpha 0 or without updates gives the base model\'s tokens', async () => {
    const valueFunction = jobs.train.subject
    const base = tokens(await tokensBy('base', {}))
    expect(base).toHaveLength(6)
    expect(tokens(await tokensBy('re-control', { valueFunction, alpha: 0 }))).toEqual(base)
    expect(tokens(await tokensBy('re-control', { valueFunction, updates: 0 }))).toEqual(base)
  })

  test('raises the value of every state it edits', async () => {
    const steered = await tokensBy('re-control', { valueFunction: jobs.train.subject, alpha: 0.5, updates: 20 })
    for (const { valueBefore, valueAfter, edits, tokens: own } of steered) {
      expect(valueBefore).toHaveLength(own.length)
      valueBefore.forEach((before, i) => expect(valueAfter[i]).toBeGreaterThan(before))
      for (const edit of edits) expect(edit).toBeGreaterThan(0)
    }
  })

  test('by a value function of another model is refused', async () => {
    const foreign = studio.project.valueFunctions.add({
      name: 'foreign', collection: null, source: 'imported', scale: 1, rewardMean: 0, rewardScale: 1, settings: null, bestEpoch: 0, curve: [], calibration: [], manifest: null,
      network: { inputDim: 8, layers: [{ weight: new Float32Array(16), bias: new Float32Array(2) }, { weight: new Float32Array(2), bias: new Float32Array(1) }] }
    })
    await expect(tokensBy('re-control', { valueFunction: foreign })).rejects.toThrow(expect.objectContaining({ code: 'bad-request', message: expect.stringContaining('another model') }))
    await expect(tokensBy('re-control', { valueFunction: 99 })).rejects.toThrow(expect.objectContaining({ code: 'not-found' }))
    studio.project.valueFunctions.delete(foreign)
  })
})

describe('the evaluation', () => {
  test('compares the methods on the same held-out prompts', () => {
    const { table, settings, finished } = studio.project.evaluations.get(jobs.evaluate.subject as number)
    expect(finished).toBe(true)
    expect(settings.methods).toHaveLength(4)
    expect(table?.methods.map((m) => [m.name, m.responses])).toEqual([['base', 6], ['re-control', 6], ['re-control', 6], ['prompting', 6]])
    for (const { secondsPerToken } of table!.methods) expect(secondsPerToken).toBeGreaterThan(0)
    expect(table!.methods.map((m) => m.edit === null)).toEqual([true, false, false, true])
    expect(table!.methods[1]!.edit).toBe(0)
    expect(table!.methods[2]!.edit).toBeGreaterThan(0)
    expect(table!.paired.map((p) => [p.a, p.b])).toEqual([['base', 're-control, alpha 0'], ['base', 're-control, alpha 2'], ['base', 'prompting']])
  })

  test('alpha 0 answers like the base model, another alpha does not', () => {
    const { evaluations } = studio.project
    const id = jobs.evaluate.subject as number
    const rows = evaluations.sideBySide(id, evaluations.examples(id, 0, 100))
    expect(rows.map((row) => row.prompt)).toEqual(scoredPrompts(24, 18).slice(18).map((row) => row.prompt))
    for (const { byMethod: [base, unchanged] } of rows) expect(unchanged?.text).toBe(base?.text)
    expect(rows.some(({ byMethod }) => byMethod[2]?.text !== byMethod[0]?.text)).toBe(true)
  })

  test('has a report beside the project', () => {
    const { report } = studio.project.evaluations.get(jobs.evaluate.subject as number)
    expect(report).toBe(join(studio.project.directory, 'reports', `evaluation-${jobs.evaluate.subject}.html`))
    expect(readFileSync(report as string, 'utf8')).toContain('re-control')
  })

  // the settings of an evaluation have no place for those of its source
  test('by a source that needs settings can be made', async () => {
    const job = await studio.run('evaluate', evaluateSettings.parse({ dataset, methods: [{ name: 'base' }], source: 'column', maxTokens: 2, sampling: greedy }))
    expect(job.failure).toBeNull()
  })
})

test('every row points to states that are whole, and every seed follows from its place', async () => {
  const file = join(studio.project.directory, 'project.db')
  const { project } = studio
  await studio.engine.close()
  const db = new Database(file, { readonly: true })
  const rows = db.prepare('SELECT r.*, e.line FROM responses r JOIN examples e ON e.id = r.example').all() as { shard: string; offset: number; states: number; crc32: number; seed: number; line: number; sample: number; tokens: Buffer }[]
  db.close()
  expect(rows).toHaveLength(36)
  for (const row of rows) {
    const bytes = readFileSync(join(project.statesDirectory, row.shard)).subarray(row.offset, row.offset + row.states * stateSize * 2)
    expect(bytes.length).toBe(row.states * stateSize * 2)
    expect(crc32(bytes)).toBe(row.crc32)
    expect(row.seed).toBe(responseSeed(5, row.line, row.sample))
    expect(row.tokens.length).toBe(row.states * 4)
  }
})
