/** Pref-CTRL from a data set's pairs: which responses it trains on, what it needs, and how often V tells unseen pairs apart. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ValueFunction } from '../../native/value-function.ts'
import { collectSettings } from '../../src-main/contract/collect.ts'
import { trainSettings, type TrainSettings } from '../../src-main/contract/value.ts'
import { pairAccuracy } from '../../src-main/engine/value/pairs.ts'
import type { ResponseStates } from '../../src-main/engine/project/responses.ts'
import { drawn, openStudio, type Studio } from './studio.ts'

const stateSize = 64
let studio: Studio
let settings: TrainSettings

// the chosen answer ends in one word and the rejected one in another, which any V can tell apart by their last state
const pairRows = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ prompt: `Question ${i}: what of the number ${i * 7}?`, chosen: `It is ${i}. yes`, rejected: `It is ${i}. no`, score: Math.sin(i) }))

beforeAll(async () => {
  studio = await openStudio()
  const dataset = await studio.importRows(pairRows(40))
  const collect = async (own: object): Promise<number> => {
    const { subject } = await studio.run('collect', collectSettings.parse({ dataset, maxTokens: 8, seed: 5, sampling: drawn, split: null, ...own }))
    return subject as number
  }
  const collection = await collect({ samples: 2 })
  await studio.run('reward', { collection, source: 'column', settings: { column: 'score' } })
  settings = trainSettings.parse({
    collection, source: 'column', objective: 'pref-ctrl', hidden: 16, epochs: 60, learningRate: 3e-3, batch: 128, patience: 0, validation: 0.25,
    preferred: await collect({ responses: 'chosen', maxTokens: 64 }), dispreferred: await collect({ responses: 'rejected', maxTokens: 64, limit: 38 }) // the last two prompts have no pair
  })
})
afterAll(() => studio.close())

async function trained(own: Partial<TrainSettings>): Promise<number> {
  const job = await studio.run('train', { ...settings, ...own })
  if (job.failure !== null) throw new Error(job.failure.message)
  return job.subject as number
}

function lastState({ shard, offset, states }: ResponseStates): Float32Array {
  const bytes = readFileSync(join(studio.project.statesDirectory, shard)).subarray(offset + (states - 1) * stateSize * 2, offset + states * stateSize * 2)
  return Float32Array.from(new Float16Array(new Uint8Array(bytes).buffer))
}

test('V is higher for the chosen answer of unseen pairs, which the rewards do not say', async () => {
  const id = await trained({})
  const { pairs, name } = studio.project.valueFunctions.detail(id)
  expect(name).toContain('Pref-CTRL')
  expect(pairs!.pairs).toBeGreaterThan(5)
  expect(pairs!.accuracy).toBe(1)
  expect(pairs!.low).toBeGreaterThan(0.5)
  // the figure is that of V itself, over the pairs of the unseen prompts
  const V = new ValueFunction(studio.project.valueFunctions.network(id))
  const unseen = new Set(studio.project.valueFunctions.figures(id)!.heldOut.map(({ response }) => studio.project.responses.get(response).example))
  expect(unseen.size).toBe(pairs!.pairs)
  const rejected = new Map(studio.project.responses.states(settings.dispreferred!).map((one) => [one.example, one]))
  for (const one of studio.project.responses.states(settings.preferred!)) {
    if (unseen.has(one.example)) expect(V.values(lastState(one))[0]).toBeGreaterThan(V.values(lastState(rejected.get(one.example)!))[0]!)
  }
})

test('responses without a pair are left out, and said', async () => {
  const told = studio.events.length
  const id = await trained({ epochs: 2 })
  expect(studio.events.slice(told).flatMap((event) => (event.event === 'notice' ? [event.payload.text] : []))).toContainEqual(expect.stringMatching(/^4 of 80 responses are left out/))
  expect(studio.project.valueFunctions.figures(id)!.heldOut.length).toBe(2 * Math.round(38 * 0.25))
})

test('with another objective the pairs only measure', async () => {
  const [with_, without] = [await trained({ objective: 'semi-gradient', epochs: 3 }), await trained({ objective: 'semi-gradient', epochs: 3, preferred: null, dispreferred: null })]
  expect(studio.project.valueFunctions.network(with_)).toEqual(studio.project.valueFunctions.network(without))
  expect(studio.project.valueFunctions.detail(with_).pairs!.pairs).toBeGreaterThan(5)
  expect(studio.project.valueFunctions.detail(without).pairs).toBeNull()
})

test('the weights count', async () => {
  const [one, none] = [await trained({ epochs: 3 }), await trained({ epochs: 3, marginWeight: 0, regulariserWeight: 0 })]
  expect(studio.project.valueFunctions.network(one)).not.toEqual(studio.project.valueFunctions.network(none))
})

describe('refuses', () => {
  test.each<[string, () => Partial<TrainSettings>, RegExp]>([
    ['pref-ctrl without pairs', () => ({ preferred: null, dispreferred: null }), /needs two collections/],
    ['one half of the pairs', () => ({ objective: 'semi-gradient', dispreferred: null }), /needs two collections/],
    ['the two the wrong way round', () => ({ preferred: settings.dispreferred, dispreferred: settings.preferred }), /has rejected responses, not the data set's chosen answers/],
    ['a collection that is not there', () => ({ preferred: 999 }), /no collection 999/]
  ])('%s', async (_, own, message) => {
    await expect(trained(own())).rejects.toThrow(message)
  })
})

test('a draw is half a hit, and without pairs there is no accuracy', () => {
  expect(pairAccuracy([{ preferred: 1, dispreferred: 0 }, { preferred: 1, dispreferred: 1 }])).toMatchObject({ accuracy: 0.75, pairs: 2 })
  expect(pairAccuracy([])).toBeNull()
})
