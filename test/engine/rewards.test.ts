import { beforeEach, describe, expect, test } from 'vitest'
import { previewLabelling } from '../../src-main/engine/reward/label.ts'
import { rewardCorrelations, rewardSummaries, rewardSummary } from '../../src-main/engine/reward/summary.ts'
import { usableRewards } from '../../src-main/engine/reward/sources.ts'
import { projectWith, type LabelledProject, type Written } from './labelled-project.ts'

/** A score, or none, for each of the texts that a model is said to have written. */
const responses: Written[] = [
  { text: 'I love this', columns: { score: 3, other: 1 } },
  { text: '', columns: { score: '1.5', other: 2 } },
  { text: 'a bad day', columns: { other: 3 } },
  { text: '...', columns: { score: 'many', other: 4 } },
  { text: 'nothing', columns: { score: 0, other: 5 } }
]

let c: LabelledProject
beforeEach(() => void (c = projectWith(responses)))

/** What a source would never give: seen again, it was not asked again. */
const mark = (name: string, response: number, value: number): void => {
  c.project.rewards.add(c.project.rewards.labelling(c.collection, name).id, [{ response, value, failure: null }])
}

describe('labels', () => {
  test('a response whose label fails stays unlabelled, with the reason, and is never a 0', async () => {
    expect(await c.label('tone')).toMatchObject({ state: 'done', done: 5, total: 5 })
    expect(c.rewards('tone')).toEqual([1, null, -1, null, 0])
    expect(c.failures('tone')).toEqual([null, 'the response has no words', null, 'the response has no words', null])
    expect(rewardSummary(c.project, c.collection, 'tone')).toMatchObject({ name: 'tone', source: 'tone', labelled: 3, failed: 2, waiting: 0, mean: 0, sd: 1 })
    expect(c.project.summary().counts.rewards).toBe(3)
    expect(c.project.responses.labelledStates(c.collection, 'tone').map((t) => t.reward)).toEqual([1, -1, 0])
  })

  test('a column\'s numbers are the rewards; what is no number stays unlabelled', async () => {
    await c.label('column', { column: 'score' })
    expect(c.rewards('column')).toEqual([3, 1.5, null, null, 0])
  })

  test('rules are a source like any other', async () => {
    await c.label('rules', { rules: ['1 length words', '-10 has words bad'] })
    expect(c.rewards('rules')).toEqual([3, 0, -7, 0, 1])
  })

  test('a regular expression that takes for ever ends the job; what was labelled stays, and other rules go on', async () => {
    const slow = projectWith([{ text: 'fine', columns: {} }, ...Array.from({ length: 8 }, () => ({ text: 'a'.repeat(60) + '!', columns: {} }))])
    const job = await slow.label('rules', { rules: ['1 has /^(a+)+$|^f/'] })
    expect(job).toMatchObject({ state: 'failed', done: 5, failure: { code: 'bad-request', message: expect.stringContaining('5 responses in a row') } })
    expect(slow.rewards('rules')).toEqual([1, ...new Array<null>(8).fill(null)])
    expect(slow.failures('rules').filter((reason) => reason?.includes('longer than 250 ms'))).toHaveLength(4)
    await slow.label('rules', { rules: ['1 has /^a+$|^f/'] })
    expect(slow.rewards('rules')).toEqual([1, ...new Array<number>(8).fill(0)])
  })

  test('that are there are not made again', async () => {
    await c.label('column', { column: 'score' })
    mark('column', 1, 77)
    expect(await c.label('column', { column: 'score' })).toMatchObject({ state: 'done', done: 5, total: 5 })
    expect(c.rewards('column')).toEqual([77, 1.5, null, null, 0])
  })

  test('that failed are tried again', async () => {
    await c.label('tone')
    const { id } = c.project.rewards.labelling(c.collection, 'tone')
    c.project.rewards.add(id, [{ response: 1, value: null, failure: 'the judge did not answer' }])
    expect(rewardSummary(c.project, c.collection, 'tone')).toMatchObject({ labelled: 2, failed: 3, waiting: 0 })
    await c.label('tone')
    expect(c.rewards('tone')).toEqual([1, null, -1, null, 0])
    expect(c.failures('tone')[0]).toBeNull()
  })

  test('of earlier settings are kept, and count again with them', async () => {
    await c.label('column', { column: 'score' })
    mark('column', 1, 77)
    await c.label('column', { column: 'other' })
    expect(c.rewards('column')).toEqual([1, 2, 3, 4, 5])
    mark('column', 2, 88)
    await c.label('column', { column: 'score' })
    expect(c.rewards('column')).toEqual([77, 1.5, null, null, 0])
    await c.label('column', { column: 'other' })
    expect(c.rewards('column')).toEqual([1, 88, 3, 4, 5])
    expect(c.project.rewards.labellings(c.collection)).toHaveLength(1)
    expect(c.project.summary().counts.rewards).toBe(5) // those that count
  })

  test('of responses that came later are added', async () => {
    await c.label('tone')
    const { example } = c.project.responses.text(1)
    c.project.responses.add({
      collection: c.collection, example, sample: 1, seed: 9, promptText: '', text: 'great', tokens: Int32Array.of(1), finish: 'end', shard: 's', offset: 99, states: 1, crc32: 0
    })
    expect(rewardSummary(c.project, c.collection, 'tone').waiting).toBe(1)
    await c.label('tone')
    expect(c.rewards('tone')).toEqual([1, null, -1, null, 0, 3])
  })
})

