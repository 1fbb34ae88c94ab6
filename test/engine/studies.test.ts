/** Evaluations as studies: sweeps, seeds, metrics, halving, extensions; killed, resumed, run again. */
import Papa from 'papaparse'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { collectSettings } from '../../src-main/contract/collect.ts'
import { evaluateSettings, type EvaluateSettings, type EvaluationTable } from '../../src-main/contract/evaluate.ts'
import { toFailure } from '../../src-main/contract/errors.ts'
import { trainSettings } from '../../src-main/contract/value.ts'
import { compareColumns, orderedExamples } from '../../src-main/engine/evaluate/compare.ts'
import { diversity } from '../../src-main/engine/evaluate/diversity.ts'
import { exportEvaluation } from '../../src-main/engine/evaluate/export.ts'
import { wordsOf } from '../../src-main/engine/evaluate/words.ts'
import { writeTinyModel } from '../fixtures/tiny-model.ts'
import { drawn, greedy, openStudio, scoredPrompts, type Studio } from './studio.ts'

const prompts = 6
let studio: Studio
let dataset = 0
let valueFunction = 0
beforeEach(async () => {
  studio = await openStudio()
  dataset = await studio.importRows(scoredPrompts(prompts + 6, 6).map((row, i) => ({ ...row, ...(i === 7 && { prompt: '=1+1 <b>&' }) })))
  const { subject: collection } = await studio.run('collect', collectSettings.parse({ dataset, maxTokens: 4, sampling: greedy }))
  await studio.run('reward', { collection, source: 'column', settings: { column: 'score' } })
  valueFunction = (await studio.run('train', trainSettings.parse({ collection, source: 'column', hidden: 8, epochs: 2 }))).subject as number
})
afterEach(() => studio.close())

const settings = (more: object = {}): EvaluateSettings =>
  evaluateSettings.parse({
    dataset, methods: [{ name: 'base' }, { name: 'prompting' }], source: 'rules', sourceSettings: { rules: ['1 length characters'] },
    sweep: { method: { name: 're-control', settings: { valueFunction, updates: 5 } }, over: { alpha: [1, 4] } },
    seeds: 2, metrics: [{ name: 'length', settings: { unit: 'words' } }], maxTokens: 6, parallel: 3, deterministic: true, sampling: drawn, ...more
  })
const id = (job: { subject: number | null }): number => job.subject as number
const { stringify } = JSON
const responses = (evaluation: number) => studio.project.evaluations.responses(evaluation)
const measures = (evaluation: number, ...labels: string[]) => studio.project.evaluations.measures(evaluation, labels)
/** All but what a clock says. */
const figures = (table: EvaluationTable | null) => ({ ...table!, methods: table!.methods.map(({ secondsPerToken: _seconds, timeRatio: _ratio, ...method }) => method) })

