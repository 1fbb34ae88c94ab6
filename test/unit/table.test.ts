/** The table's figures against an independent computation: seeds averaged within a prompt, prompts the unit of everything. */
import { describe, expect, test } from 'vitest'
import { evaluateSettings, type EvaluateSettings } from '../../src-main/contract/evaluate.ts'
import { columnsOf, pointsOf } from '../../src-main/engine/evaluate/columns.ts'
import { bestPoints, goingOn, promptsOfRound } from '../../src-main/engine/evaluate/halving.ts'
import { methodLabels } from '../../src-main/engine/evaluate/labels.ts'
import { escapeLatex, latexTable } from '../../src-main/engine/evaluate/latex.ts'
import { studyOf } from '../../src-main/engine/evaluate/study.ts'
import { evaluationTable, type TableMetric } from '../../src-main/engine/evaluate/table.ts'
import type { Measure, ScoredResponse } from '../../src-main/engine/project/evaluations.ts'
import { seededRandom } from '../fixtures/random.ts'

const metrics: TableMetric[] = [{ label: 'people', better: 'higher', againstBase: false }, { label: 'win-rate', better: 'higher', againstBase: true }]
const response = (method: number, example: number, seed: number, reward: number | null, text = 'one two three four five'): ScoredResponse => ({
  method, example, seed, text, tokens: 5, edit: null, reward, failure: reward === null ? 'the judge did not answer' : null
})
const measure = (method: number, example: number, seed: number, metric: string, value: number | null): Measure => ({ method, example, seed, metric, value, failure: value === null ? 'nothing' : null })

/** Every pattern of signs, counted; for few prompts. */
function exactP(differences: number[]): number {
  const size = Math.abs(differences.reduce((a, b) => a + b, 0))
  let extreme = 0
  for (let pattern = 0; pattern < 2 ** differences.length; pattern++) {
    const sum = differences.reduce((total, d, i) => total + (pattern & (1 << i) ? -d : d), 0)
    if (Math.abs(sum) > size - 1e-9) extreme++
  }
  return extreme / 2 ** differences.length
}

const average = (values: number[]): number => values.reduce((a, b) => a + b, 0) / values.length

