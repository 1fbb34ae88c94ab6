import { beforeEach, describe, expect, test } from 'vitest'
import { toFailure } from '../../src-main/contract/errors.ts'
import type { RewardSource, Verdict } from '../../src-main/engine/reward/source.ts'
import { rewardNamed, sourceNamed, usableRewards } from '../../src-main/engine/reward/sources.ts'
import { toScore } from '../fixtures/score.ts'
import { projectWith, type LabelledProject, type Written } from './labelled-project.ts'

const responses: Written[] = [
  { text: 'I love this', columns: { a: 1, b: 10 } },
  { text: 'a bad day', columns: { a: 2, b: 30 } },
  { text: 'nothing', columns: { a: 3, b: 'none' } },
  { text: 'great', columns: { a: 6, b: 20 } }
]

let c: LabelledProject
beforeEach(async () => {
  c = projectWith(responses)
  await c.label('column', { column: 'a' }, { name: 'a' })
  await c.label('column', { column: 'b' }, { name: 'b' })
})

const mix = (parts: string[], more: Record<string, unknown> = {}) => c.label('mix', { parts, ...more })
/** In standard deviations from the mean, both over those that have a value. */
const standardised = (values: number[]): number[] => {
  const mean = values.reduce((a, b) => a + b) / values.length
  const sd = Math.sqrt(values.reduce((a, v) => a + (v - mean) ** 2, 0) / values.length)
  return values.map((v) => (v - mean) / sd)
}
const near = (values: (number | null)[]): unknown[] => values.map((v) => (v === null ? null : expect.closeTo(v, 12)))

describe('a mix', () => {
  test('is the weighted sum of its parts', async () => {
    expect(await mix(['a=2', 'b=-0.5'], { standardise: false })).toMatchObject({ state: 'done' })
    expect(c.rewards('mix')).toEqual([2 - 5, 4 - 15, null, 12 - 10])
  })

  test('counts each part in its own standard deviations, over what has a value', async () => {
    await mix(['a=1', 'b=2'])
    const [a, b] = [standardised([1, 2, 3, 6]), standardised([10, 30, 20])]
    expect(c.rewards('mix')).toEqual(near([a[0]! + 2 * b[0]!, a[1]! + 2 * b[1]!, null, a[3]! + 2 * b[2]!]))
  })

  test('of a response that misses a part is a failure that names it', async () => {
    await mix(['a=1', 'b=1'])
    expect(c.failures('mix')).toEqual([null, null, 'b: column "b" is not a number', null])
  })

  test('follows its parts when it is labelled again', async () => {
    await mix(['a=1', 'b=1'], { standardise: false })
    await c.label('rules', { rules: ['1 length words'] }, { name: 'b' })
    await mix(['a=1', 'b=1'], { standardise: false })
    expect(c.rewards('mix')).toEqual([1 + 3, 2 + 3, 3 + 1, 6 + 1])
    expect(c.failures('mix')).toEqual([null, null, null, null])
  })

  test('stands beside another one under a name of its own', async () => {
    await c.label('mix', { parts: ['a=1'], standardise: false }, { name: 'only a' })
    await mix(['b=1'], { standardise: false })
    expect(c.rewards('only a')).toEqual([1, 2, 3, 6])
    expect(c.rewards('mix')).toEqual([10, 30, null, 20])
  })

  test.each(['a=1', ' a = 1', 'a=+1', 'a=1.', 'a=1e0', 'a=.1e1'])('takes the part %j', async (part) => {
    await mix([part], { standardise: false })
    expect(c.rewards('mix')).toEqual([1, 2, 3, 6])
  })

  test.each([
    [['a'], 'bad-request', /a part is a name and its weight/],
    [['a=x'], 'bad-request', /a part is a name and its weight/],
    [['=1'], 'bad-request', /a part is a name and its weight/],
    [['a=1,b=2'], 'bad-request', /a part is a name and its weight/],
    [['a=1e999'], 'bad-request', /weight/],
    [['c=1'], 'not-found', /nothing is labelled as c yet in collection/],
    [[], 'bad-request', /parts/]
  ])('refuses the parts %j', async (parts, code, message) => {
    const job = await mix(parts)
    expect(job).toMatchObject({ state: 'failed', failure: { code, message: expect.stringMatching(message) } })
    expect(c.project.rewards.labellings(c.collection).map(({ name }) => name)).toEqual(['a', 'b'])
  })

  test('of a mix is refused', async () => {
    await mix(['a=1'])
    const job = await c.label('mix', { parts: ['mix=1', 'a=1'] }, { name: 'more' })
    expect(job.failure).toMatchObject({ code: 'bad-request', message: expect.stringContaining('mix is a mix itself') })
  })

  test('under the name of one of its parts is refused, and the part keeps its labels', async () => {
    const job = await c.label('mix', { parts: ['a=1', 'b=1'] }, { name: 'a' })
    expect(job.failure).toMatchObject({ code: 'bad-request', message: expect.stringContaining('"a"') })
    expect(c.rewards('a')).toEqual([1, 2, 3, 6])
  })

  test('of a part that never changes cannot be standardised', async () => {
    await c.label('rules', { rules: ['1 has words xyz'] }, { name: 'flat' })
    expect((await mix(['flat=1'])).failure).toMatchObject({ code: 'bad-request', message: expect.stringContaining('flat do not differ') })
    await mix(['flat=1', 'a=1'], { standardise: false })
    expect(c.rewards('mix')).toEqual([1, 2, 3, 6])
  })

  // 0.1 three times has a standard deviation of 1.4e-17 in float64
  test('of a part that never changes but by rounding cannot be standardised', async () => {
    const flat = projectWith(Array.from({ length: 3 }, () => ({ text: 'x', columns: { a: 0.1 } })))
    await flat.label('column', { column: 'a' }, { name: 'a' })
    expect((await flat.label('mix', { parts: ['a=1'] })).failure?.message).toContain('do not differ')
  })

  test('gives way to a stop', async () => {
    const stop = new AbortController()
    const scorer = await sourceNamed('mix').open({ parts: ['a=1'], standardise: false, collection: c.collection }, { project: c.project, models: c.models, secrets: c.secrets, asked: c.asked, sourceNamed, signal: stop.signal })
    const many = function* () { for (let i = 0; i < 100_000; i++) yield toScore('', {}, 1) }
    let told = 0
    await expect(scorer.score(many(), () => ++told === 10 && stop.abort())).rejects.toThrow(/abort/i)
    expect(told).toBeLessThan(100_000)
  })

  test('of another collection takes its means from there', async () => {
    const other = c.collect([{ text: '', columns: { a: 5 } }, { text: '', columns: { a: 9 } }])
    await c.label('column', { column: 'a' }, { name: 'a', collection: other })
    await c.label('mix', { parts: ['a=1'], collection: c.collection }, { collection: other })
    const [mean, sd] = [3, Math.sqrt(3.5)] // of 1, 2, 3, 6
    expect(c.rewards('mix', other)).toEqual(near([(5 - mean) / sd, (9 - mean) / sd]))
  })
})

