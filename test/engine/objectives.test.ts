/** Value functions by every objective and shape, and steering along a fixed direction. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ValueFunction } from '../../native/value-function.ts'
import { collectSettings } from '../../src-main/contract/collect.ts'
import { objective, trainSettings, type TrainSettings } from '../../src-main/contract/value.ts'
import { generate } from '../../src-main/engine/control/generate.ts'
import { resolveMethod } from '../../src-main/engine/control/methods.ts'
import type { FinishedEvent } from '../../src-main/model-host/messages/generate.ts'
import { greedy, drawn, openStudio, scoredPrompts, type Studio } from './studio.ts'

const stateSize = 64
let studio: Studio
let settings: TrainSettings

beforeAll(async () => {
  studio = await openStudio()
  const dataset = await studio.importRows(scoredPrompts(20))
  const { subject } = await studio.run('collect', collectSettings.parse({ dataset, samples: 2, maxTokens: 8, seed: 5, sampling: drawn }))
  await studio.run('reward', { collection: subject, source: 'column', settings: { column: 'score' } })
  settings = trainSettings.parse({ collection: subject, source: 'column', hidden: 16, epochs: 5, learningRate: 1e-3, batch: 64, patience: 0 })
})
afterAll(() => studio.close())

async function trained(own: Partial<TrainSettings>): Promise<number> {
  const job = await studio.run('train', { ...settings, ...own })
  if (job.failure !== null) throw new Error(job.failure.message)
  expect(job.state).toBe('done')
  return job.subject as number
}

/** States and rewards as they lie on the disk, all of them read anew. */
function stored(): { states: number[][]; reward: number }[] {
  return studio.project.responses.labelledStates(settings.collection, 'column').map(({ shard, offset, states, reward }) => {
    const bytes = readFileSync(join(studio.project.statesDirectory, shard)).subarray(offset, offset + states * stateSize * 2)
    const numbers = new Float16Array(new Uint8Array(bytes).buffer)
    return { reward, states: Array.from({ length: states }, (_, t) => [...numbers.subarray(t * stateSize, (t + 1) * stateSize)]) }
  })
}
const meanOf = (states: number[][]): number[] => states[0]!.map((_, d) => states.reduce((sum, h) => sum + h[d]!, 0) / states.length)

const untrained = ['difference-of-means', 'mean-gradient']
const alone = objective.options.filter((name) => name !== 'pref-ctrl' && name !== 'mean-gradient') // what these two need besides has tests of its own

test.each(alone.flatMap((name) => [0, 1, 2].map((layers) => ({ name, layers }))))('$name with $layers hidden layers gives a value function', async ({ name, layers }) => {
  const id = await trained({ objective: name, layers })
  const detail = studio.project.valueFunctions.detail(id)
  expect(detail.hiddenDims).toEqual(untrained.includes(name) ? [] : new Array(layers).fill(16))
  expect(Object.values(detail.curve.at(-1)!).every(Number.isFinite)).toBe(true)
  expect(detail.curve).toHaveLength(untrained.includes(name) ? 1 : 5)
  expect(detail.scale).toBeGreaterThan(0)
})

describe('the difference of means', () => {
  test('points from the mean state of low rewards to that of high ones, and predicts as well as a line along it can', async () => {
    const id = await trained({ objective: 'difference-of-means', validation: 0 })
    const { rewardMean, rewardScale, curve, scale } = studio.project.valueFunctions.detail(id)
    const responses = stored()
    const sorted = responses.map(({ reward }) => reward).sort((a, b) => a - b)
    const median = (sorted[Math.floor((sorted.length - 1) / 2)]! + sorted[Math.ceil((sorted.length - 1) / 2)]!) / 2
    const side = (keep: (reward: number) => boolean) => meanOf(responses.filter(({ reward }) => keep(reward)).flatMap(({ states }) => states))
    const high = side((reward) => reward > median)
    const low = side((reward) => reward < median)
    const direction = high.map((x, d) => x - low[d]!)
    const { weight } = studio.project.valueFunctions.network(id).layers[0]!
    const cosine = direction.reduce((sum, x, d) => sum + x * weight[d]!, 0) / Math.hypot(...direction) / Math.hypot(...weight)
    expect(Math.abs(cosine)).toBeCloseTo(1, 6)

    const V = new ValueFunction(studio.project.valueFunctions.network(id))
    const errorAt = (by: number): number => {
      let [sum, n] = [0, 0]
      for (const { states, reward } of responses) for (const h of states) {
        sum += ((1 + by) * V.values(Float32Array.from(h))[0]! - (reward - rewardMean) / rewardScale) ** 2
        n++
      }
      return sum / n
    }
    expect(curve[0]!.returnError).toBeCloseTo(errorAt(0), 4)
    expect(errorAt(0)).toBeLessThanOrEqual(Math.min(errorAt(0.05), errorAt(-0.05)))
    const all = responses.flatMap(({ states }) => states)
    const mean = meanOf(all)
    expect(scale).toBeCloseTo(Math.sqrt(all.reduce((sum, h) => sum + h.reduce((s, x, d) => s + (x - mean[d]!) ** 2, 0), 0) / all.length / stateSize), 5)
  })
})

