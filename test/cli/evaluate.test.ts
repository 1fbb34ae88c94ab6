/** The terminal's evaluations: what its flags mean, and that a settings file gives the same again. */
import { readFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { readChoices } from '../../src-main/cli/choices.ts'
import { makeHome, type Home } from './terminal.ts'

describe('methods and metrics in a list', () => {
  const schema = z.object({ alpha: z.number(), maxEdit: z.number().nullable(), instruction: z.string(), valueFunction: z.int(), on: z.boolean(), rules: z.array(z.string()) })
  const read = (text: string) => readChoices(text, 'methods', () => schema)

  test.each([
    ['base, prompting', [['base', {}], ['prompting', {}]]],
    ['re-control{alpha=2,value-function=3},re-control+prompting{ alpha = -1e-1 , maxEdit=null}', [['re-control', { alpha: 2, valueFunction: 3 }], ['re-control+prompting', { alpha: -0.1, maxEdit: null }]]],
    ['prompting{instruction="Be kind, {and} say \\"yes\\"",on=true},base', [['prompting', { instruction: 'Be kind, {and} say "yes"', on: true }], ['base', {}]]],
    ['prompting{instruction=Be kind}', [['prompting', { instruction: 'Be kind' }]]],
    ['prompting{instruction=3}', [['prompting', { instruction: '3' }]]],
    ['a{rules=["1 has /,/","x"]}', [['a', { rules: ['1 has /,/', 'x'] }]]],
    ['a{alpha=many}', [['a', { alpha: 'many' }]]], // what no number is its schema says
    ['a{}', [['a', {}]]]
  ])('%s', (text, choices) => {
    expect(read(text).map(({ name, settings }) => [name, settings])).toEqual(choices)
  })

  test('a metric has its argument after a colon', () => {
    expect(read('reward:people,win-rate:base{alpha=1}')).toEqual([{ name: 'reward', argument: 'people', settings: {} }, { name: 'win-rate', argument: 'base', settings: { alpha: 1 } }])
  })

  test.each([
    ['', /name missing/], ['base,', /name missing/], ['{alpha=1}', /name missing/], ['reward:', /name missing/],
    ['a{alpha=1', /no } at the end/], ['a{alpha=1}}', /"}" too many/], ['a{instruction="x}', /no " at the end/], ['a{alpha=1}b', /a comma or the end/],
    ['a{alpah=1}', /no setting alpah; it has alpha, maxEdit/], ['a{alpha=1,alpha=2}', /alpha twice/], ['a{alpha}', /setting=value/], ['a{=1}', /setting=value/], ['a{alpha=1,}', /setting=value/], ['a{alpha=}', /cannot be ""/], ['a{instruction="x"y}', /cannot be/],
    ['a{__proto__=1}', /no setting/]
  ])('refuses %s', (text, message) => {
    expect(() => read(text)).toThrow(message)
  })
})

describe('evaluate', () => {
  let home: Home
  beforeAll(async () => {
    home = await makeHome()
    const rows = Array.from({ length: 14 }, (_, i) => ({ prompt: `Question ${i}: what of ${i * 7}?`, score: Math.cos(i), temperature: i, split: i < 8 ? 'train' : 'held-out' }))
    writeFileSync(home.path('rows.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
    await good('project', 'new', 'p', '--model', 'tiny.gguf')
    await good('data', 'import', 'p', 'rows.jsonl')
    await good('collect', 'p', '--dataset', '1', '--max-tokens', '4', '--temperature', '0')
    await good('reward', 'p', '--collection', '1', '--source', 'column', '--column', 'score')
    await good('reward', 'p', '--collection', '1', '--source', 'rules', '--rules', '1 length characters', '--as', 'long')
    await good('train', 'p', '--collection', '1', '--source', 'column', '--hidden', '8', '--epochs', '2')
  })
  afterAll(() => home.remove())

  async function good(...words: string[]): Promise<Record<string, any>> {
    const result = await home.cli(...words, '--json')
    expect(result, result.stderr).toMatchObject({ code: 0 })
    return result.json
  }
  const study = ['evaluate', 'p', '--methods', 'base,re-control{alpha=3},prompting{instruction="Be kind, please."}', '--dataset', '1', '--limit', '4', '--max-tokens', '5', '--source', 'long', '--seeds', '2', '--metrics', 'length:words', '--sweep', 're-control{updates=4}', '--over', 'alpha=1,2', '--over', 'max-edit=0.5', '--halving', '2', '--deterministic', '--temperature', '1']
  const rows = (result: Record<string, any>) => result['methods'].map((m: Record<string, any>) => [m['label'], m['responses'], m['reward'], m['diversity'], m['measures']])

  test('methods with settings of their own, a sweep with halving, seeds, metrics, a named reward', async () => {
    const result = await good(...study)
    expect(result['methods']).toMatchObject([
      { name: 'base', responses: 8, coherence: null, measures: { 'length:words': { failed: 0 } } },
      { name: 're-control', settings: { alpha: 3, updates: 30, valueFunction: 1 }, responses: 8 },
      { name: 'prompting', settings: { instruction: 'Be kind, please.' }, responses: 8 },
      { name: 're-control', settings: { alpha: 1, updates: 4, maxEdit: 0.5 }, point: { alpha: 1, maxEdit: 0.5 } },
      { name: 're-control', settings: { alpha: 2, updates: 4, maxEdit: 0.5 }, point: { alpha: 2, maxEdit: 0.5 } }
    ])
    expect(result['methods'].slice(3).map((m: { responses: number }) => m.responses).sort()).toEqual([4, 8])
    expect(result).toMatchObject({ evaluation: 1, settings: { seeds: 2, source: 'long', sampling: { temperature: 1 }, halving: { rounds: 2, keep: 0.5 } }, manifest: { settings: { scoredBy: { source: 'rules' } } }, alarms: expect.any(Array) })
    expect(result['paired']).toHaveLength(4)
  })

  test('list, show, compare and export', async () => {
    expect(await good('evaluate', 'list', 'p')).toMatchObject({ evaluations: [{ id: 1, datasetName: 'rows', prompts: 4, finished: true }] })
    const shown = await good('evaluate', 'show', 'p', '--evaluation', '1')
    expect(await good('evaluate', 'compare', 'p', '--a', '1:base', '--b', '1:2', '--measure', 'length:words')).toMatchObject({ prompts: 4, difference: expect.closeTo(shown['paired'][1].measures['length:words'].difference, 10) })
    await good('evaluate', 'export', 'p', 'table.tex', '--evaluation', '1')
    expect(readFileSync(home.path('table.tex'), 'utf8')).toContain('\\midrule')
    for (const [file, format] of [['all.json', 'json'], ['settings.txt', 'settings']] as const) expect(await good('evaluate', 'export', 'p', file, '--evaluation', '1', '--format', format)).toMatchObject({ format })
  }, 180_000)

  test('people get lines', async () => {
    const { stdout } = await home.cli('evaluate', 'show', 'p', '--evaluation', '1')
    expect(stdout).toMatch(/^method +# +reward/)
    expect(stdout).toContain('re-control, updates 4, alpha 1, maxEdit 0.5')
  })

  test('from a settings file the same again, also where the reward\'s name has become another\'s', async () => {
    await good('reward', 'p', '--collection', '1', '--source', 'column', '--column', 'temperature', '--as', 'long')
    const first = await good('evaluate', 'show', 'p', '--evaluation', '1')
    for (const file of ['settings.txt', 'all.json']) {
      const again = await good('evaluate', 'p', '--settings', file)
      expect(rows(again)).toEqual(rows(first))
      expect(again['paired']).toEqual(first['paired'])
      expect(again['evaluation']).toBeGreaterThan(1)
    }
  })

  test('extend', async () => {
    const result = await good('evaluate', 'extend', 'p', '--evaluation', '1', '--methods', 'best-of-n{candidates=2}', '--reward', 'tone', '--metrics', 'length')
    expect(result['evaluation']).toBe(1)
    expect(result['methods'][5]).toMatchObject({ name: 'best-of-n', settings: { candidates: 2, reward: 'tone' }, responses: 8 })
    expect(Object.keys(result['methods'][0].measures)).toEqual(['length:words', 'length:tokens'])
    expect((await good('evaluate', 'list', 'p'))['evaluations'].map((e: { id: number }) => e.id)).toEqual([1, 2, 3])
  })

  test('a source\'s flags that mean nothing else are there; those of the responses stay theirs', async () => {
    const result = await good('evaluate', 'p', '--methods', 'base', '--dataset', '1', '--limit', '2', '--max-tokens', '2', '--source', 'column', '--column', 'temperature', '--temperature', '0')
    expect(result).toMatchObject({ settings: { sourceSettings: { column: 'temperature' }, sampling: { temperature: 0 } }, methods: [{ reward: { mean: 8.5 } }] })
  })

  test.each([
    [['--methods', 'base', '--over', 'alpha=1'], /belong to a --sweep/],
    [['--methods', 'base', '--sweep', 're-control', '--over', 'alfa=1'], /no setting alfa/],
    [['--methods', 'base{alpha=1}'], /base has no setting alpha/],
    [['--methods', 'base', '--metrics', 'nothing'], /no metric nothing/],
    [['--methods', 'base', '--source', 'nobody'], /no reward source nobody/],
    [['--settings', 'rows.jsonl'], /is not JSON/],
    [['--settings', 'all.json', '--seeds', '3'], /--seeds would change it/]
  ])('%j is refused in one line', async (words, message) => {
    const dataset = words.includes('--settings') ? [] : ['--dataset', '1']
    const { code, stdout, stderr } = await home.cli('evaluate', 'p', ...words, ...dataset)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr.trimEnd().split('\n').at(-1)).toMatch(/^Error: /)
    expect(stderr).toMatch(message)
  })
})
