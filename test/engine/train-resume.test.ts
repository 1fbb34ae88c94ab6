/** A training job goes on from its checkpoint, and ends as if it had never been interrupted. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { collectSettings } from '../../src-main/contract/collect.ts'
import { trainSettings, type Epoch, type TrainSettings } from '../../src-main/contract/value.ts'
import type { Job } from '../../src-main/contract/job.ts'
import { decodeCheckpoint, encodeCheckpoint } from '../../src-main/engine/value/checkpoints.ts'
import { drawn, openStudio, scoredPrompts, type Studio } from './studio.ts'

const epochs = 40

let studio: Studio
let settings: TrainSettings
let whole: Job
beforeAll(async () => {
  studio = await openStudio({ embedding: 128, layers: 2 })
  const dataset = await studio.importRows(scoredPrompts(16).map((row, i) => ({ ...row, other: i % 3 })))
  const { subject } = await studio.run('collect', collectSettings.parse({ dataset, samples: 2, maxTokens: 20, seed: 1, sampling: drawn }))
  await label('score')
  settings = trainSettings.parse({ collection: subject, source: 'column', hidden: 512, layers: 2, epochs, learningRate: 1e-3, patience: 0, batch: 40, weightDecay: 0.01, clipNorm: 1, warmupSteps: 20 })
  whole = await studio.run('train', settings)
})
afterAll(() => studio.close())
beforeEach(() => void studio.events.splice(0))

const label = (column: string): Promise<Job> => studio.run('reward', { collection: 1, source: 'column', settings: { column } })
const checkpointOf = ({ id }: Job): string => join(studio.project.statesDirectory, `training-${id}.checkpoint`)
const leftovers = (): string[] => readdirSync(studio.project.statesDirectory).filter((name) => name.startsWith('training'))
const notices = (): string[] => studio.events.flatMap(({ event, payload }) => (event === 'notice' ? [payload.text] : []))

/** Calls `act` when this epoch is told for the first time. */
function atEpoch(job: () => number, number: number, act: () => void): void {
  let done = false
  studio.on('train.epoch', (told: { job: number; epoch: Epoch }) => {
    if (done || told.job !== job() || told.epoch.epoch !== number) return
    done = true
    act()
  })
}

async function pausedAt(number: number): Promise<Job> {
  const started = studio.engine.jobs.start('train', settings)
  await new Promise<void>((resolve) => atEpoch(() => started.id, number, resolve))
  const paused = await studio.engine.jobs.pause(started.id)
  expect(paused).toMatchObject({ state: 'paused', failure: null })
  return paused
}

function resume({ id }: Job): Promise<Job> {
  studio.engine.jobs.resume(id)
  return studio.engine.jobs.finished(id)
}

/** What is known of a finished training but its number and date. */
function resultOf(job: Job): unknown {
  expect(job).toMatchObject({ state: 'done', failure: null, done: epochs, total: epochs })
  const { id: _id, created: _created, ...detail } = studio.project.valueFunctions.detail(job.subject as number)
  return { detail, network: studio.project.valueFunctions.network(job.subject as number) }
}

/** How many epochs each run of the job said it goes on from. */
const begunFrom = ({ id }: Job): number[] => {
  const phases = studio.events.flatMap(({ event, payload }) => (event === 'job' && payload.id === id ? [payload] : []))
  return phases.filter((job, i) => job.phase === 'Training' && phases[i - 1]?.phase !== 'Training').map((job) => job.done)
}

