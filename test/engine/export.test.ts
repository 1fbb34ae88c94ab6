/** Exports, read back by the libraries that read such files. */
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet'
import Papa from 'papaparse'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { collectSettings } from '../../src-main/contract/collect.ts'
import { exportSettings, type ExportSettings } from '../../src-main/contract/data.ts'
import type { Job } from '../../src-main/contract/job.ts'
import { exportWork } from '../../src-main/engine/data/export.ts'
import { importWork } from '../../src-main/engine/data/import.ts'
import { JobRunner } from '../../src-main/engine/jobs/runner.ts'
import type { NewExample } from '../../src-main/engine/project/datasets.ts'
import { Project } from '../../src-main/engine/project/project.ts'
import { ownDirectory } from './studio.ts'

let directory = ''
let out = ''
let project: Project
let jobs: JobRunner
const seen: Job[] = []

beforeEach(() => {
  seen.length = 0
  directory = ownDirectory()
  out = join(directory, 'out')
  mkdirSync(out)
  project = Project.create(join(directory, 'project'), null)
  jobs = new JobRunner({ export: exportWork, import: importWork(join(directory, 'cache')) }, (job) => void seen.push(job))
  jobs.setProject(project)
})
afterEach(() => project.close())

const start = (settings: Partial<ExportSettings>): Job => jobs.start('export', exportSettings.parse({ what: 'examples', of: 1, ...settings }))
const run = (settings: Partial<ExportSettings>): Promise<Job> => jobs.finished(start(settings).id)
const file = (name: string): string => join(out, name)

function example(line: number, parts: Partial<NewExample> = {}): NewExample {
  const prompt = parts.prompt ?? `prompt ${line}`
  return { line, split: line % 2 === 0 ? 'held-out' : 'train', prompt, messages: [{ role: 'user', content: prompt }], chosen: null, rejected: null, columns: {}, ...parts }
}

function dataset(examples: NewExample[]): number {
  const id = project.datasets.create('rows', 'rows.jsonl', 'preference')
  project.datasets.add(id, examples, [])
  return id
}

const hard = [
  example(1, { prompt: 'a "quoted", text\r\nin two lines; \u2028 😀 日本', chosen: 'yes', rejected: 'no', columns: { score: 1.5, tag: 'x', deep: { a: [1, null] }, ok: true, prompt: 'own', mixed: 1 } }),
  example(2, { prompt: '=1+1', chosen: '', rejected: '@SUM(A1)', columns: { score: -2, tag: null, ok: false, mixed: 'two' } }),
  example(3, { prompt: '-\n=cmd', messages: [{ role: 'user', content: 'a' }, { role: 'assistant', content: 'b' }, { role: 'user', content: '-' }], chosen: '+plus', columns: { score: null, late: '\tx' } }),
  example(4, { prompt: "'apostrophe", rejected: '\rreturn' })
]

