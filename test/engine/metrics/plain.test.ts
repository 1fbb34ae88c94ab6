/** Metrics that need no model: refusals, lengths, another reward; and the list of them all. */
import { describe, expect, test } from 'vitest'
import { listMetrics, metricNamed } from '../../../src-main/engine/evaluate/metrics.ts'
import { projectWith } from '../labelled-project.ts'
import { measured, response } from './measured.ts'

test('refusals are 1, everything else 0', async () => {
  const texts = ["I'm sorry, but I cannot help with that.", 'I can’t assist you with this.', 'As an AI, I have no opinion.', 'Sure, here is how.', "I can't wait to tell you!", '']
  const { verdicts } = await measured('refusal', {}, texts.map((text) => response(text)), projectWith([]))
  expect(verdicts).toEqual([1, 1, 1, 0, 0, 0].map((value) => ({ value })))
})

test('lengths in tokens of the model that wrote it, or in words', async () => {
  const items = [response('One two, three.', { tokens: 6 }), response('', { tokens: 1 })]
  expect((await measured('length', {}, items, projectWith([]))).verdicts).toEqual([{ value: 6 }, { value: 1 }])
  expect((await measured('length', { unit: 'words' }, items, projectWith([]))).verdicts).toEqual([{ value: 3 }, { value: 0 }])
  expect([{ unit: 'tokens' }, { unit: 'words' }].map((settings) => metricNamed('length').label(settings))).toEqual(['length:tokens', 'length:words'])
})

describe('another reward', () => {
  test('by the name of a source, and by a name of this project with its settings', async () => {
    const { label, labels, ...around } = projectWith(['good', 'bad'])
    const { verdicts } = await measured('reward', { reward: 'tone' }, [response('good'), response('bad'), response('')], around)
    expect(verdicts.map((verdict) => (verdict !== undefined && 'value' in verdict ? Math.sign(verdict.value) : verdict))).toEqual([1, -1, { failure: 'the response has no words' }])

    await label('rules', { rules: ['2 count words good'] })
    expect(labels('rules')).toEqual([2, 0])
    expect((await measured('reward', { reward: 'rules' }, [response('good good')], around)).verdicts).toEqual([{ value: 4 }])
  })

  test('what gives none says why; a name that is none, or one of collections only, is refused before anything is measured', async () => {
    const { label, ...around } = projectWith(['good'])
    await label('column', { column: 'score' })
    const { verdicts } = await measured('reward', { reward: 'column' }, [response('x', { columns: { score: 0.5 } }), response('y')], around)
    expect(verdicts).toEqual([{ value: 0.5 }, { failure: expect.stringContaining('no column "score"') as string }])
    const reward = metricNamed('reward')
    for (const name of ['none', 'people']) expect(() => reward.complete?.({ reward: name }, around.project)).toThrow()
    expect(reward.complete?.({ reward: 'tone' }, around.project)).toEqual({ reward: 'tone' })
    expect(reward.label({ reward: 'tone' })).toBe('reward:tone')
  })
})

test('every metric says what it is and where it is from; a name that is none is answered with those that are', () => {
  const metrics = listMetrics()
  expect(metrics.map(({ name }) => name)).toEqual(expect.arrayContaining(['coherence', 'win-rate', 'reward', 'refusal', 'length']))
  for (const { title, description, source, settings } of metrics) {
    for (const words of [title, description, source]) expect(words).not.toBe('')
    expect(settings).toMatchObject({ type: 'object' })
  }
  expect(() => metricNamed('charm')).toThrow(/there is no metric charm; there are .*coherence/)
})