describe('names', () => {
  test('sources label side by side', async () => {
    await c.label('tone')
    await c.label('column', { column: 'score' })
    expect(rewardSummaries(c.project, c.collection).map(({ name, labelled }) => [name, labelled])).toEqual([['column', 3], ['tone', 3]])
    expect(c.rewards('tone')).toEqual([1, null, -1, null, 0])
  })

  test('one source labels under two names side by side', async () => {
    await c.label('column', { column: 'score' }, { name: 'mine' })
    await c.label('column', { column: 'other' }, { name: 'theirs' })
    expect(c.rewards('mine')).toEqual([3, 1.5, null, null, 0])
    expect(c.rewards('theirs')).toEqual([1, 2, 3, 4, 5])
    expect(c.rewards('column')).toEqual([null, null, null, null, null])
    expect(rewardSummaries(c.project, c.collection).map(({ name, source, settings }) => [name, source, settings])).toEqual([
      ['mine', 'column', { column: 'score' }], ['theirs', 'column', { column: 'other' }]
    ])
    expect(usableRewards(c.project).map(({ name }) => name)).toEqual(expect.arrayContaining(['mine', 'theirs', 'tone']))
  })

  test('a name may go to another source', async () => {
    await c.label('column', { column: 'score' }, { name: 'best' })
    await c.label('tone', {}, { name: 'best' })
    expect(c.rewards('best')).toEqual([1, null, -1, null, 0])
    expect(rewardSummaries(c.project, c.collection)).toHaveLength(1)
  })

  test('a collection has its own labels', async () => {
    const other = c.collect([{ text: 'great', columns: {} }])
    await c.label('tone', {}, { collection: other })
    expect(c.rewards('tone', other)).toEqual([3])
    expect(rewardSummaries(c.project, c.collection)).toEqual([])
    expect(rewardSummaries(c.project, other)).toMatchObject([{ labelled: 1, failed: 0, waiting: 0 }])
  })
})

describe('how rewards go together', () => {
  test('over the responses that both have', async () => {
    await c.label('tone')
    await c.label('column', { column: 'other' })
    await c.label('rules', { rules: ['1 length characters'] })
    // tone 1, -1, 0 at other 1, 3, 5: r = -1/2 by hand
    const correlations = rewardCorrelations(c.project, c.collection)
    expect(correlations.map(({ a, b, responses: n }) => [a, b, n])).toEqual([['column', 'rules', 5], ['column', 'tone', 3], ['rules', 'tone', 3]])
    expect(correlations[1]).toMatchObject({ pearson: expect.closeTo(-0.5, 12), spearman: expect.closeTo(-0.5, 12) })
    expect(rewardCorrelations(c.project, c.collect(responses))).toEqual([])
  })
})