describe('a table of several seeds', () => {
  const settings = evaluateSettings.parse({ dataset: 1, seeds: 3, methods: [{ name: 'base' }, { name: 'prompting' }, { name: 'best-of-n' }] })
  const random = seededRandom(3)
  const prompts = 8
  const rewards = Array.from({ length: 3 }, (_, method) => Array.from({ length: prompts }, (_, prompt) => Array.from({ length: 3 }, () => prompt + 0.4 * method + random.normal())))
  rewards[1]![2]![1] = NaN // not labelled
  rewards[2]![5] = [NaN, NaN, NaN] // a prompt without any
  const responses = Array.from({ length: prompts }, (_, example) => rewards.flatMap((ofMethod, method) => ofMethod[example]!.map((reward, seed) => response(method, example + 1, seed, Number.isNaN(reward) ? null : reward)))).flat()
  const measures = responses.flatMap(({ method, example, seed }) => [measure(method, example, seed, 'people', method === 1 && example === 1 ? null : example * (3 - method) + seed), ...(method === 0 ? [] : [measure(method, example, seed, 'win-rate', seed === 0 ? 1 : 0)])])
  const promptMean = (method: number, prompt: number): number | null => {
    const known = rewards[method]![prompt]!.filter((reward) => !Number.isNaN(reward))
    return known.length === 0 ? null : average(known)
  }
  const made = evaluationTable(settings, metrics, { responses, measures, timings: [[100, 1], [100, 2], [50, 2]] })

  test('its means weigh every prompt the same, however many seeds were labelled', async () => {
    const { methods } = await made
    for (const [i, { reward }] of methods.entries()) {
      const means = Array.from({ length: prompts }, (_, prompt) => promptMean(i, prompt)).filter((mean) => mean !== null)
      expect(reward.mean).toBeCloseTo(average(means), 12)
      expect(reward.low).toBeLessThan(reward.mean!)
      expect(reward.high).toBeGreaterThan(reward.mean!)
    }
    expect(methods.map((m) => [m.responses, m.unlabelled])).toEqual([[24, 0], [24, 1], [24, 3]])
  })

  test('its tests are over prompts, not over responses, and corrected within each measure', async () => {
    const { paired } = await made
    const ps = [1, 2].map((method) => {
      const differences = Array.from({ length: prompts }, (_, prompt) => [promptMean(0, prompt), promptMean(method, prompt)]).flatMap(([a, b]) => (a === null || b === null ? [] : [b! - a!]))
      const pair = paired[method - 1]!
      expect(pair.prompts).toBe(differences.length)
      expect(pair.difference).toBeCloseTo(average(differences), 12)
      expect(pair.p).toBeCloseTo(exactP(differences), 12)
      return pair.p!
    })
    const [small, large] = [Math.min(...ps), Math.max(...ps)]
    const holm = (p: number): number => (p === small ? Math.min(1, 2 * small) : Math.max(Math.min(1, 2 * small), large))
    expect(paired.map(({ pHolm }) => pHolm)).toEqual(ps.map((p) => expect.closeTo(holm(p), 12)))
    // people: example * (3 - method) + seed, so prompting is example lower on average of all but the first prompt
    expect(paired[0]!.measures['people']).toMatchObject({ prompts: prompts - 1, difference: expect.closeTo(-average([2, 3, 4, 5, 6, 7, 8]), 12), p: 2 / 2 ** 7, pHolm: 2 / 2 ** 7 })
    expect(paired[1]!.measures['people']).toMatchObject({ prompts, p: 2 / 2 ** 8, pHolm: 2 * (2 / 2 ** 8) })
  })

  test('what compares with the first method has no figure of it; what failed is counted', async () => {
    const { methods, paired } = await made
    expect(methods.map((m) => m.measures['win-rate']?.mean)).toEqual([undefined, expect.closeTo(1 / 3, 12), expect.closeTo(1 / 3, 12)])
    expect(methods.map((m) => m.measures['people']?.failed)).toEqual([0, 3, 0])
    expect(paired.map(({ measures: of }) => Object.keys(of))).toEqual([['people'], ['people']])
  })

  test('time is a token\'s, and its ratio to the first method\'s', async () => {
    const { methods } = await made
    expect(methods.map((m) => [m.secondsPerToken, m.timeRatio])).toEqual([[0.01, 1], [0.02, 2], [0.04, 4]])
  })
})