describe('a study', () => {
  test('has a response of every column to every prompt from every seed, each scored and measured', async () => {
    const job = await studio.run('evaluate', settings())
    expect(job, stringify(job.failure)).toMatchObject({ state: 'done', done: 4 * prompts * 2, total: 4 * prompts * 2 })
    const all = responses(id(job))
    expect(all.map(({ example, method, seed }) => `${example}/${method}/${seed}`)).toEqual(
      Array.from({ length: prompts }, (_, i) => [0, 1, 2, 3].flatMap((method) => [0, 1].map((seed) => `${i + 7}/${method}/${seed}`))).flat()
    )
    expect(all.map(({ reward }) => reward)).toEqual(all.map(({ text }) => text.length))
    expect(measures(id(job), 'length:words').map(({ value }) => value)).toEqual(all.map(({ text }) => wordsOf(text).length))
    for (const response of all) expect(studio.project.evaluations.tokenIds(id(job), response)).toHaveLength(response.tokens)
    // another seed gives another text, the same seed of two methods the same draw
    expect(all.filter((r) => r.seed === 0).map((r) => r.text)).not.toEqual(all.filter((r) => r.seed === 1).map((r) => r.text))
    const { table, report } = studio.project.evaluations.get(id(job))
    expect(table?.methods.map(({ label, point }) => [label, point])).toEqual([['base', null], ['prompting', null], ['re-control, alpha 1', { alpha: 1 }], ['re-control, alpha 4', { alpha: 4 }]])
    const mean = (method: number) => all.filter((r) => r.method === method).reduce((sum, r) => sum + r.text.length, 0) / (prompts * 2)
    expect(table?.methods.map(({ reward }) => reward.mean)).toEqual([0, 1, 2, 3].map((method) => expect.closeTo(mean(method), 10)))
    const page = readFileSync(report as string, 'utf8')
    for (const shown of ['re-control, alpha 4', 'length:words', 'by alpha, with 95 % bootstrap', 'What reward costs', '2 seeds each']) expect(page).toContain(shown)
    expect(page).not.toMatch(/NaN|undefined|Infinity|>null</)
  })

  test('stopped again and again, or with its model host killed, ends as an uninterrupted one', async () => {
    const whole = await studio.run('evaluate', settings())
    const { jobs } = studio.engine
    let stopAt = 3
    let next: () => void = () => {}
    studio.on('job', (job) => void (job.kind === 'evaluate' && job.state === 'running' && job.done >= stopAt && next()))
    const { id: job } = jobs.start('evaluate', settings())
    let stops = 0
    for (;;) {
      const reached = new Promise<void>((resolve) => (next = resolve))
      const ended = await Promise.race([reached.then(() => null), jobs.finished(job)])
      if (ended?.state === 'done') break
      stopAt += 13
      stops++
      if (stops % 2 === 1) studio.killHost()
      else {
        await jobs.pause(job).catch(() => {})
        if ((await jobs.finished(job)).state === 'done') break
        jobs.resume(job)
      }
    }
    expect(stops).toBeGreaterThan(1)
    const again = await jobs.finished(job)
    expect(again.failure).toBeNull()
    expect(responses(id(again))).toEqual(responses(id(whole)))
    expect(measures(id(again), 'length:words')).toEqual(measures(id(whole), 'length:words'))
    expect(figures(studio.project.evaluations.get(id(again)).table)).toEqual(figures(studio.project.evaluations.get(id(whole)).table))
  }, 60_000)

  test('of another model than it began with does not go on', async () => {
    const job = await studio.run('evaluate', settings())
    const other = join(studio.directory, 'other.gguf')
    writeTinyModel(other, { seed: 5 })
    studio.project.modelFile = other
    const more = await studio.run('evaluate', { evaluation: id(job), methods: [{ name: 'static-re', settings: { valueFunction } }, { name: 'prompting', settings: { instruction: 'Be brief.' } }], metrics: [], seeds: null })
    expect(more.failure).toMatchObject({ code: 'bad-request', message: expect.stringContaining('another model') })
  })

  test('is refused before anything is generated where it cannot be', async () => {
    for (const more of [{ metrics: [{ name: 'nothing' }] }, { metrics: [{ name: 'length', settings: { unit: 'miles' } }] }, { sweep: null, halving: { rounds: 2 } }]) {
      // before the job, or by it
      expect(await studio.run('evaluate', settings(more)).then(({ failure }) => failure, toFailure)).toMatchObject({ code: 'bad-request' })
    }
    expect(studio.project.evaluations.list()).toEqual([])
  })
})

test('successive halving: the best by reward of a round come into the next, on twice the prompts', async () => {
  const over = { alpha: [1, 2, 4, 8] }
  const job = await studio.run('evaluate', settings({ methods: [{ name: 'base' }], sweep: { method: { name: 're-control', settings: { valueFunction, updates: 5 } }, over }, halving: { rounds: 2, keep: 0.5 }, seeds: 1 }))
  expect(job, stringify(job.failure)).toMatchObject({ state: 'done', done: prompts + 4 * 3 + 2 * 3, total: prompts + 4 * 3 + 2 * 3 })
  const all = responses(id(job))
  const early = [7, 8, 9]
  const rewards = [1, 2, 3, 4].map((method) => all.filter((r) => r.method === method && early.includes(r.example)).reduce((sum, r) => sum + r.text.length, 0))
  const best = [0, 1, 2, 3].sort((a, b) => rewards[b]! - rewards[a]! || a - b).slice(0, 2).sort()
  expect(studio.project.evaluations.rounds(id(job))).toEqual([best])
  expect([1, 2, 3, 4].map((method) => all.filter((r) => r.method === method).length)).toEqual([0, 1, 2, 3].map((point) => (best.includes(point) ? prompts : 3)))
  expect(readFileSync(studio.project.evaluations.get(id(job)).report as string, 'utf8')).toContain('Successive halving in 2 rounds')
})

