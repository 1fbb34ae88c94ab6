/** A preference head from a data set's pairs, through the real engine and the tiny model, and as a reward. */
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as breathe } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { collectSettings } from '../../src-main/contract/collect.ts'
import { preferenceSettings, type PreferenceHead } from '../../src-main/contract/preference.ts'
import { createHandlers } from '../../src-main/engine/handlers.ts'
import { writeTinyModel } from '../fixtures/tiny-model.ts'
import { openStudio, type Studio } from './studio.ts'

const train = 60
const heldOut = 30
const words = ['good', 'people', 'love', 'know', 'the', 'and']

/** The better answer ends in a letter of its own: what the last token's state shows. */
const rows = Array.from({ length: train + heldOut }, (_, i) => {
  const body = Array.from({ length: 3 + (i % 4) }, (_, j) => words[(i * 7 + j * 3) % words.length]).join(' ')
  return { prompt: `Question ${i}, or is it ${i * 3}?`, chosen: `${body} a`, rejected: `${body} z`, split: i < train ? 'train' : 'test' }
})

let studio: Studio
let dataset = 0
beforeEach(async () => {
  studio = await openStudio()
  dataset = await studio.importRows(rows)
})
afterEach(() => studio.close())

const settings = (changes: object = {}) => preferenceSettings.parse({ dataset, maxTokens: 40, ...changes })
const heads = (): PreferenceHead[] => studio.project.preferenceHeads.list()
const featureFiles = (): string[] => readdirSync(studio.project.statesDirectory).filter((name) => name.startsWith('preference-'))

async function label(collection: number, changes: object = {}) {
  return studio.run('reward', { collection, source: 'preference', name: null, settings: changes })
}

test('it tells unseen pairs apart, and its rewards are w h + b of the mean of the collected states', async () => {
  const job = await studio.run('preference', settings())
  expect(job).toMatchObject({ state: 'done', done: train + heldOut, total: train + heldOut, failure: null })
  const [head] = heads()
  expect(head).toMatchObject({ id: job.subject, dataset, datasetName: 'rows-1', inputDim: 64, trainPairs: train, heldOutPairs: heldOut, skipped: 0 })
  expect(head!.longer!.accuracy).toBe(0) // " z" is two tokens, " a" is one
  expect(head!.low).toBeGreaterThan(0.7)
  expect(featureFiles()).toEqual([])
  expect(await createHandlers(studio.engine)['preference.list']({})).toEqual([head])

  const collected = await studio.run('collect', collectSettings.parse({ dataset, responses: 'chosen', split: 'held-out', limit: 5, deterministic: true }))
  expect(await label(collected.subject as number)).toMatchObject({ state: 'done', done: 5 })
  const { weights, bias } = studio.project.preferenceHeads.weights(head!.id)
  const labelled = studio.project.responses.labelledStates(collected.subject as number, 'preference')
  expect(labelled.length).toBe(5)
  for (const { reward, shard, offset, states } of labelled) {
    const bytes = readFileSync(join(studio.project.statesDirectory, shard)).subarray(offset, offset + states * 128)
    const all = new Float16Array(Uint8Array.from(bytes).buffer)
    const expected = all.reduce((sum, h, at) => sum + (h * weights[at % 64]!) / states, bias)
    expect(reward).toBeCloseTo(expected, 4)
  }
  expect(studio.project.rewards.labelling(collected.subject as number, 'preference').settings).toEqual({ head: head!.id })
})

test('paused, killed and resumed: it goes on with what was read, and comes to the same', async () => {
  await studio.run('preference', settings())
  const killed = studio.engine.jobs.start('preference', settings())
  let died = 0
  studio.on('notice', () => died++)
  studio.on('job', ({ id, phase }) => void (id === killed.id && phase === 'Reading the pairs' && died === 0 && studio.killHost()))
  expect(await studio.engine.jobs.finished(killed.id)).toMatchObject({ state: 'done', done: train + heldOut })

  const paused = studio.engine.jobs.start('preference', settings())
  const file = join(studio.project.statesDirectory, `preference-${paused.id}.features`)
  const size = (): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0
  while (size() < 2000) await breathe() // a few pairs of 528 bytes
  expect(await studio.engine.jobs.pause(paused.id)).toMatchObject({ state: 'paused' })
  const kept = readFileSync(file)
  expect(kept.length).toBeLessThan((train + heldOut) * 528)
  let whole = Buffer.alloc(0)
  studio.on('job', ({ id, phase }) => void (id === paused.id && phase === 'Fitting the head' && (whole = readFileSync(file))))
  studio.engine.jobs.resume(paused.id)
  expect(await studio.engine.jobs.finished(paused.id)).toMatchObject({ state: 'done', done: train + heldOut })
  expect(whole.subarray(0, kept.length)).toEqual(kept)
  const [first, second, third] = heads()
  for (const head of [second, third]) {
    expect(head).toMatchObject({ trainPairs: first!.trainPairs, heldOutPairs: first!.heldOutPairs, strength: first!.strength })
    expect(head!.accuracy).toBeCloseTo(first!.accuracy!, 1)
  }
  expect(featureFiles()).toEqual([])
  expect(died).toBe(1)
})

test('a limit takes pairs of each split by the seed; held-out prompts that are trained on are left out', async () => {
  await studio.run('preference', settings({ limit: 24 }))
  expect(heads()[0]).toMatchObject({ trainPairs: 24, heldOutPairs: 24 })
  dataset = await studio.importRows(rows.map((row, i) => (i >= train ? { ...row, prompt: rows[0]!.prompt } : i === 1 ? { ...row, rejected: row.chosen } : row)))
  await studio.run('preference', settings())
  expect(heads()[1]).toMatchObject({ trainPairs: train - 1, heldOutPairs: 0, skipped: heldOut + 1, accuracy: null, low: null, high: null, probe: null })
})

test('what cannot be learnt from, or labelled with, is refused in a sentence', async () => {
  const alone = await studio.importRows([{ prompt: 'a' }, { prompt: 'b' }])
  expect((await studio.run('preference', settings({ dataset: alone }))).failure).toMatchObject({ code: 'bad-request', message: expect.stringContaining('has 0 pairs of answers') })
  const long = await studio.importRows(rows.map((row) => ({ ...row, prompt: row.prompt + ' love'.repeat(3000) })))
  expect((await studio.run('preference', settings({ dataset: long }))).failure).toMatchObject({ code: 'bad-request', message: expect.stringContaining('only 0 of 60 pairs fit') })
  expect(heads()).toEqual([])

  const collected = (await studio.run('collect', collectSettings.parse({ dataset, responses: 'chosen', limit: 2 }))).subject as number
  await expect(Promise.resolve().then(() => createHandlers(studio.engine)['reward.preview']({ collection: collected, source: 'preference', name: null, settings: {} }))).rejects.toMatchObject({ code: 'not-found' })
  await studio.run('preference', settings())
  const preview = await createHandlers(studio.engine)['reward.preview']({ collection: collected, source: 'preference', name: null, settings: {} })
  expect(preview).toMatchObject({ responses: 2, sample: expect.stringMatching(/^<s>user: Question 0, .*\nassistant:.* a$/s) })
  const other = join(studio.directory, 'other.gguf')
  writeTinyModel(other, { seed: 2 })
  studio.project.modelFile = other
  expect((await label(collected)).failure).toMatchObject({ code: 'bad-request', message: expect.stringContaining('another model') })
})
