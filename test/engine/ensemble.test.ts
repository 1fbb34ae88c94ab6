/** Ensembles, and what a value function says along unseen responses. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ValueFunction } from '../../native/value-function.ts'
import { collectSettings } from '../../src-main/contract/collect.ts'
import { trainSettings, type TrainSettings } from '../../src-main/contract/value.ts'
import { CheckpointFile } from '../../src-main/engine/value/checkpoints.ts'
import { heldOutFigures } from '../../src-main/engine/value/held-out.ts'
import { valueAlong } from '../../src-main/engine/value/along.ts'
import { compareValueFunctions } from '../../src-main/engine/value/compare.ts'
import { drawn, openStudio, scoredPrompts, type Studio } from './studio.ts'

const stateSize = 64
let studio: Studio
let settings: TrainSettings

beforeAll(async () => {
  studio = await openStudio()
  const dataset = await studio.importRows(scoredPrompts(20))
  const { subject } = await studio.run('collect', collectSettings.parse({ dataset, samples: 2, maxTokens: 8, seed: 5, sampling: drawn }))
  await studio.run('reward', { collection: subject, source: 'column', settings: { column: 'score' } })
  settings = trainSettings.parse({ collection: subject, source: 'column', hidden: 12, epochs: 4, learningRate: 1e-3, batch: 64, patience: 0, validation: 0.3 })
})
afterAll(() => studio.close())

async function trained(own: Partial<TrainSettings>): Promise<number> {
  const job = await studio.run('train', { ...settings, ...own })
  if (job.failure !== null) throw new Error(job.failure.message)
  return job.subject as number
}

function statesOf(response: number): Float32Array[] {
  const { shard, offset, states } = studio.project.responses.states(settings.collection).find((one) => one.response === response)!
  const bytes = readFileSync(join(studio.project.statesDirectory, shard)).subarray(offset, offset + states * stateSize * 2)
  const all = Float32Array.from(new Float16Array(new Uint8Array(bytes).buffer))
  return Array.from({ length: states }, (_, t) => all.subarray(t * stateSize, (t + 1) * stateSize))
}

describe.each([0, 1, 2])('an ensemble with %i hidden layers', (layers) => {
  test('is the mean of what the same seeds give one by one', async () => {
    const ensemble = await trained({ layers, members: 3 })
    const single = [await trained({ layers, seed: 1 })] // the other seeds validate on other prompts, so only their weights at the start compare
    const networks = studio.project.valueFunctions.memberNetworks(ensemble)
    expect(networks).toHaveLength(3)
    expect(networks[0]).toEqual(studio.project.valueFunctions.network(single[0]!))
    expect(networks[1]).not.toEqual(networks[0])

    const V = new ValueFunction(studio.project.valueFunctions.network(ensemble))
    const members = networks.map((network) => new ValueFunction(network))
    const [h] = statesOf(studio.project.responses.ids(settings.collection)[0]!)
    const values = members.map((member) => member.values(h!)[0]!)
    expect(V.values(h!)[0]).toBeCloseTo(values.reduce((a, b) => a + b) / 3, 5)

    const detail = studio.project.valueFunctions.detail(ensemble)
    expect(detail).toMatchObject({ members: 3, hiddenDims: new Array(layers).fill(12) })
    expect(detail.memberFigures.map(({ seed }) => seed)).toEqual([1, 2, 3])
    // a mean of predictions is never worse than its members on average (Jensen)
    expect(detail.returnError).toBeLessThanOrEqual(detail.memberFigures.reduce((sum, member) => sum + member.returnError, 0) / 3 + 1e-6)
    expect(detail.spread!.mean).toBeGreaterThan(0)
    expect(detail.spread!.tokens).toBe(detail.positions.reduce((sum, { tokens }) => sum + tokens, 0))
  })
})

describe('an interrupted ensemble goes on where it was, to the same weights,', () => {
  const own = { members: 3, epochs: 12, layers: 2, hidden: 200, batch: 16 }
  /** while the second member trains */
  const epochToStopAt = 12 + 5
  let whole: number
  beforeAll(async () => {
    whole = await trained(own)
  })
  const networks = (id: number) => studio.project.valueFunctions.memberNetworks(id)
  const atEpoch = (count: number, act: () => void): void => {
    let epochs = 0
    studio.on('train.epoch', () => {
      if (++epochs === count) act()
    })
  }

  test('after its host was killed', async () => {
    const hosts = studio.hosts()
    atEpoch(epochToStopAt, studio.killHost)
    expect(networks(await trained(own))).toEqual(networks(whole))
    expect(studio.hosts()).toBe(hosts + 1)
  })

  test('after a pause, with the members that were done', async () => {
    const reached = new Promise<void>((resolve) => atEpoch(epochToStopAt, resolve))
    const { jobs } = studio.engine
    const { id } = jobs.start('train', { ...settings, ...own })
    await reached
    expect(await jobs.pause(id)).toMatchObject({ state: 'paused' })
    const checkpoint = new CheckpointFile(studio.project.statesDirectory, id).read()
    expect(checkpoint!.curve).toHaveLength(12)
    jobs.resume(id)
    const { subject } = await jobs.finished(id)
    expect(networks(subject as number)).toEqual(networks(whole))
    expect(readdirSync(studio.project.statesDirectory).filter((name) => name.startsWith('training-'))).toEqual([])
  })
})

