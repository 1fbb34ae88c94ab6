/** Answers steered during a training: they are kept with it, and the training does not notice them. */
import { readdirSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { collectSettings } from '../../src-main/contract/collect.ts'
import { trainSettings, type TrainSettings } from '../../src-main/contract/value.ts'
import type { Job } from '../../src-main/contract/job.ts'
import { generate } from '../../src-main/engine/control/generate.ts'
import { resolveMethod } from '../../src-main/engine/control/methods.ts'
import type { FinishedEvent } from '../../src-main/model-host/messages/generate.ts'
import { drawn, openStudio, scoredPrompts, type Studio } from './studio.ts'

let studio: Studio
let settings: TrainSettings
let plain: Job
beforeAll(async () => {
  studio = await openStudio()
  const dataset = await studio.importRows(scoredPrompts(24, 20))
  const { subject } = await studio.run('collect', collectSettings.parse({ dataset, samples: 2, maxTokens: 16, seed: 1, sampling: drawn }))
  await studio.run('reward', { collection: subject, source: 'column', settings: { column: 'score' } })
  settings = trainSettings.parse({ collection: subject, source: 'column', hidden: 64, epochs: 30, learningRate: 1e-3, patience: 0, batch: 40, samplesAlpha: 4, samplesUpdates: 10 })
  plain = await studio.run('train', settings)
})
afterAll(() => studio.close())
beforeEach(() => void studio.events.splice(0))

const detailOf = ({ subject }: Job) => studio.project.valueFunctions.detail(subject as number)
const leftovers = (): string[] => readdirSync(studio.project.statesDirectory).filter((name) => name.startsWith('training'))
const told = () => studio.events.flatMap(({ event, payload }) => (event === 'train.samples' ? [payload] : []))
const notices = (): string[] => studio.events.flatMap(({ event, payload }) => (event === 'notice' ? [payload.text] : []))

function resultOf(job: Job): unknown {
  const { curve, bestEpoch, calibration, scale } = detailOf(job)
  return { curve, bestEpoch, calibration, scale, network: studio.project.valueFunctions.network(job.subject as number) }
}

test('at the best epochs: the kept one is among them, and steers as the value function itself does', async () => {
  const job = await studio.run('train', { ...settings, samples: 'best' })
  expect(job).toMatchObject({ state: 'done', failure: null })
  expect(resultOf(job)).toEqual(resultOf(plain)) // to the bit
  const { samples, bestEpoch, curve } = detailOf(job)
  expect(samples).toMatchObject({ alpha: 4, updates: 10 })
  expect(samples!.prompts).toEqual(scoredPrompts(24).slice(20, 23).map(({ prompt }) => prompt)) // held out
  expect(samples!.base).toHaveLength(3)
  const epochs = samples!.epochs.map(({ epoch }) => epoch)
  expect(epochs).toContain(bestEpoch)
  expect(epochs).toEqual([...new Set(epochs)].sort((a, b) => a - b))
  for (const epoch of epochs) expect(Math.min(...curve.slice(0, epoch).map(({ returnError }) => returnError))).toBe(curve[epoch - 1]!.returnError) // each was the best so far
  expect(told().at(-1)).toEqual({ job: job.id, samples })
  expect(leftovers()).toEqual([])

  const kept = samples!.epochs.find(({ epoch }) => epoch === bestEpoch)!
  const method = resolveMethod({ name: 're-control', settings: { valueFunction: job.subject, alpha: 4, updates: 10 } })
  const finished: FinishedEvent[] = []
  await generate(studio.around, await studio.engine.models.use(studio.project), samples!.prompts.map((content, key) => ({ key, method, messages: [{ role: 'user' as const, content }], seed: settings.seed })), {
    maxTokens: 64, parallel: 3, sampling: { temperature: 0.7, topK: 50, topP: 0.95, minP: 0 }, tokens: false, deterministic: false, onEvent: (event) => void (event.kind === 'finished' && finished.push(event))
  })
  expect(kept.answers.map(({ text }) => text)).toEqual(finished.sort((a, b) => a.key - b.key).map(({ text }) => text))
  for (const { valueBefore, valueAfter, edit } of kept.answers) {
    expect(valueAfter!).toBeGreaterThan(valueBefore!)
    expect(edit!).toBeGreaterThan(0)
  }
})

test('every so many epochs: no others but the kept one', async () => {
  const job = await studio.run('train', { ...settings, samples: 'every', samplesEvery: 7 })
  expect(resultOf(job)).toEqual(resultOf(plain))
  const { samples, bestEpoch } = detailOf(job)
  for (const { epoch } of samples!.epochs) expect(epoch === bestEpoch || epoch % 7 === 0).toBe(true)
  expect(samples!.epochs.map(({ epoch }) => epoch)).toContain(bestEpoch)
})

test('after a pause and a killed model host the training is the same, and what was steered before is still there', async () => {
  const started = studio.engine.jobs.start('train', { ...settings, epochs: 200, samples: 'best' })
  let acted = 0
  await new Promise<void>((resolve) => studio.on('train.samples', ({ job }) => void (job === started.id && acted++ === 0 && resolve())))
  await studio.engine.jobs.pause(started.id)
  const before = told().at(-1)!.samples
  expect(leftovers().some((name) => name.endsWith('.samples.json'))).toBe(true)
  let killed = false
  studio.on('train.epoch', ({ job }) => {
    if (job !== started.id || killed) return
    killed = true
    studio.killHost()
  })
  studio.engine.jobs.resume(started.id)
  const job = await studio.engine.jobs.finished(started.id)
  expect(job).toMatchObject({ state: 'done', failure: null })
  expect(killed).toBe(true)
  expect(resultOf(job)).toEqual(resultOf(await studio.run('train', { ...settings, epochs: 200 })))
  const { samples } = detailOf(job)
  expect(samples!.base).toEqual(before.base)
  if (samples!.epochs.length < 12) for (const one of before.epochs) expect(samples!.epochs).toContainEqual(one)
  expect(notices().filter((text) => text.includes('steer'))).toEqual([])
  expect(leftovers()).toEqual([])
})

test('of an ensemble, and of what is not trained, the kept value function', async () => {
  const ensemble = detailOf(await studio.run('train', { ...settings, epochs: 5, members: 2, samples: 'every', samplesEvery: 100 }))
  expect(ensemble.samples!.epochs.map(({ epoch }) => epoch)).toEqual([ensemble.bestEpoch])
  const computed = detailOf(await studio.run('train', { ...settings, objective: 'difference-of-means', samples: 'best' }))
  expect(computed.samples!.epochs).toHaveLength(1)
  expect(detailOf(plain).samples).toBeNull()
})
