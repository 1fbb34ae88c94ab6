/** Reward models as a source, through the real engine: a second process scores what the tiny model wrote. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { collectSettings } from '../../src-main/contract/collect.ts'
import { createHandlers } from '../../src-main/engine/handlers.ts'
import { loadModel } from '../../native/llama.ts'
import { openVariant } from '../../native/variants.ts'
import { writeTinyBert } from '../fixtures/tiny-bert.ts'
import { writeTinyModel, type TinyWeights } from '../fixtures/tiny-model.ts'
import { multiply, ReferenceLlama } from '../native/reference-llama.ts'
import { drawn, openStudio, scoredPrompts, type Studio } from './studio.ts'

const responses = 6
let studio: Studio
let collection = 0
let file: string
let weights: TinyWeights
beforeEach(async () => {
  studio = await openStudio()
  const dataset = await studio.importRows(scoredPrompts(responses))
  collection = (await studio.run('collect', collectSettings.parse({ dataset, maxTokens: 12, sampling: drawn }))).subject as number
  file = join(studio.directory, 'reward.gguf')
  weights = writeTinyModel(file, { seed: 5, labels: ['reward'] })
})
afterEach(() => studio.close())

const choice = (settings: object) => ({ collection, source: 'reward-model', name: null, settings: { file, ...settings } })
const label = (settings: object = {}) => studio.run('reward', choice(settings))
const preview = (settings: object = {}) => Promise.resolve().then(() => createHandlers(studio.engine)['reward.preview'](choice(settings) as never))
const rewards = () => studio.project.responses.page(collection, { source: 'reward-model', order: 'collected', offset: 0, limit: 100 }).responses

/** The logit of the conversation as preview shows it, by the float64 forward pass. */
async function expected(shown: string): Promise<number> {
  openVariant('cpu')
  const model = await loadModel(file, 0, true)
  const tokens = model.tokenize(shown, false, true)
  model.free()
  return multiply(weights.classifier!, new ReferenceLlama(weights).decode(tokens).at(-1)!.state)[0]!
}

test('the logit of the whole conversation by the reward model\'s own template, as the preview shows it', async () => {
  const shown = await preview()
  const [first] = rewards()
  expect(shown.sample).toBe(`<s>user: ${first!.prompt}\nassistant: ${first!.text}\n`)
  expect(shown).toMatchObject({ responses, facts: expect.arrayContaining([{ name: 'Template', value: 'the reward model\'s own chat template' }, { name: 'Tokens', value: expect.stringMatching(/^\d+$/) }]) })
  expect(await label()).toMatchObject({ state: 'done', done: responses, failure: null })
  expect(rewards().map(({ rewardFailure }) => rewardFailure)).toEqual(new Array(responses).fill(null))
  expect(new Set(rewards().map(({ reward }) => reward)).size).toBe(responses)
  expect(Math.abs(rewards()[0]!.reward! - (await expected(shown.sample!)))).toBeLessThan(1e-2)
})

test('its process dies while it scores: the rest is scored by a new one, and to the same bits', async () => {
  await label()
  const alone = rewards().map(({ reward }) => reward)
  let launches = 0
  studio.onLaunch(() => void (++launches === 1 && setTimeout(studio.killHost, 60)))
  expect(await studio.run('reward', { ...choice({}), name: 'again' })).toMatchObject({ state: 'done', done: responses, failure: null })
  expect(studio.project.responses.page(collection, { source: 'again', order: 'collected', offset: 0, limit: 100 }).responses.map(({ reward }) => reward)).toEqual(alone)
})

test('a backbone with a head file, and without one', async () => {
  writeTinyModel(file, { seed: 5, chatTemplate: false })
  expect((await label()).failure).toMatchObject({ code: 'not-usable', message: expect.stringContaining('has no classification head') })
  const head = join(studio.directory, 'head.safetensors')
  const write = (inputs: number): void => {
    const json = Buffer.from(JSON.stringify({ 'score.weight': { dtype: 'F32', shape: [1, inputs], data_offsets: [0, inputs * 4] } }))
    const length = Buffer.alloc(8)
    length.writeBigUInt64LE(BigInt(json.length))
    writeFileSync(head, Buffer.concat([length, json, Buffer.from(Float32Array.from({ length: inputs }, (_, i) => Math.sin(i)).buffer)]))
  }
  write(32)
  expect((await label({ head })).failure).toMatchObject({ code: 'not-usable', message: expect.stringContaining('states of 32 numbers') })
  write(64)
  expect(await preview({ head })).toMatchObject({ facts: expect.arrayContaining([{ name: 'Template', value: 'the file has none: a plain transcript' }]) })
  expect(await label({ head })).toMatchObject({ state: 'done', done: responses, failure: null })
  expect(new Set(rewards().map(({ reward }) => reward)).size).toBe(responses)
})

test('several labels: one must be named, and be there', async () => {
  writeTinyBert(file, ['bad', 'good'])
  expect((await label()).failure).toMatchObject({ code: 'bad-request', message: expect.stringContaining('one must be named: bad, good') })
  expect((await label({ label: 'fine' })).failure).toMatchObject({ code: 'bad-request', message: expect.stringContaining('it has bad, good') })
  expect((await label({ label: '2' })).failure).toMatchObject({ code: 'bad-request' })
  await label({ label: 'good' })
  const good = rewards().map(({ reward }) => reward)
  await label({ label: '1' })
  expect(rewards().map(({ reward }) => reward)).toEqual(good)
  await label({ label: 'bad' })
  expect(rewards().map(({ reward }) => reward)).not.toEqual(good)
})

test('what does not fit is unlabelled with the reason; files that are no reward models are refused', async () => {
  writeTinyBert(file, ['reward']) // takes 128 tokens, and the template-less transcript spells numbers out
  const long = await studio.importRows([{ prompt: 'love '.repeat(200), chosen: 'a', rejected: 'b', split: 'train' }])
  collection = (await studio.run('collect', collectSettings.parse({ dataset: long, responses: 'chosen' }))).subject as number
  await label()
  expect(rewards()).toEqual([expect.objectContaining({ reward: null, rewardFailure: expect.stringContaining('more than the 128 that the reward model takes') })])
  expect((await label({ file: studio.modelFile })).failure).toMatchObject({ code: 'not-usable', message: expect.stringContaining('has no classification head') })
  expect((await label({ file: join(studio.directory, 'none.gguf') })).failure).toMatchObject({ code: 'not-found' })
  writeFileSync(file, 'not a model')
  expect((await label()).failure).toMatchObject({ code: 'not-usable' })
})
