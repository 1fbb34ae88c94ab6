/** CD and DeAL through the engine: the branches' rewards are those of the project's reward. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { evaluateSettings } from '../../src-main/contract/evaluate.ts'
import { generate } from '../../src-main/engine/control/generate.ts'
import { resolveMethod } from '../../src-main/engine/control/methods.ts'
import type { FinishedEvent, GenerateEvent } from '../../src-main/model-host/messages/generate.ts'
import { drawn, greedy, openStudio, scoredPrompts, type Studio } from './studio.ts'

// length in characters, as a reward that any text has
const reward = 'longest'
let studio: Studio
beforeAll(async () => {
  studio = await openStudio()
  const dataset = await studio.importRows(scoredPrompts(1))
  const { subject } = await studio.run('collect', { dataset, maxTokens: 2, samples: 1, limit: 1 })
  studio.project.rewards.choose(subject as number, reward, 'rules', { rules: ['1 length characters over 0'] })
})
afterAll(() => studio.close())

async function run(name: string, settings: Record<string, unknown> = {}, own: { sampling?: typeof drawn; tokens?: boolean; parallel?: number; on?: Studio; signal?: AbortSignal; onEvent?: (event: GenerateEvent) => void } = {}) {
  const { on = studio, ...options } = own
  const events: GenerateEvent[] = []
  const method = resolveMethod({ name, settings })
  const tasks = [0, 1, 2, 3].map((key) => ({ key, method, messages: [{ role: 'user' as const, content: `question ${key}` }], seed: 40 + key }))
  const totals = await generate(on.around, await on.engine.models.use(on.project), tasks, {
    maxTokens: 8, parallel: 4, sampling: greedy, tokens: true, deterministic: true, ...options,
    onEvent: (event) => {
      events.push(event)
      own.onEvent?.(event)
    }
  })
  const of = <K extends GenerateEvent['kind']>(kind: K) => events.filter((event): event is Extract<GenerateEvent, { kind: K }> => event.kind === kind)
  return { ...totals, finished: of('finished').sort((a, b) => a.key - b.key), skipped: of('skipped'), tokenEvents: of('token') }
}
const tokensOf = ({ finished }: { finished: FinishedEvent[] }): number[][] => finished.map(({ tokens }) => [...tokens])
const lengthOf = ({ finished }: { finished: FinishedEvent[] }): number => finished.reduce((sum, { text }) => sum + text.length, 0)

describe.each([['cd', 'rollout'], ['deal', 'lookahead']])('%s', (name, ahead) => {
  test('weight 0 is the base model', async () => {
    expect(tokensOf(await run(name, { reward, weight: 0, [ahead]: 2 }))).toEqual(tokensOf(await run('base')))
  })

  test('a larger weight gives more of the reward, the tokens come as events, and several at once are as one', async () => {
    const much = await run(name, { reward, weight: 100, [ahead]: 3, block: 2 })
    expect(much.finished.length).toBe(4)
    expect(lengthOf(much)).toBeGreaterThan(lengthOf(await run('base')))
    for (const { key, tokens } of much.finished) expect(much.tokenEvents.filter((event) => event.key === key).map(({ token }) => token)).toEqual([...tokens])
    expect(much.tokens).toBe(much.tokenEvents.length)
    expect(tokensOf(await run(name, { reward, weight: 100, [ahead]: 3, block: 2 }, { parallel: 1 }))).toEqual(tokensOf(much))
  })

  test('composes with prompting', async () => {
    expect(tokensOf(await run(`${name}+prompting`, { reward, weight: 0, [ahead]: 1 }))).toEqual(tokensOf(await run('prompting')))
  })

  test('a reward that is not there is an error before anything is drawn', async () => {
    await expect(run(name, { reward: 'nothing' })).rejects.toThrow(/there is no reward source nothing/)
  })

  test('stopped, it ends with what it has, and the model goes on', async () => {
    const abort = new AbortController()
    await expect(run(name, { reward, [ahead]: 4 }, { signal: abort.signal, onEvent: ({ kind }) => kind === 'token' && abort.abort() })).rejects.toMatchObject({ code: 'cancelled' })
    expect((await run('base')).finished.length).toBe(4)
  })

  test('joins an evaluation', async () => {
    const dataset = await studio.importRows(scoredPrompts(4, 2))
    const methods = [{ name: 'base' }, { name, settings: { reward, weight: 10, [ahead]: 2, branches: 3 } }]
    const job = await studio.run('evaluate', evaluateSettings.parse({ dataset, methods, source: reward, maxTokens: 8, sampling: greedy }))
    expect(job.failure).toBeNull()
    const [base, searched] = studio.project.evaluations.get(job.subject as number).table!.methods
    expect(searched!.responses).toBe(2)
    expect(searched!.reward.mean!).toBeGreaterThanOrEqual(base!.reward.mean!)
  })
})

test('CD without a rollout judges the text as it stands', async () => {
  const much = await run('cd', { reward, weight: 100, rollout: 0 })
  expect(lengthOf(much)).toBeGreaterThan(lengthOf(await run('base')))
})

test('CD draws where the run samples; DeAL takes the best', async () => {
  const sampling = { ...drawn, topK: 4 }
  expect(tokensOf(await run('cd', { reward, weight: 0, rollout: 1 }, { sampling }))).toEqual(tokensOf(await run('base', {}, { sampling })))
  expect(tokensOf(await run('deal', { reward, weight: 0, lookahead: 1 }, { sampling }))).toEqual(tokensOf(await run('base')))
})

describe('where the model writes no words', () => {
  let wordless: Studio
  beforeAll(async () => {
    wordless = await openStudio({ repeats: '?!' })
  })
  afterAll(() => wordless.close())

  test('a response none of whose branches has a reward is skipped, with the source\'s reason', async () => {
    const base = await run('base', {}, { on: wordless })
    expect(base.finished.map(({ text }) => text.replace(/[?!]/g, ''))).toEqual(['', '', '', ''])
    const { finished, skipped } = await run('cd', { branches: 1, rollout: 0, reward: 'tone' }, { on: wordless })
    expect(finished).toEqual([])
    expect(skipped.map(({ reason }) => reason)).toEqual(base.finished.map(() => 'none of its branches has a reward: the response has no words'))
  })
})