describe('alarms', () => {
  const repeated = 'no no no no no no no no'
  const varied = 'each of these words is another one'
  /** reward and people of [base, then a point each], for 20 prompts */
  async function alarmsOf(settings: EvaluateSettings, of: { reward: number; people: number; text?: string; missing?: number }[]) {
    const random = seededRandom(11)
    const responses: ScoredResponse[] = []
    const measures: Measure[] = []
    for (let example = 1; example <= 20; example++) {
      const level = random.normal()
      for (const [method, { reward, people, text = varied, missing = 0 }] of of.entries()) {
        responses.push(response(method, example, 0, example <= missing ? null : reward + level + 0.05 * random.normal(), text))
        measures.push(measure(method, example, 0, 'people', people + level + 0.05 * random.normal()))
      }
    }
    const { alarms } = await evaluationTable(settings, [metrics[0]!], { responses, measures, timings: of.map(() => [1, 1]) })
    return alarms
  }
  const two = evaluateSettings.parse({ dataset: 1, methods: [{ name: 'base' }, { name: 'prompting' }] })
  const swept = evaluateSettings.parse({ dataset: 1, methods: [{ name: 'base' }], sweep: { method: { name: 're-control', settings: { valueFunction: 1 } }, over: { alpha: [3, 1, 2] } } })

  test('where the reward rises over the first method and another reward falls', async () => {
    expect(await alarmsOf(two, [{ reward: 0, people: 0 }, { reward: 1, people: -0.5 }])).toEqual([
      { method: 'prompting', text: expect.stringMatching(/^over-optimised\? Its reward \(tone\) is \+0\.99\d \[.*\] over base, but its people is -0\.50\d \[.*\], p < 0\.001$/) }
    ])
  })

  test('none where both rise, where the reward does not, or where the other is the same', async () => {
    expect(await alarmsOf(two, [{ reward: 0, people: 0 }, { reward: 1, people: 0.5 }])).toEqual([])
    expect(await alarmsOf(two, [{ reward: 0, people: 0 }, { reward: -1, people: -0.5 }])).toEqual([])
    expect(await alarmsOf(two, [{ reward: 0, people: 0 }, { reward: 1, people: 0 }])).toEqual([])
  })

  test('along a sweep, at the step from which on it goes wrong, in the order of the setting', async () => {
    // points in the order of the settings: alpha 3, 1, 2
    const alarms = await alarmsOf(swept, [{ reward: 0, people: 0 }, { reward: 3, people: 0.2 }, { reward: 1, people: 0.5 }, { reward: 2, people: 1 }])
    expect(alarms).toEqual([{ method: 're-control, alpha 3', text: expect.stringMatching(/From alpha 2 to 3 the reward \(tone\) changes by \+1\.0\d+ \[.*\], but people by -0\.79/) }])
  })

  test('of responses that repeat themselves, and of many that have no reward, with the reason', async () => {
    const alarms = await alarmsOf(two, [{ reward: 0, people: 0 }, { reward: 0, people: 0, text: repeated, missing: 5 }])
    expect(alarms.map(({ text }) => text)).toEqual([expect.stringMatching(/repeat themselves: diversity 0\.0\d+, that of base is 0\.\d+/), '5 of its 20 responses have no reward (tone) (the judge did not answer); the others may be a selection'])
    expect((await alarmsOf(two, [{ reward: 0, people: 0 }, { reward: 0, people: 0, missing: 20 }])).map(({ text }) => text)).toEqual(['none of its 20 responses has a reward (tone) (the judge did not answer)'])
  })
})

describe('columns', () => {
  const settings = evaluateSettings.parse({
    dataset: 1, methods: [{ name: 'base' }], further: [{ name: 'prompting' }],
    sweep: { method: { name: 're-control', settings: { valueFunction: 2, maxEdit: 0.5 } }, over: { alpha: [1, 2], updates: [10, 30, 50] } }
  })

  test('are the methods, every combination of the sweep, then what was added', () => {
    expect(columnsOf(settings).map(({ choice: { name, settings: s } }) => [name, s['alpha'], s['updates'], s['maxEdit']])).toEqual([
      ['base', undefined, undefined, undefined],
      ['re-control', 1, 10, 0.5], ['re-control', 1, 30, 0.5], ['re-control', 1, 50, 0.5], ['re-control', 2, 10, 0.5], ['re-control', 2, 30, 0.5], ['re-control', 2, 50, 0.5],
      ['prompting', undefined, undefined, undefined]
    ])
    expect(studyOf(settings).columns.map(({ point }) => point)).toEqual([null, 0, 1, 2, 3, 4, 5, null])
    expect(pointsOf({ method: { name: 'x', settings: {} }, over: { a: [1] } })).toEqual([{ a: 1 }])
  })

  test('are told apart by what differs, and never share a label', () => {
    const labels = methodLabels(columnsOf(settings).map(({ choice }) => choice))
    expect(labels.slice(0, 2)).toEqual(['base', 're-control, alpha 1, updates 10'])
    expect(methodLabels([{ name: 'base', settings: {} }, { name: 'base', settings: {} }])).toEqual(['base', 'base (2)'])
  })

  test.each([
    [{ halving: { rounds: 2 } }, /halving needs a sweep/],
    [{ sweep: { method: { name: 're-control', settings: { valueFunction: 1 } }, over: { alhpa: [1] } } }, /no setting alhpa/],
    [{ sweep: { method: { name: 're-control', settings: { valueFunction: 1 } }, over: { alpha: [1, 2, 1] } } }, /alpha 1 twice/],
    [{ sweep: { method: { name: 're-control', settings: { valueFunction: 1 } }, over: {} } }, /names no setting/],
    [{ sweep: { method: { name: 're-control', settings: { valueFunction: 1 } }, over: { alpha: [-1] } } }, /alpha|expected number/i],
    [{ sweep: { method: { name: 're-control', settings: { valueFunction: 1 } }, over: { alpha: Array.from({ length: 20 }, (_, i) => i), updates: Array.from({ length: 20 }, (_, i) => i) } } }, /401 methods/],
    [{ metrics: [{ name: 'length' }, { name: 'length' }] }, /two measures/],
    [{ metrics: [{ name: 'nothing' }] }, /no metric nothing/]
  ])('of %j are refused', (more, message) => {
    expect(() => studyOf(evaluateSettings.parse({ dataset: 1, methods: [{ name: 'base' }], ...more }))).toThrow(message)
  })
})