describe('a mix of texts that belong to no collection', () => {
  const verdicts = async (parts: string[], texts: string[], columns = {}): Promise<Verdict[]> => {
    await mix(parts)
    const { source, settings } = rewardNamed('mix', null, c.project)
    const scorer = await source.open(settings, { project: c.project, models: c.models, secrets: c.secrets, asked: c.asked, sourceNamed, signal: new AbortController().signal })
    const items = texts.map((text) => toScore(text, columns))
    const found = new Map<object, Verdict>()
    await scorer.score(items, (item, verdict) => found.set(item, verdict))
    scorer.close()
    return items.map((item) => found.get(item) as Verdict)
  }

  test('asks each part\'s source, and standardises by the collection', async () => {
    await c.label('rules', { rules: ['1 length words'] }, { name: 'long' })
    const [mean, sd] = [(3 + 3 + 1 + 1) / 4, 1]
    const [meanA, sdA] = [3, Math.sqrt(3.5)]
    expect(await verdicts(['long=2', 'a=1'], ['five words are in here', ''], { a: 4 })).toEqual([
      { value: expect.closeTo((2 * (5 - mean)) / sd + (4 - meanA) / sdA, 12) },
      { value: expect.closeTo((2 * (0 - mean)) / sd + (4 - meanA) / sdA, 12) }
    ])
  })

  test('fails where a part fails', async () => {
    await c.label('tone')
    expect(await verdicts(['tone=1', 'a=1'], ['...', 'great'], { a: 1 })).toMatchObject([{ failure: 'tone: the response has no words' }, { value: expect.any(Number) }])
    expect(await verdicts(['a=1'], ['great'])).toEqual([{ failure: 'a: its example has no column "a"' }])
  })

  test('is refused at once where a part is what people said', async () => {
    await c.label('people')
    await c.label('mix', { parts: ['a=1', 'people=1'], standardise: false })
    expect(() => rewardNamed('mix', null, c.project)).toThrow(/can only label the responses of a collection/)
    expect(usableRewards(c.project).map(({ name }) => name)).not.toContain('mix')
    await c.label('mix', { parts: ['a=1'], standardise: false })
    expect(rewardNamed('mix', null, c.project).source.name).toBe('mix')
    expect(usableRewards(c.project).map(({ name }) => name)).toContain('mix')
  })

  test('opens each part\'s source once, also for texts that come at the same time, and closes it', async () => {
    await c.label('tone')
    let [opened, closed] = [0, 0]
    const counting = (name: string): RewardSource => ({
      ...sourceNamed(name),
      async open(...given) {
        opened++
        const scorer = await sourceNamed(name).open(...given)
        return { ...scorer, close: () => void closed++ }
      }
    })
    const scorer = await sourceNamed('mix').open({ parts: ['tone=1', 'a=1'], standardise: false, collection: null }, { project: c.project, models: c.models, secrets: c.secrets, asked: c.asked, sourceNamed: counting, signal: new AbortController().signal })
    const told: Verdict[] = []
    await Promise.all(['great', 'bad'].map((text) => scorer.score([toScore(text, { a: 1 })], (_item, verdict) => told.push(verdict))))
    expect(told).toEqual([{ value: 4 }, { value: -2 }])
    expect(opened).toBe(2)
    scorer.close()
    await expect.poll(() => closed).toBe(2)
  })

  test('needs its parts to be labelled', async () => {
    const { source, settings } = rewardNamed('mix', { parts: ['nope=1'] }, c.project)
    const opened = await source.open(settings, { project: c.project, models: c.models, secrets: c.secrets, asked: c.asked, sourceNamed, signal: new AbortController().signal }).catch(toFailure)
    expect(opened).toMatchObject({ code: 'not-found', message: expect.stringContaining('nope') })
  })
})
