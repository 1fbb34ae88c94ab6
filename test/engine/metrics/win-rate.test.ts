/** Win rates by a judge: behind a real endpoint on this machine, and by a model of our own. */
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { metricNamed } from '../../../src-main/engine/evaluate/metrics.ts'
import { completionOf, says, send, startJudge, type Behaviour, type JudgeServer } from '../../fixtures/judge-server.ts'
import { seededRandom } from '../../fixtures/random.ts'
import { writeTinyModel } from '../../fixtures/tiny-model.ts'
import { projectWith } from '../labelled-project.ts'
import { openStudio } from '../studio.ts'
import { measured, response } from './measured.ts'

const judge: JudgeServer = await startJudge(says('Verdict: tie'))
afterAll(() => judge.close())
beforeEach(() => {
  judge.asked.length = 0
})

const at = (settings: object = {}): object => ({ url: judge.url, model: 'm', retries: 0, concurrency: 3, ...settings })

/** What stands between the tags of a response. */
const shown = (content: string, part: 'response_a' | 'response_b'): string => new RegExp(`<${part}-\\w+>\n(.*?)\n</`, 's').exec(content)?.[1] ?? ''

/** Prefers the text with the larger number in it. */
const byNumber: Behaviour = ({ content }, reply) => {
  const [a, b] = [Number(shown(content, 'response_a')), Number(shown(content, 'response_b'))]
  send(reply, 200, completionOf(`Compared.\nVerdict: ${a === b ? 'tie' : a > b ? 'A' : 'B'}`))
}

describe('at an endpoint', () => {
  test('wins, losses and ties against the first method; both orders are asked', async () => {
    judge.behave = byNumber
    const items = [response('7', { base: '3' }), response('2', { base: '9' }), response('5', { base: '5.0' })]
    const { verdicts } = await measured('win-rate', at(), items, projectWith([]))
    expect(verdicts).toEqual([{ value: 1 }, { value: 0 }, { value: 0.5 }])
    expect(judge.asked.map(({ content }) => [shown(content, 'response_a'), shown(content, 'response_b')].join(' ')).sort()).toEqual(['2 9', '3 7', '5 5.0', '5.0 5', '7 3', '9 2'])
  })

  test('a judge that only likes a place, or doubts in one order, gives ties', async () => {
    judge.behave = says('Verdict: A')
    expect((await measured('win-rate', at(), [response('x', { base: 'y' })], projectWith([]))).verdicts).toEqual([{ value: 0.5 }])
    judge.behave = ({ content }, reply) => send(reply, 200, completionOf(shown(content, 'response_a') === 'x' ? 'Verdict: A' : 'Verdict: tie'))
    expect((await measured('win-rate', at(), [response('x', { base: 'y' })], projectWith([]))).verdicts).toEqual([{ value: 0.5 }])
  })

  test('against the preferred answer; equal texts are a tie that nobody is asked about', async () => {
    judge.behave = byNumber
    const items = [response('7', { base: '9', preferred: '3' }), response('same', { preferred: 'same' }), response('1', { preferred: null, base: '0' })]
    const { verdicts } = await measured('win-rate', at({ against: 'preferred' }), items, projectWith([]))
    expect(verdicts).toEqual([{ value: 1 }, { value: 0.5 }, { failure: 'its example has no preferred answer' }])
    expect(judge.asked).toHaveLength(2)
  })

  test('no answer, or an unclear one, in one order is no value', async () => {
    judge.behave = ({ content }, reply) => {
      const a = shown(content, 'response_a')
      if (a === 'broken') send(reply, 400, '{"error":{"message":"too long","code":null}}')
      else send(reply, 200, completionOf(a === 'unclear' ? 'Both.' : 'Verdict: A'))
    }
    const { verdicts } = await measured('win-rate', at(), [response('broken', { base: 'b' }), response('unclear', { base: 'c' }), response('x')], projectWith([]))
    expect(verdicts).toEqual([
      { failure: expect.stringMatching(/status 400: too long/) as string },
      { failure: expect.stringMatching(/gave no verdict: the answer has no line.*"Both\."/) as string },
      { failure: 'the first method has no response to its prompt' }
    ])
  })

  test('the rubric and the key go along, the key never into a reason', async () => {
    judge.behave = ({ headers }, reply) => send(reply, 200, completionOf(`I saw ${headers.authorization}`))
    const around = projectWith([], { RE_CONTROL_KEY_MINE: 'sesame-0123456789' })
    const { verdicts } = await measured('win-rate', at({ key: 'MINE', rubric: 'Shorter? {response_a} | {response_b}' }), [response('x', { base: 'y' })], around)
    expect(judge.asked[0]?.headers.authorization).toBe('Bearer sesame-0123456789')
    expect(judge.asked[0]?.content).toMatch(/^Shorter\? <response_a-/)
    expect(JSON.stringify(verdicts)).toContain('[key]')
    expect(JSON.stringify(verdicts)).not.toContain('sesame')
  })

  test('a pause ends it at once, and what was judged is told', async () => {
    const abort = new AbortController()
    judge.behave = (asked, reply) => {
      if (asked.index < 4) send(reply, 200, completionOf('Verdict: tie'))
    }
    let told = 0
    const measuring = measured('win-rate', at({ concurrency: 1 }), Array.from({ length: 5 }, (_, i) => response(`${i}`, { base: 'b' })), projectWith([]), { signal: abort.signal, onVerdict: () => told++ })
    await judge.reached(5)
    abort.abort()
    await expect(measuring).rejects.toThrow()
    expect(told).toBe(2)
  })

  test('an endpoint that is not there ends it, after some have failed', async () => {
    const items = Array.from({ length: 20 }, (_, i) => response(`${i}`, { base: 'b' }))
    await expect(measured('win-rate', { url: 'http://127.0.0.1:1', model: 'm', retries: 0 }, items, projectWith([]))).rejects.toMatchObject({ retryable: true })
  })
})