test('V along unseen responses: its values, their error, the text of each token', async () => {
  const id = await trained({ members: 2 })
  const { rewardMean, rewardScale } = studio.project.valueFunctions.detail(id)
  const along = await valueAlong(studio.project, studio.engine.models, id, null)
  expect(along.map(({ error }) => error)).toEqual(along.map(({ error }) => error).sort((a, b) => a - b))
  const heldOut = studio.project.valueFunctions.figures(id)!.heldOut
  expect(along[0]!.error).toBeCloseTo(Math.min(...heldOut.map(({ error }) => error)), 6)
  expect(along.at(-1)!.error).toBeCloseTo(Math.max(...heldOut.map(({ error }) => error)), 6)
  const members = studio.project.valueFunctions.memberNetworks(id).map((network) => new ValueFunction(network))
  for (const { response, reward, tokens, error } of along) {
    const states = statesOf(response)
    expect(tokens).toHaveLength(states.length)
    tokens.forEach(({ value, spread }, t) => {
      const [a, b] = members.map((member) => member.values(states[t]!)[0]!) as [number, number]
      expect(value).toBeCloseTo(rewardMean + (rewardScale * (a + b)) / 2, 5)
      expect(spread).toBeCloseTo((rewardScale * Math.abs(a - b)) / Math.SQRT2, 5)
    })
    expect(error).toBeCloseTo(tokens.reduce((sum, { value }) => sum + ((value - reward) / rewardScale) ** 2, 0) / tokens.length, 5)
    expect(tokens.map(({ text }) => text).join('').trim()).toContain(studio.project.responses.get(response).text.trim())
  }
  const one = await valueAlong(studio.project, studio.engine.models, id, heldOut[1]!.response)
  expect(one.map(({ response }) => response)).toEqual([heldOut[1]!.response])
})

test('refuses a response that was trained on, and a value function that has seen all', async () => {
  const id = await trained({})
  const unseen = new Set(studio.project.valueFunctions.figures(id)!.heldOut.map(({ response }) => response))
  const seen = studio.project.responses.ids(settings.collection).find((response) => !unseen.has(response))!
  await expect(valueAlong(studio.project, studio.engine.models, id, seen)).rejects.toThrow(/is none that value function/)
  await expect(valueAlong(studio.project, studio.engine.models, await trained({ validation: 0 }), null)).rejects.toThrow(/no unseen responses are known/)
})

test('value functions side by side: what differs, and the paired difference of their errors', async () => {
  const [ours, published, elsewhere] = [await trained({ objective: 'semi-gradient' }), await trained({ objective: 'as-published' }), await trained({ seed: 9 })]
  const { settings: differing, rows } = compareValueFunctions(studio.project, [ours, published])
  expect(differing).toEqual([{ name: 'objective', values: ['semi-gradient', 'as-published'] }])
  const errors = rows.map(({ id }) => new Map(studio.project.valueFunctions.figures(id)!.heldOut.map(({ response, error }) => [response, error])))
  const differences = [...errors[0]!].map(([response, error]) => errors[1]!.get(response)! - error)
  expect(rows[0]!.difference).toBeNull()
  expect(rows[1]!.difference!.mean).toBeCloseTo(differences.reduce((a, b) => a + b) / differences.length, 6)
  expect(rows[1]!.difference!.responses).toBe(differences.length)
  expect(compareValueFunctions(studio.project, [ours, elsewhere]).rows[1]!.difference).toBeNull() // other prompts are unseen
})

test('figures of values that are known: error and bias by position, spread against error', () => {
  // two members, one response of four tokens with reward 1, one of one token with reward -1
  const figures = heldOutFigures([Float32Array.of(0, 1, 1, 2, -1), Float32Array.of(2, 1, 3, 2, -1)], [{ response: 7, states: 4, reward: 1 }, { response: 9, states: 1, reward: -1 }])
  expect(figures.heldOut).toEqual([{ response: 7, error: (0 + 0 + 1 + 1) / 4 }, { response: 9, error: 0 }])
  expect(figures.returnError).toBeCloseTo(2 / 5)
  expect(figures.positions).toEqual([
    { from: 0, to: 0.1, tokens: 2, error: 0, bias: 0 },
    { from: 0.2, to: 0.3, tokens: 1, error: 0, bias: 0 },
    { from: 0.5, to: 0.6, tokens: 1, error: 1, bias: 1 },
    { from: 0.7, to: 0.8, tokens: 1, error: 1, bias: 1 }
  ])
  expect(figures.spread!.tokens).toBe(5)
  expect(figures.spread!.mean).toBeCloseTo((2 * Math.SQRT2) / 5)
  expect(figures.spread!.error).toBeCloseTo(2 / 5)
  // spreads sqrt 2 (1, 0, 1, 0, 0) with errors (0, 0, 1, 1, 0): covariance 1/5 - 4/25, variances 6/25 each
  expect(figures.spread!.correlation).toBeCloseTo((1 / 5 - 4 / 25) / (6 / 25))
})
