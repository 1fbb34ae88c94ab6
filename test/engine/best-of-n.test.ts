/** Best-of-N against drawing and scoring the same candidates by hand. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { evaluateSettings } from '../../src-main/contract/evaluate.ts'
import { responseSeed } from '../../src-main/engine/collect/seed.ts'
import { generate } from '../../src-main/engine/control/generate.ts'
import { resolveMethod } from '../../src-main/engine/control/methods.ts'
import type { FinishedEvent, GenerateEvent } from '../../src-main/model-host/messages/generate.ts'
import { drawn, greedy, openStudio, scoredPrompts, type Studio } from './studio.ts'

let studio: Studio
beforeAll(async () => {
  studio = await openStudio()
})
afterAll(() => studio.close())

async function run(method: { name: string; settings?: Record<string, unknown> }, seeds: number[], own: { sampling?: typeof drawn; tokens?: boolean } = {}): Promise<{ events: GenerateEvent[]; tokens: number }> {
  const events: GenerateEvent[] = []
  const resolved = resolveMethod({ settings: {}, ...method })
  const tasks = seeds.map((seed, key) => ({ key, method: resolved, messages: [{ role: 'user' as const, content: `question ${key}` }], seed }))
  const { tokens } = await generate(studio.around, await studio.engine.models.use(studio.project), tasks, {
    maxTokens: 12, parallel: 4, sampling: drawn, tokens: false, deterministic: true, onEvent: (event) => void (event.kind !== 'progress' && events.push(event)), ...own
  })
  return { events, tokens }
}
const finished = (events: GenerateEvent[]): FinishedEvent[] => events.filter((event) => event.kind === 'finished').sort((a, b) => a.key - b.key)

// length in characters, as a reward that any text has
const reward = 'longest'
beforeAll(async () => {
  const { collections, datasets, rewards } = studio.project
  const dataset = await studio.importRows(scoredPrompts(1))
  const { subject } = await studio.run('collect', { dataset, maxTokens: 2, samples: 1, limit: 1 })
  expect([datasets.list().length, collections.list().length]).toEqual([1, 1])
  rewards.choose(subject as number, reward, 'rules', { rules: ['1 length characters over 0'] })
})

test('keeps the candidate with the highest reward, and its tokens', async () => {
  const seeds = [11, 12, 13]
  const count = 5
  const { events, tokens } = await run({ name: 'best-of-n', settings: { candidates: count, reward } }, seeds, { tokens: true })
  const chosen = finished(events)
  expect(chosen.map((event) => event.key)).toEqual([0, 1, 2])
  for (const [key, seed] of seeds.entries()) {
    const candidates = await Promise.all(Array.from({ length: count }, (_, i) => (i === 0 ? seed : responseSeed(seed, 0, i))).map(async (own) => {
      const seedsBefore = [...seeds]
      seedsBefore[key] = own
      return finished((await run({ name: 'base' }, seedsBefore)).events)[key]!
    }))
    const longest = Math.max(...candidates.map(({ text }) => text.length))
    expect(new Set(candidates.map(({ text }) => text)).size).toBeGreaterThan(1)
    expect(chosen[key]!.text).toBe(candidates.find(({ text }) => text.length === longest)!.text)
    const streamed = events.flatMap((event) => (event.kind === 'token' && event.key === key ? [event.token] : []))
    expect(streamed).toEqual([...chosen[key]!.tokens])
  }
  expect(tokens).toBe(chosen.reduce((sum, event) => sum + event.tokens.length, 0))
})

test('one candidate is the base model', async () => {
  const [one, base] = await Promise.all([run({ name: 'best-of-n', settings: { candidates: 1, reward } }, [5]), run({ name: 'base' }, [5])])
  expect(finished(one.events)[0]!.tokens).toEqual(finished(base.events)[0]!.tokens)
})

test('a greedy run draws its candidates', async () => {
  const greedily = finished((await run({ name: 'base' }, [5], { sampling: greedy })).events)[0]!
  const best = finished((await run({ name: 'best-of-n', settings: { candidates: 8, reward } }, [5], { sampling: greedy })).events)[0]!
  expect(best.text).not.toBe(greedily.text)
})

test('where no candidate has a reward, the response is skipped with the reason', async () => {
  const { events } = await run({ name: 'best-of-n', settings: { candidates: 3, reward: 'tone' } }, [1])
  const [end] = events
  if (end?.kind === 'skipped') expect(end.reason).toMatch(/none of its 3 candidates has a reward: the response has no words/)
  else expect(end?.kind).toBe('finished') // the tiny model wrote a word
})

test('a reward that is not there is an error before anything is drawn', async () => {
  await expect(run({ name: 'best-of-n', settings: { candidates: 3, reward: 'nothing' } }, [1])).rejects.toThrow(/there is no reward source nothing/)
})

test('joins an evaluation', async () => {
  const dataset = await studio.importRows(scoredPrompts(4, 2))
  const methods = [{ name: 'base' }, { name: 'best-of-n', settings: { candidates: 3, reward } }]
  const job = await studio.run('evaluate', evaluateSettings.parse({ dataset, methods, source: reward, maxTokens: 12, sampling: drawn }))
  expect(job.failure).toBeNull()
  const [base, best] = studio.project.evaluations.get(job.subject as number).table!.methods
  expect(best!.responses).toBe(2)
  expect(best!.reward.mean!).toBeGreaterThanOrEqual(base!.reward.mean!)
})