test('a GGUF file judges: what it says in both orders is a tie, and what it does not say is no value', async () => {
  const studio = await openStudio()
  onTestFinished(() => studio.close())
  const file = join(studio.directory, 'judge.gguf')
  writeTinyModel(file, { says: 'Verdict: A' })
  const rubric = '{response_a} {response_b}'
  expect((await measured('win-rate', { file, rubric }, [response('x', { base: 'y' }), response('z', { base: 'z' })], studio.around)).verdicts).toEqual([{ value: 0.5 }, { value: 0.5 }])
  expect((await measured('win-rate', { file, rubric, maxTokens: 3 }, [response('x', { base: 'y' })], studio.around)).verdicts).toEqual([{ failure: expect.stringContaining('cut off') as string }])
  await expect(measured('win-rate', { file: join(studio.directory, 'none.gguf') }, [], studio.around)).rejects.toMatchObject({ code: 'not-found' })
})

describe('the metric', () => {
  const winRate = metricNamed('win-rate')
  const settings = (chosen: object): Record<string, unknown> => winRate.settings.parse({ file: 'judge.gguf', ...chosen })

  test('is told apart by what it compares with, and has no value for the first method where it compares with that', () => {
    expect([settings({}), settings({ against: 'preferred' })].map((chosen) => [winRate.label(chosen), winRate.againstBase?.(chosen)])).toEqual([['win-rate:base', true], ['win-rate:preferred', false]])
  })

  test('needs one judge and both places', () => {
    expect(() => winRate.settings.parse({})).toThrow('either an endpoint')
    expect(() => settings({ url: 'http://localhost' })).toThrow('either an endpoint')
    expect(() => settings({ rubric: 'only {response_a}' })).toThrow('{response_b}')
  })

  test('at equal lengths: of responses that win because they are longer', () => {
    const random = seededRandom(8)
    const pairs = Array.from({ length: 300 }, (_, example) => {
      const length = 100 * Math.exp(0.8 + 0.8 * random.normal())
      return { item: response('x'.repeat(length), { example, base: 'y'.repeat(100) }), value: length > 100 * Math.exp(0.4 * random.normal()) ? 1 : 0 }
    })
    const [figure] = winRate.aggregate?.(settings({}), pairs) ?? []
    expect(figure?.label).toBe('win-rate:base:equal-length')
    expect(pairs.reduce((sum, { value }) => sum + value, 0) / pairs.length).toBeGreaterThan(0.75)
    expect(figure?.low).toBeLessThan(0.5)
    expect(figure?.high).toBeGreaterThan(0.5)
  })
})