test('halving: twice the prompts each round, the best share of the points, ties to the earlier, unknown ones last', () => {
  expect([0, 1, 2].map((round) => promptsOfRound(10, 3, round))).toEqual([3, 5, 10])
  expect(promptsOfRound(1, 4, 0)).toBe(1)
  expect([8, 5, 3, 1].map((points) => goingOn(points, 0.5))).toEqual([4, 3, 2, 1])
  expect(goingOn(10, 0.3)).toBe(3) // 10 * 0.3 is a little more than 3 in floats
  expect(bestPoints([0, 1, 2, 3], [1, 5, 1, null], 0.5)).toEqual([0, 1])
  expect(bestPoints([2, 5, 7], [null, null, null], 0.5)).toEqual([2, 5])
})

describe('LaTeX', () => {
  test('escapes what has a meaning', () => {
    expect(escapeLatex('a_b & 50% #1 {x} ~ ^ \\ $ <y> |z|\n"q"')).toBe('a\\_b \\& 50\\% \\#1 \\{x\\} \\textasciitilde{} \\textasciicircum{} \\textbackslash{} \\$ \\textless{}y\\textgreater{} \\textbar{}z\\textbar{} "q"')
  })

  test('the best is bold, significance is marked, every row has the same cells', async () => {
    const settings = evaluateSettings.parse({ dataset: 1, methods: [{ name: 'base' }, { name: 'prompting', settings: { instruction: 'Be_kind & {brief}' } }, { name: 'prompting', settings: { instruction: '100%' } }] })
    const responses = Array.from({ length: 12 }, (_, i) => [response(0, i, 0, i), response(1, i, 0, i + 1 + 0.01 * i), response(2, i, 0, i + (i % 2 === 0 ? 0.1 : -0.1))]).flat()
    const table = await evaluationTable(settings, [], { responses, measures: [], timings: [[1, 1], [1, 1.5], [1, 1]] })
    const lines = latexTable(table, [], 'A & B').split('\n')
    const rows = lines.filter((line) => line.endsWith('\\\\'))
    expect(rows).toHaveLength(4)
    for (const row of rows) expect(row.match(/(?<!\\)&/g)).toHaveLength(3)
    expect(rows[2]).toContain('prompting, instruction Be\\_kind \\& \\{brief\\}')
    expect(rows[2]).toMatch(/\\textbf\{6\.\d+\}\$\^\{\*\*\*\}\$ \{\\small\[/)
    expect(rows[3]).not.toContain('textbf{5.')
    expect(rows[1]).not.toContain('^{')
    expect(lines.join('\n')).toContain('\\toprule')
  })
})
