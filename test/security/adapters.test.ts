/** Adapters of somebody who wishes us ill: checked before llama.cpp sees them, so that no model's process ends by one. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toFailure } from '../../src-main/contract/errors.ts'
import { generate } from '../../src-main/engine/control/generate.ts'
import { resolveMethod } from '../../src-main/engine/control/methods.ts'
import { randomDirections, writeControlVector, writeTinyLora } from '../fixtures/adapters.ts'
import { seededRandom } from '../fixtures/random.ts'
import { boundariesOf, spoilt } from '../fixtures/spoilt-gguf.ts'
import { writeTinyModel, type TinyWeights } from '../fixtures/tiny-model.ts'
import { greedy, openStudio, type Studio } from '../engine/studio.ts'

const D = 64
let studio: Studio
let weights: TinyWeights
let file: (name: string) => string
beforeAll(async () => {
  studio = await openStudio()
  file = (name) => join(studio.directory, 'files', name)
  weights = writeTinyModel(file('same.gguf'))
  await studio.engine.models.use(studio.project)
})
afterAll(() => studio.close())

/** 'answered', 'skipped' with the reason, or the failure's code. */
async function outcomeOf(name: string, settings: Record<string, unknown>): Promise<{ code: string; message: string }> {
  const { models, project } = studio.engine
  let skipped: string | null = null
  try {
    await generate(studio.around, await models.use(project), [{ key: 0, method: resolveMethod({ name, settings }), messages: [{ role: 'user', content: 'Why?' }], seed: 1 }], {
      maxTokens: 3, parallel: 1, sampling: greedy, tokens: true, deterministic: false, onEvent: (event) => void (event.kind === 'skipped' && (skipped = event.reason))
    })
    return skipped === null ? { code: 'answered', message: '' } : { code: 'skipped', message: skipped }
  } catch (error) {
    return toFailure(error)
  }
}

/** good.gguf in 300 ways. */
async function spoil(use: () => Promise<{ code: string }>, seed: number): Promise<void> {
  const whole = readFileSync(file('good.gguf'))
  const boundaries = boundariesOf(whole)
  const random = seededRandom(seed)
  const outcomes = new Map<string, number>()
  const hosts = studio.hosts()
  for (let trial = 0; trial < 300; trial++) {
    writeFileSync(file('spoilt.gguf'), spoilt(whole, boundaries, random))
    const { code } = await use()
    outcomes.set(code, (outcomes.get(code) ?? 0) + 1)
  }
  expect([...outcomes.keys()].filter((code) => !['answered', 'skipped', 'not-usable'].includes(code))).toEqual([])
  expect(outcomes.get('answered')).toBeGreaterThan(5)
  expect(studio.hosts()).toBe(hosts)
}

const numbers: [what: string, value: number][] = [['NaN', NaN], ['infinities', Infinity], ['the largest numbers', 3.4e38], ['the smallest numbers', 1e-45]]

describe('a LoRA adapter', () => {
  const use = (scale = 1) => outcomeOf('lora', { loraFile: file('spoilt.gguf'), scale })

  test('spoilt in 300 ways: an answer, a reason why there is none, or a refusal, and one and the same process', async () => {
    writeTinyLora(file('good.gguf'), weights)
    await spoil(use, 41)
  }, 120_000)

  test.each(numbers)('of %s: an answer, or the reason why there is none, and the host lives', async (_what, value) => {
    const hosts = studio.hosts()
    writeTinyLora(file('spoilt.gguf'), weights, { tensors: (all) => all.map((tensor) => ({ ...tensor, data: (tensor.data as Float32Array).map(() => value) })) })
    const { code, message } = await use(-10)
    if (value > 1) expect({ code, message }).toEqual({ code: 'skipped', message: 'the state of token 1 is not finite' })
    else if (value < 1) expect(code).toBe('answered')
    else expect(code).toBe('skipped')
    expect((await outcomeOf('base', {})).code).toBe('answered')
    expect(studio.hosts()).toBe(hosts)
  })
})

describe('a control vector', () => {
  const use = (strength = 1) => outcomeOf('control-vector', { vectorFile: file('spoilt.gguf'), strength })

  test('spoilt in 300 ways: an answer, a reason why there is none, or a refusal, and one and the same process', async () => {
    writeControlVector(file('good.gguf'), randomDirections([1], D))
    await spoil(use, 42)
  }, 120_000)

  test.each(numbers)('of %s, at a strength of 100: an answer or an error in a line, and the host lives', async (_what, value) => {
    const hosts = studio.hosts()
    writeControlVector(file('spoilt.gguf'), new Map([[1, new Float32Array(D).fill(value)]]))
    expect((await use(100)).code).toBe(value === 1e-45 ? 'answered' : 'not-usable')
    expect((await outcomeOf('base', {})).code).toBe('answered')
    expect(studio.hosts()).toBe(hosts)
  })
})