describe('goes on to the bit', () => {
  test('after a pause, and after the model host is killed', async () => {
    const paused = await pausedAt(7)
    expect(existsSync(checkpointOf(paused))).toBe(true)
    atEpoch(() => paused.id, 15, studio.killHost)
    const hosts = studio.hosts()
    const job = await resume(paused)
    expect(studio.hosts()).toBe(hosts + 1)
    const [first, ...later] = begunFrom(paused)
    expect(first).toBe(0)
    expect(later.length).toBeGreaterThanOrEqual(1)
    for (const from of later) expect(from).toBeGreaterThanOrEqual(7)
    expect(resultOf(job)).toEqual(resultOf(whole))
    expect(leftovers()).toEqual([])
  })

  test('paused again and again', async () => {
    let job = await pausedAt(1)
    for (const at of [5, 12, 30]) {
      const reached = new Promise<void>((resolve) => atEpoch(() => job.id, at, resolve))
      studio.engine.jobs.resume(job.id)
      await reached
      job = await studio.engine.jobs.pause(job.id)
    }
    expect(resultOf(await resume(job))).toEqual(resultOf(whole))
  })
})

describe('starts over with a notice', () => {
  test('where the checkpoint is damaged, and ends with the same weights', async () => {
    const paused = await pausedAt(5)
    const bytes = readFileSync(checkpointOf(paused))
    bytes[Math.floor(bytes.length / 3)]! ^= 4
    writeFileSync(checkpointOf(paused), bytes)
    const job = await resume(paused)
    expect(notices()).toEqual(['The training starts over: the checkpoint is damaged'])
    expect(begunFrom(paused)).toEqual([0, 0])
    expect(resultOf(job)).toEqual(resultOf(whole))
  })

  test('where the rewards have changed since', async () => {
    const paused = await pausedAt(5)
    await label('other')
    const job = await resume(paused)
    expect(notices()).toEqual([expect.stringMatching(/^The training starts over: .*other settings or other data$/)])
    const fresh = await studio.run('train', settings)
    expect(resultOf(job)).toEqual(resultOf(fresh))
    await label('score')
  })
})

test('a stopped or discarded training leaves no checkpoint', async () => {
  await studio.engine.jobs.stop((await pausedAt(3)).id)
  await studio.engine.jobs.discard((await pausedAt(3)).id)
  expect(leftovers()).toEqual([])
})

test('a training that runs away fails in one line, and its best epoch is kept', async () => {
  const before = studio.project.valueFunctions.list().length
  const job = await studio.run('train', { ...settings, learningRate: 1e6, warmupSteps: 0, clipNorm: null, weightDecay: 0, batch: 10000 })
  expect(job).toMatchObject({ state: 'failed', failure: { code: 'bad-request', message: expect.stringMatching(/^the (loss|gradient) is not finite in epoch \d+, batch 1, from layer \d on: .*The best epoch before that, \d+, is kept as value function \d+$/) } })
  expect(studio.project.valueFunctions.list()).toHaveLength(before + 1)
  expect(studio.project.valueFunctions.network(job.subject as number).layers.every(({ weight }) => weight.every(Number.isFinite))).toBe(true)
})

test('a checkpoint comes back from its bytes as it was, and damaged bytes do not', () => {
  const layers = [{ weight: new Float32Array([1, 2, 3, 4, 5, 6]), bias: new Float32Array([7, 8]) }, { weight: new Float32Array([9, 10]), bias: new Float32Array([11]) }]
  const curve = [{ epoch: 1, trainLoss: 0.1, validationLoss: 1 / 3, returnError: 1, correlation: -0.5 }]
  for (const best of [null, { epoch: 1, error: 1, layers, predicted: new Float32Array([0.5, 0.25]) }]) {
    const bytes = encodeCheckpoint({ trainer: new Uint8Array([1, 2, 3]), curve, best }, 3)
    const { trainer, ...rest } = decodeCheckpoint(bytes)
    expect([...trainer]).toEqual([1, 2, 3])
    expect(rest).toEqual({ curve, best })
    for (let i = 0; i < bytes.length; i++) {
      const damaged = Buffer.from(bytes)
      damaged[i]! ^= 16
      expect(() => decodeCheckpoint(damaged), `byte ${i}`).toThrow('the checkpoint is damaged')
      expect(() => decodeCheckpoint(bytes.subarray(0, i))).toThrow('the checkpoint is damaged')
    }
  }
})