describe('examples', () => {
  test('as JSONL are the rows themselves', async () => {
    dataset(hard)
    expect(await run({ file: file('rows.jsonl'), format: 'jsonl' })).toMatchObject({ kind: 'export', title: 'Export rows to rows.jsonl', state: 'done', done: 4, total: 4, subject: null })
    const rows = readFileSync(file('rows.jsonl'), 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line) as object)
    expect(rows).toEqual([
      { prompt: hard[0]!.prompt, chosen: 'yes', rejected: 'no', split: 'train', line: 1, score: 1.5, tag: 'x', deep: { a: [1, null] }, ok: true, prompt_: 'own', mixed: 1 },
      { prompt: '=1+1', chosen: '', rejected: '@SUM(A1)', split: 'held-out', line: 2, score: -2, tag: null, ok: false, mixed: 'two' },
      { prompt: '-\n=cmd', chosen: '+plus', messages: hard[2]!.messages, split: 'train', line: 3, score: null, late: '\tx' },
      { prompt: "'apostrophe", rejected: '\rreturn', split: 'held-out', line: 4 }
    ])
    expect(readdirSync(out)).toEqual(['rows.jsonl'])
  })

  test('as CSV keep everything but formulas', async () => {
    dataset(hard)
    await run({ file: file('rows.csv'), format: 'csv' })
    const text = readFileSync(file('rows.csv'), 'utf8')
    const { data, errors, meta } = Papa.parse<Record<string, string>>(text, { header: true, skipEmptyLines: true })
    expect(errors).toEqual([])
    expect(meta.fields).toEqual(['prompt', 'chosen', 'rejected', 'messages', 'split', 'line', 'score', 'tag', 'deep', 'ok', 'prompt_', 'mixed', 'late'])
    expect(data.map(({ prompt, chosen, rejected }) => [prompt, chosen, rejected])).toEqual([
      [hard[0]!.prompt, 'yes', 'no'], ["'=1+1", '', "'@SUM(A1)"], ["'-\n=cmd", "'+plus", ''], ["'apostrophe", '', "'\rreturn"]
    ])
    expect(data.map(({ score, deep, ok, mixed, late }) => [score, deep, ok, mixed, late])).toEqual([['1.5', '{"a":[1,null]}', 'true', '1', ''], ['-2', '', 'false', 'two', ''], ['', '', '', '', "'\tx"], ['', '', '', '', '']])
    expect(text).toContain('-2,') // a number is no formula
    expect(JSON.parse(data[2]!['messages']!)).toEqual(hard[2]!.messages)
  })

  test('as Parquet keep types, in row groups', async () => {
    const id = dataset(hard)
    const many = Array.from({ length: 4500 }, (_, i) => example(i + 5, { columns: { score: i / 3, ok: i % 2 === 0 } }))
    project.datasets.add(id, many, [])
    await run({ file: file('rows.parquet'), format: 'parquet' })
    const rows = await parquetReadObjects({ file: await asyncBufferFromFile(file('rows.parquet')) })
    expect(rows).toHaveLength(4504)
    const nothing = { chosen: null, rejected: null, messages: null, score: null, tag: null, deep: null, ok: null, prompt_: null, mixed: null, late: null }
    expect(rows.slice(0, 5)).toEqual([
      { ...nothing, prompt: hard[0]!.prompt, chosen: 'yes', rejected: 'no', split: 'train', line: 1, score: 1.5, tag: 'x', deep: '{"a":[1,null]}', ok: true, prompt_: 'own', mixed: '1' },
      { ...nothing, prompt: '=1+1', chosen: '', rejected: '@SUM(A1)', split: 'held-out', line: 2, score: -2, ok: false, mixed: 'two' },
      { ...nothing, prompt: '-\n=cmd', chosen: '+plus', messages: JSON.stringify(hard[2]!.messages), split: 'train', line: 3, late: '\tx' },
      { ...nothing, prompt: "'apostrophe", rejected: '\rreturn', split: 'held-out', line: 4 },
      { ...nothing, prompt: 'prompt 5', split: 'train', line: 5, score: 0, ok: true }
    ])
    expect(rows.at(-1)).toMatchObject({ line: 4504, score: 4499 / 3 })
  })

  test('are those that the filter lets through; none at all is a file without rows', async () => {
    dataset(hard)
    await run({ file: file('some.jsonl'), format: 'jsonl', filter: { ...exportSettings.shape.filter.parse({}), split: 'held-out', search: 'apo' } })
    expect(readFileSync(file('some.jsonl'), 'utf8').trimEnd().split('\n').map((line) => (JSON.parse(line) as { line: number }).line)).toEqual([4])
    for (const format of ['jsonl', 'csv', 'parquet'] as const) {
      expect(await run({ file: file(`none.${format}`), format, filter: { ...exportSettings.shape.filter.parse({}), search: 'nowhere' } })).toMatchObject({ state: 'done', done: 0, total: 0 })
    }
    expect(readFileSync(file('none.jsonl'), 'utf8')).toBe('')
    expect(readFileSync(file('none.csv'), 'utf8')).toBe('prompt,chosen,rejected,messages,split,line\r\n')
    expect(await parquetReadObjects({ file: await asyncBufferFromFile(file('none.parquet')) })).toEqual([])
  })

  test('with very many columns of their own put the rest into one', async () => {
    dataset(Array.from({ length: 3 }, (_, row) => example(row + 1, { columns: Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`c${row}-${i}`, i])) })))
    await run({ file: file('wide.jsonl'), format: 'jsonl' })
    const rows = readFileSync(file('wide.jsonl'), 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, object>)
    expect(rows[0]).toMatchObject({ 'c0-0': 0, 'c0-149': 149, 'other columns': {} })
    expect(rows[1]).toMatchObject({ 'c1-49': 49, 'other columns': { 'c1-50': 50, 'c1-149': 149 } })
    expect(Object.keys(rows[2]!['other columns']!)).toHaveLength(150)
  })

  test('come back through an import as they were', async () => {
    const id = dataset(Array.from({ length: 600 }, (_, i) => example(i + 1, { chosen: `good ${i}`, rejected: `bad\n${i}`, columns: { score: i, split: i % 2 === 0 ? 'train' : 'held-out' } })))
    await run({ file: file('rows.jsonl'), format: 'jsonl' })
    const imported = await jobs.finished(jobs.start('import', { file: file('rows.jsonl'), format: null, map: {} }).id)
    const parts = (dataset: number): object[] => project.datasets.tasks(dataset, null, null).map(({ line, prompt, messages, chosen, rejected, columns }) => ({ line, prompt, messages, chosen, rejected, score: columns['score'] }))
    expect(parts(imported.subject!)).toEqual(parts(id))
    expect(project.datasets.get(imported.subject!)).toMatchObject({ train: 300, heldOut: 300 })
    await run({ of: imported.subject!, file: file('again.jsonl'), format: 'jsonl' })
    expect(readFileSync(file('again.jsonl'), 'utf8')).toBe(readFileSync(file('rows.jsonl'), 'utf8'))
  })
})