describe('a finished study', () => {
  test('is extended by methods, metrics and seeds without asking again for what is there', async () => {
    const evaluation = id(await studio.run('evaluate', settings({ seeds: 1 })))
    const before = responses(evaluation)
    const timings = studio.project.evaluations.timings(evaluation)
    const hosts = studio.hosts()
    studio.engine.models.unload()
    // a measure alone needs no model
    const measured = await studio.run('evaluate', { evaluation, methods: [], metrics: [{ name: 'length', settings: { unit: 'tokens' } }], seeds: null })
    expect(measured, stringify(measured.failure)).toMatchObject({ state: 'done', subject: evaluation })
    expect(studio.hosts()).toBe(hosts)
    expect(measures(evaluation, 'length:tokens').map(({ value }) => value)).toEqual(before.map(({ tokens }) => tokens))

    const more = await studio.run('evaluate', { evaluation, methods: [{ name: 'base' }, { name: 'prompting', settings: { instruction: 'Be brief.' } }], metrics: [{ name: 'length', settings: { unit: 'tokens' } }], seeds: 2 })
    expect(more, stringify(more.failure)).toMatchObject({ state: 'done', done: 5 * prompts * 2 })
    const after = responses(evaluation)
    expect(after.filter((r) => r.seed === 0 && r.method < 4)).toEqual(before)
    const { settings: now, table } = studio.project.evaluations.get(evaluation)
    expect(now).toMatchObject({ seeds: 2, further: [{ name: 'prompting', settings: { instruction: 'Be brief.' } }], metrics: [{ settings: { unit: 'words' } }, { settings: { unit: 'tokens' } }] })
    expect(table?.methods.map((m) => [m.name, m.responses, Object.keys(m.measures)])).toEqual(['base', 'prompting', 're-control', 're-control', 'prompting'].map((name) => [name, 2 * prompts, ['length:words', 'length:tokens']]))
    // and it is what an evaluation with all of it from the beginning gives
    const { sweep, methods } = now
    const whole = await studio.run('evaluate', settings({ metrics: now.metrics, further: now.further, methods, sweep }))
    expect(responses(id(whole))).toEqual(after)
    expect(studio.project.evaluations.timings(evaluation)[0]![0]).toBeGreaterThan(timings[0]![0])
  }, 60_000)

  test('is as it was when the extension is discarded, and never deleted by it', async () => {
    const evaluation = id(await studio.run('evaluate', settings()))
    const before = { ...studio.project.evaluations.get(evaluation), responses: responses(evaluation), timings: studio.project.evaluations.timings(evaluation) }
    const { jobs } = studio.engine
    const { id: job } = jobs.start('evaluate', { evaluation, methods: [{ name: 'static-re', settings: { valueFunction } }], metrics: [{ name: 'length' }], seeds: 3 })
    await new Promise<void>((resolve) => studio.on('job', (told) => void (told.id === job && told.done > before.responses.length + 2 && resolve())))
    await jobs.pause(job)
    expect(responses(evaluation).length).toBeGreaterThan(before.responses.length)
    expect(studio.project.evaluations.get(evaluation).table).toEqual(before.table)
    expect((await studio.run('evaluate', { evaluation, methods: [], metrics: [], seeds: null })).failure).toMatchObject({ code: 'busy' })
    await jobs.discard(job)
    expect({ ...studio.project.evaluations.get(evaluation), responses: responses(evaluation), timings: studio.project.evaluations.timings(evaluation).map(([tokens]) => tokens) }).toEqual({ ...before, timings: expect.anything() })
    expect(studio.project.evaluations.timings(evaluation)).toHaveLength(4)
  }, 60_000)

  test('tries again what could not be scored or measured', async () => {
    const evaluation = id(await studio.run('evaluate', settings()))
    const { evaluations } = studio.project
    const whole = { responses: responses(evaluation), measures: measures(evaluation, 'length:words'), table: figures(evaluations.get(evaluation).table) }
    const [first, second] = whole.responses
    evaluations.setRewards(evaluation, [{ ...first!, value: null, failure: 'the judge did not answer' }])
    evaluations.addMeasures(evaluation, [{ example: second!.example, method: second!.method, seed: second!.seed, metric: 'length:words', value: null, failure: 'it hung' }])
    expect(await studio.run('evaluate', { evaluation, methods: [], metrics: [], seeds: null })).toMatchObject({ state: 'done' })
    expect({ responses: responses(evaluation), measures: measures(evaluation, 'length:words'), table: figures(evaluations.get(evaluation).table) }).toEqual(whole)
  })

  test('is compared with another, on the prompts that both answered', async () => {
    const a = id(await studio.run('evaluate', settings()))
    const b = id(await studio.run('evaluate', settings({ limit: 4, sweep: null, seeds: 1, methods: [{ name: 'prompting' }] })))
    const mean = (evaluation: number, method: number, example: number, of: (text: string) => number) => {
      const own = responses(evaluation).filter((r) => r.method === method && r.example === example)
      return own.reduce((sum, { text }) => sum + of(text), 0) / own.length
    }
    const difference = (of: (text: string) => number) => [7, 8, 9, 10].reduce((sum, example) => sum + mean(b, 0, example, of) - mean(a, 3, example, of), 0) / 4
    const pair = { a: { evaluation: a, method: 3 }, b: { evaluation: b, method: 0 } }
    expect(compareColumns(studio.project, { ...pair, measure: null })).toMatchObject({ prompts: 4, difference: expect.closeTo(difference((text) => text.length), 10), pHolm: null })
    expect(compareColumns(studio.project, { ...pair, measure: 'length:words' })).toMatchObject({ prompts: 4, difference: expect.closeTo(difference((text) => wordsOf(text).length), 10) })
    expect(() => compareColumns(studio.project, { ...pair, measure: 'nothing' })).toThrow('no measure nothing')
    expect(() => compareColumns(studio.project, { ...pair, b: { evaluation: b, method: 1 }, measure: null })).toThrow('has 1 methods')
    const tone = id(await studio.run('evaluate', settings({ limit: 2, sweep: null, seeds: 1, source: 'tone', sourceSettings: null })))
    expect(() => compareColumns(studio.project, { a: pair.a, b: { evaluation: tone, method: 0 }, measure: null })).toThrow('not by the same source')
  }, 60_000)

  test('shows its responses in the order of a figure, too', async () => {
    const evaluation = id(await studio.run('evaluate', settings({ seeds: 1, sweep: null })))
    const value = (example: number, method: number) => responses(evaluation).find((r) => r.example === example && r.method === method)!.text.length
    const examples = [7, 8, 9, 10, 11, 12]
    const order = { method: 1, figure: 'reward', minusFirst: false, ascending: false }
    expect(orderedExamples(studio.project, evaluation, order)).toEqual(examples.toSorted((a, b) => value(b, 1) - value(a, 1) || a - b))
    expect(orderedExamples(studio.project, evaluation, { ...order, minusFirst: true, ascending: true })).toEqual(examples.toSorted((a, b) => value(a, 1) - value(a, 0) - value(b, 1) + value(b, 0) || a - b))
    const rows = studio.project.evaluations.sideBySide(evaluation, [9, 7])
    expect(rows.map(({ example, preferred, byMethod }) => [example, preferred, byMethod.map(({ method, label, seed }) => [method, label, seed])])).toEqual([9, 7].map((example) => [example, null, [[0, 'base', 0], [1, 'prompting', 0]]]))
    for (const { text, measures: of } of rows[0]!.byMethod) expect(of).toEqual({ 'length:words': wordsOf(text).length })
  })
})

