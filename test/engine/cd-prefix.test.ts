/** CD prefix through the engine: its values are the value function's own, at the states that the model has when it reads the response. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { evaluateSettings } from '../../src-main/contract/evaluate.ts'
import { generate } from '../../src-main/engine/control/generate.ts'
import { resolveMethod } from '../../src-main/engine/control/methods.ts'
import type { FinishedEvent, GenerateEvent, PrefillEvent, TokenEvent } from '../../src-main/model-host/messages/generate.ts'
import { floats } from '../fixtures/hosts.ts'
import { randomValueFunction, valueOf } from '../fixtures/value-functions.ts'
import { drawn, greedy, openStudio, scoredPrompts, type Studio } from './studio.ts'

const D = 64
const layers = randomValueFunction(3, [D, 16, 1])
let studio: Studio
let valueFunction: number
beforeAll(async () => {
  studio = await openStudio()
  valueFunction = studio.project.valueFunctions.add({
    name: 'random', collection: null, source: 'imported', scale: 1, rewardMean: 0, rewardScale: 1, settings: null, bestEpoch: 0, curve: [], calibration: [], manifest: null, network: { inputDim: D, layers }
  })
})
afterAll(() => studio.close())

const questions = Array.from({ length: 6 }, (_, i) => `question ${i}`)
async function run(name: string, settings: Record<string, unknown> = {}, own: { sampling?: typeof drawn; tokens?: boolean; parallel?: number } = {}) {
  const events: GenerateEvent[] = []
  const method = resolveMethod({ name, settings })
  const tasks = questions.map((content, key) => ({ key, method, messages: [{ role: 'user' as const, content }], seed: 40 + key }))
  await generate(studio.around, await studio.engine.models.use(studio.project), tasks, {
    maxTokens: 10, parallel: 4, sampling: greedy, tokens: true, deterministic: true, onEvent: (event) => void events.push(event), ...own
  })
  const of = <K extends GenerateEvent['kind']>(kind: K) => events.filter((event): event is Extract<GenerateEvent, { kind: K }> => event.kind === kind)
  return { finished: of('finished').sort((a, b) => a.key - b.key), tokens: of('token') }
}
const tokensOf = ({ finished }: { finished: FinishedEvent[] }): number[][] => finished.map(({ tokens }) => [...tokens])

test('beta 0 is the base model, greedy and drawn from as many tokens', async () => {
  expect(tokensOf(await run('cd-prefix', { valueFunction, beta: 0 }))).toEqual(tokensOf(await run('base')))
  const sampling = { ...drawn, topK: 6 }
  expect(tokensOf(await run('cd-prefix', { valueFunction, beta: 0, branches: 6 }, { sampling }))).toEqual(tokensOf(await run('base', {}, { sampling })))
})

test('before and after each token is V at the states of the response, as the model reads it', async () => {
  const { finished, tokens } = await run('cd-prefix', { valueFunction, beta: 2 })
  const read: PrefillEvent[] = []
  const host = await studio.engine.models.use(studio.project)
  const requests = finished.map(({ key, text }) => ({ key, prompt: { messages: [{ role: 'user' as const, content: questions[key]! }] }, response: text, maxTokens: 10 }))
  await host.request('prefill', { requests, deterministic: true }, { onEvent: (event) => void read.push(event) })
  let compared = 0
  for (const { key, tokens: own, valueBefore, valueAfter, edits } of finished) {
    const other = read.find((event): event is FinishedEvent => event.kind === 'finished' && event.key === key)!
    const told = tokens.filter((event): event is TokenEvent => event.key === key)
    expect(told.map(({ valueBefore, valueAfter, edit }) => [valueBefore, valueAfter, edit])).toEqual([...own].map((_, t) => [valueBefore[t], valueAfter[t], 0]))
    expect([...edits]).toEqual([...own].map(() => 0))
    for (let t = 0; t < own.length && other.tokens[t] === own[t]; t++) { // as far as the text has only one way to be written
      const value = valueOf(layers, floats(other.states!.slice(t * D, (t + 1) * D)))
      expect(valueBefore[t]).toBeCloseTo(value, 1)
      if (t > 0) expect(valueAfter[t - 1]).toBe(valueBefore[t])
      compared++
    }
  }
  expect(compared).toBeGreaterThan(10)
})

test('a larger weight leads to states of a higher value', async () => {
  const meanLast = ({ finished }: { finished: FinishedEvent[] }): number => finished.reduce((sum, { valueAfter }) => sum + valueAfter.reduce((a, b) => a + b, 0) / valueAfter.length / finished.length, 0)
  const [none, some, much] = [await run('cd-prefix', { valueFunction, beta: 0 }), await run('cd-prefix', { valueFunction, beta: 1 }), await run('cd-prefix', { valueFunction, beta: 10 })]
  expect(meanLast(some)).toBeGreaterThan(meanLast(none))
  expect(meanLast(much)).toBeGreaterThan(meanLast(some))
})

test('several at once give what one at a time gives', async () => {
  expect(tokensOf(await run('cd-prefix', { valueFunction, beta: 2 }, { parallel: 1 }))).toEqual(tokensOf(await run('cd-prefix', { valueFunction, beta: 2 }, { parallel: 4 })))
})

test('composes with prompting, with best of n, and not with another way to steer', async () => {
  expect(tokensOf(await run('cd-prefix+prompting', { valueFunction, beta: 0 }))).toEqual(tokensOf(await run('prompting')))
  for (const other of ['re-control', 'static-re', 'cd', 'deal', 'cd-prefix']) expect(() => resolveMethod({ name: `cd-prefix+${other}`, settings: { valueFunction } })).toThrow(/do not compose/)
})

test('joins an evaluation', async () => {
  const dataset = await studio.importRows(scoredPrompts(4, 2))
  const methods = [{ name: 'base' }, { name: 'cd-prefix', settings: { valueFunction, branches: 3 } }]
  const job = await studio.run('evaluate', evaluateSettings.parse({ dataset, methods, maxTokens: 8, sampling: greedy }))
  expect(job.failure).toBeNull()
  expect(studio.project.evaluations.get(job.subject as number).table!.methods.map(({ name, responses }) => [name, responses])).toEqual([['base', 2], ['cd-prefix', 2]])
})