test('rejected rows with their lines and reasons', async () => {
  const id = dataset([example(1)])
  const rejected = Array.from({ length: 2500 }, (_, i) => ({ line: i + 2, reason: i === 0 ? '=bad, "json"' : `reason ${i}` }))
  project.datasets.add(id, [], rejected)
  expect(await run({ what: 'rejected', file: file('rejected.jsonl'), format: 'jsonl' })).toMatchObject({ state: 'done', done: 2500 })
  expect(readFileSync(file('rejected.jsonl'), 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line) as object)).toEqual(rejected)
  await run({ what: 'rejected', file: file('rejected.csv'), format: 'csv' })
  expect(readFileSync(file('rejected.csv'), 'utf8').slice(0, 60)).toMatch(/^line,reason\r\n2,"'=bad, ""json"""\r\n3,reason 1\r\n/)
})

describe('responses', () => {
  beforeEach(() => {
    const id = dataset([example(1), example(2)])
    const collection = project.collections.create(collectSettings.parse({ dataset: id, split: null }), {} as never, 2, 4)
    const tone = project.rewards.choose(collection, 'tone', 'tone', {})
    const prompt = project.rewards.choose(collection, 'prompt', 'column', {})
    for (const [i, task] of project.datasets.tasks(id, null, null).entries()) {
      const response = project.responses.add({ collection, example: task.id, sample: 0, seed: 1, promptText: '<user>', text: ` answer ${i}`, tokens: new Int32Array(3), finish: 'end', shard: 's', offset: 0, states: 3, crc32: 0 })
      project.rewards.add(tone, [i === 0 ? { response, value: 0.25, failure: null } : { response, value: null, failure: 'no' }])
      project.rewards.add(prompt, [{ response, value: i, failure: null }])
    }
  })

  test('have a column for every reward; one that failed has none', async () => {
    await run({ what: 'responses', file: file('r.jsonl'), format: 'jsonl' })
    expect(readFileSync(file('r.jsonl'), 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line) as object)).toEqual([
      { prompt: 'prompt 1', response: ' answer 0', line: 1, split: 'train', sample: 0, tokens: 3, finish: 'end', prompt_: 0, tone: 0.25 },
      { prompt: 'prompt 2', response: ' answer 1', line: 2, split: 'held-out', sample: 0, tokens: 3, finish: 'end', prompt_: 1 }
    ])
    await run({ what: 'responses', file: file('r.parquet'), format: 'parquet' })
    expect((await parquetReadObjects({ file: await asyncBufferFromFile(file('r.parquet')) })).map(({ tone, response }) => [tone, response])).toEqual([[0.25, ' answer 0'], [null, ' answer 1']])
  })

  test("as the public code's array", async () => {
    await run({ what: 'responses', file: file('r.json'), format: 're-control' })
    expect(JSON.parse(readFileSync(file('r.json'), 'utf8'))).toEqual([
      { prompt: 'prompt 1', result: 'prompt 1 answer 0', response: ' answer 0' }, { prompt: 'prompt 2', result: 'prompt 2 answer 1', response: ' answer 1' }
    ])
  })
})

describe('a file', () => {
  beforeEach(() => void dataset(Array.from({ length: 3000 }, (_, i) => example(i + 1))))

  test('that was there is replaced, and only by a whole one', async () => {
    writeFileSync(file('rows.jsonl'), 'earlier')
    const job = start({ file: file('rows.jsonl'), format: 'jsonl' })
    while (!seen.some(({ id, phase, done }) => id === job.id && phase === 'Writing' && done === 0)) await new Promise(setImmediate)
    expect(readdirSync(out)).toHaveLength(2)
    expect(await jobs.stop(job.id)).toMatchObject({ state: 'stopped' })
    expect(readdirSync(out)).toEqual(['rows.jsonl'])
    expect(readFileSync(file('rows.jsonl'), 'utf8')).toBe('earlier')
    await run({ file: file('rows.jsonl'), format: 'jsonl' })
    expect(readFileSync(file('rows.jsonl'), 'utf8').split('\n')).toHaveLength(3001)
  })

  test('is not left half when rows vanish', async () => {
    const job = start({ file: file('rows.csv'), format: 'csv' })
    project.datasets.delete(1)
    expect(await jobs.finished(job.id)).toMatchObject({ state: 'failed' })
    expect(readdirSync(out)).toEqual([])
  })

  test.each([
    [{ file: 'OUT/missing/rows.csv' }, 'not-found', /there is no folder/], [{ file: 'OUT' }, 'bad-request', /not an ordinary file/],
    [{ file: 'OUT/rows.json', format: 're-control' as const }, 'bad-request', /for responses/]
  ])('%j is refused', async (settings, code, message) => {
    const job = await run({ format: 'csv', ...settings, file: settings.file.replace('OUT', out) })
    expect(job).toMatchObject({ state: 'failed', failure: { code, message: expect.stringMatching(message) } })
    expect(readdirSync(out)).toEqual([])
  })

  test('of a data set that is not there is refused at once', () => {
    expect(() => start({ of: 9, file: file('x.csv'), format: 'csv' })).toThrow(/no data set 9/)
    rmSync(out, { recursive: true })
  })
})