describe('exported', () => {
  const exported = async (evaluation: number, format: 'csv' | 'json' | 'html' | 'latex' | 'settings') => {
    const file = join(studio.directory, `evaluation.${format}`)
    await exportEvaluation(studio.project, { evaluation, format, file })
    return readFileSync(file, 'utf8')
  }

  test('each format has what is in the project, and its settings give the same again', async () => {
    const evaluation = id(await studio.run('evaluate', settings()))
    const all = responses(evaluation)
    const { data } = Papa.parse<Record<string, string>>(await exported(evaluation, 'csv'), { header: true, skipEmptyLines: true })
    expect(data.map((row) => [row['response'], Number(row['reward']), Number(row['seed']), Number(row['length:words'])])).toEqual(all.map(({ text, seed }) => [text.replace(/^([=+\-@\t\r\n])/, "'$1"), text.length, seed, wordsOf(text).length]))
    expect(data.map((row) => (row['diversity'] === '' ? null : Number(row['diversity'])))).toEqual(all.map(({ text }) => (diversity(text) === null ? null : expect.closeTo(diversity(text)!, 12))))
    expect(data.find((row) => row['line'] === '8')?.['prompt']).toBe("'=1+1 <b>&")
    const json = JSON.parse(await exported(evaluation, 'json')) as { settings: unknown; table: unknown; responses: { byMethod: { text: string }[] }[] }
    expect(json.responses.flatMap(({ byMethod }) => byMethod.map(({ text }) => text))).toEqual(all.map(({ text }) => text))
    expect(json).toMatchObject({ table: studio.project.evaluations.get(evaluation).table, settings: studio.project.evaluations.get(evaluation).settings, manifest: { model: expect.any(String) } })
    expect(await exported(evaluation, 'html')).toContain('&lt;b&gt;&amp;')
    expect(await exported(evaluation, 'latex')).toContain('\\bottomrule')
    const again = await studio.run('evaluate', evaluateSettings.parse((JSON.parse(await exported(evaluation, 'settings')) as { settings: unknown }).settings))
    expect(responses(id(again))).toEqual(all)
  }, 60_000)

  test('nothing where it cannot be', async () => {
    const evaluation = id(await studio.run('evaluate', settings({ limit: 1, sweep: null })))
    await expect(exportEvaluation(studio.project, { evaluation: 99, format: 'json', file: join(studio.directory, 'x') })).rejects.toMatchObject({ code: 'not-found' })
    await expect(exportEvaluation(studio.project, { evaluation, format: 'json', file: join(studio.directory, 'no', 'folder') })).rejects.toMatchObject({ code: 'not-found' })
    await expect(exportEvaluation(studio.project, { evaluation, format: 'json', file: studio.directory })).rejects.toMatchObject({ code: 'bad-request' })
  })
})