test('pages by reward have the unlabelled last', async () => {
  await c.label('column', { column: 'score' })
  const page = (order: 'best' | 'worst') => c.project.responses.page(c.collection, { source: 'column', order, offset: 0, limit: 100 }).responses.map((r) => r.reward)
  expect(page('best')).toEqual([3, 1.5, 0, null, null])
  expect(page('worst')).toEqual([0, 1.5, 3, null, null])
  expect(c.project.responses.page(c.collection, { source: null, order: 'collected', offset: 3, limit: 1 })).toMatchObject({ total: 5, responses: [{ text: '...', reward: null }] })
})

describe('the preview', () => {
  const preview = (source: string, settings: Record<string, unknown> = {}, name: string | null = null) => previewLabelling({ collection: c.collection, source, name, settings }, c.project, c.models, c.secrets, c.asked)

  test('counts what would be labelled, and labels nothing', async () => {
    expect(await preview('tone')).toEqual({ responses: 5, sample: null, facts: [] })
    expect(c.project.rewards.labellings(c.collection)).toEqual([])
    await c.label('tone')
    expect(await preview('tone')).toMatchObject({ responses: 2 }) // those that failed
    expect(await preview('tone', {}, 'again')).toMatchObject({ responses: 5 })
  })

  test('knows the labels of earlier settings, which count again with them', async () => {
    await c.label('column', { column: 'other' })
    await c.label('column', { column: 'score' })
    expect(await preview('column', { column: 'other' })).toMatchObject({ responses: 0 })
    expect(await preview('column', { column: 'score' })).toMatchObject({ responses: 2 })
    expect(await preview('column', { column: 'third' })).toMatchObject({ responses: 5 })
  })

  test('of rules shows the first response', async () => {
    expect(await preview('rules', { rules: ['1 length words'] })).toEqual({
      responses: 5, sample: 'I love this', facts: [{ name: '1. 1 length words', value: '1 x 3 = 3' }, { name: 'Reward', value: '3' }]
    })
  })

  test('refuses what could not be', async () => {
    await expect(preview('tonn')).rejects.toThrow(/no reward source tonn/)
    await expect(preview('rules', { rules: ['nope'] })).rejects.toThrow(/rule 1/)
    c.collection = 99
    await expect(preview('tone')).rejects.toThrow(/99/)
  })
})

describe('refused, and nothing is labelled or hidden', () => {
  test.each([
    ['a source that is not there', { source: 'tonn' }],
    ['settings that are not there', { source: 'column' }],
    ['settings of the wrong kind', { source: 'column', settings: { column: 3 } }],
    ['rules that cannot be read', { source: 'rules', settings: { rules: ['1 has /(/'] } }],
    ['a mix of nothing', { source: 'mix', settings: { parts: [] } }]
  ])('%s', async (_what, { source, settings = {} }: { source: string; settings?: Record<string, unknown> }) => {
    await c.label('tone', {}, { name: source })
    let code: string | undefined
    try {
      code = (await c.label(source, settings)).failure?.code
    } catch (error) {
      code = (error as { code?: string }).code
    }
    expect(code).toBe('bad-request')
    expect(c.rewards(source)).toEqual([1, null, -1, null, 0])
  })

  test('a collection that is not there', async () => {
    expect((await c.label('tone', {}, { collection: 99 })).failure).toMatchObject({ code: 'not-found' })
  })

  test('a collection without responses', async () => {
    expect((await c.label('tone', {}, { collection: c.collect([]) })).failure).toMatchObject({ code: 'bad-request' })
  })
})