describe('the mean gradient', () => {
  test('is the mean of the other one\'s gradients over the training states, and what static RE can steer along', async () => {
    const of = await trained({ layers: 1, validation: 0 })
    const id = await trained({ objective: 'mean-gradient', of, validation: 0 })
    const { hiddenDims, scale, curve } = studio.project.valueFunctions.detail(id)
    expect(hiddenDims).toEqual([])
    expect(scale).toBe(studio.project.valueFunctions.detail(of).scale)
    const states = stored().flatMap((one) => one.states)
    const V = new ValueFunction(studio.project.valueFunctions.network(of))
    const linear = studio.project.valueFunctions.network(id)
    const expected = meanOf(states.map((h) => [...V.gradients(Float32Array.from(h))]))
    linear.layers[0]!.weight.forEach((w, d) => expect(w).toBeCloseTo(expected[d]!, 5))

    // right on average, in standardised rewards
    const { rewardMean, rewardScale } = studio.project.valueFunctions.detail(id)
    const along = new ValueFunction(linear)
    const errors = stored().flatMap((one) => one.states.map((h) => along.values(Float32Array.from(h))[0]! - (one.reward - rewardMean) / rewardScale))
    expect(errors.reduce((sum, e) => sum + e, 0) / errors.length).toBeCloseTo(0, 4)
    expect(curve[0]!.returnError).toBeCloseTo(errors.reduce((sum, e) => sum + e * e, 0) / errors.length, 4)
  })

  test('needs the other one, and has no members', async () => {
    await expect(trained({ objective: 'mean-gradient' })).rejects.toThrow(/needs the value function/)
    await expect(trained({ objective: 'mean-gradient', of: 999 })).rejects.toThrow(/no value function 999/)
    await expect(trained({ objective: 'difference-of-means', members: 2 })).rejects.toThrow(/all 2 members would be the same/)
  })
})

describe('static representation editing', () => {
  const answer = async (own: Record<string, unknown>): Promise<FinishedEvent> => {
    let finished: FinishedEvent | null = null
    const method = resolveMethod({ name: 'static-re', settings: own })
    await generate(studio.around, await studio.engine.models.use(studio.project), [{ key: 0, method, messages: [{ role: 'user', content: 'hello' }], seed: 1 }], {
      maxTokens: 6, parallel: 1, sampling: greedy, tokens: false, deterministic: true,
      onEvent: (event) => {
        if (event.kind === 'finished') finished = event
      }
    })
    return finished as unknown as FinishedEvent
  }

  test('moves every state by the same fraction of its length, up the value', async () => {
    const of = await trained({ layers: 2 })
    for (const own of [{ objective: 'difference-of-means' as const }, { objective: 'mean-gradient' as const, of }, { layers: 0 }, { layers: 0, members: 3 }]) {
      const { edits, valueBefore, valueAfter } = await answer({ valueFunction: await trained(own), edit: 0.25 })
      expect(edits.length).toBeGreaterThan(0)
      for (const edit of edits) expect(edit).toBeCloseTo(0.25, 4)
      valueBefore.forEach((before, t) => expect(valueAfter[t]).toBeGreaterThan(before))
    }
  })

  test('refuses a value function that is bent', async () => {
    await expect(answer({ valueFunction: await trained({ layers: 1 }) })).rejects.toThrow(/is not linear/)
  })
})
