import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Job } from '../../src-main/contract/job.ts'
import { importSettings } from '../../src-main/contract/data.ts'
import { fetchDataWork } from '../../src-main/engine/data/hub/fetch.ts'
import { importWork } from '../../src-main/engine/data/import.ts'
import { previewData } from '../../src-main/engine/data/preview.ts'
import { JobRunner } from '../../src-main/engine/jobs/runner.ts'
import { Project } from '../../src-main/engine/project/project.ts'
import { commit, openHub, type Hub } from '../fixtures/hub.ts'
import { ownDirectory, writeRows } from './studio.ts'

let directory = ''
let project: Project
let jobs: JobRunner

beforeEach(() => {
  directory = ownDirectory()
  project = Project.create(join(directory, 'project'), null)
  jobs = new JobRunner({ import: importWork(join(directory, 'cache')), 'fetch-data': fetchDataWork(join(directory, 'cache')) }, () => {})
  jobs.setProject(project)
})
afterEach(() => project.close())

const file = (name: string): string => join(directory, name)
const run = (path: string, settings: object = {}): Promise<Job> => jobs.finished(jobs.start('import', { file: path, format: null, map: {}, ...settings }).id)
const write = (name: string, content: string | Buffer): string => {
  writeFileSync(file(name), content)
  return file(name)
}

describe('an import', () => {
  test('brings every row in, with its line, its side and its other columns', async () => {
    const rows = Array.from({ length: 2500 }, (_, i) => ({ prompt: `prompt ${i}`, chosen: i % 2 === 0 ? `answer ${i}` : undefined, score: i, tags: { a: [i] } }))
    const job = await run(writeRows(file('many.jsonl'), rows))
    expect(job).toMatchObject({ kind: 'import', state: 'done', done: 2500, total: 2500, unit: 'rows', failure: null })
    const dataset = project.datasets.get(job.subject as number)
    expect(dataset).toMatchObject({ name: 'many', source: file('many.jsonl'), format: 'prompts', examples: 2500, rejected: 0 })
    expect(dataset.train + dataset.heldOut).toBe(2500)
    expect(dataset.heldOut / 2500).toBeCloseTo(0.2, 1)
    const tasks = project.datasets.tasks(dataset.id, null, null)
    expect(tasks.map(({ line, prompt, columns }) => ({ line, prompt, columns }))).toEqual(rows.map((row, i) => ({ line: i + 1, prompt: row.prompt, columns: { score: i, tags: { a: [i] } } })))
    expect(tasks.slice(0, 2).map((task) => task.chosen)).toEqual(['answer 0', null])
  })

  test('keeps the good rows and reports each bad one with its line in the file', async () => {
    const job = await run(write('mixed.jsonl', Buffer.concat([
      Buffer.from('{"prompt": "one"}\r\n\n{"prompt": \n["list"]\n{"prompt": 3}\n'), Buffer.of(0xff, 10), Buffer.from('{"prompt": "two"}\n{"prompt": NaN}\n{"prompt": "three"}')
    ])))
    expect(job.state).toBe('done')
    const id = job.subject as number
    expect(project.datasets.tasks(id, null, null).map(({ line, prompt }) => [line, prompt])).toEqual([[1, 'one'], [7, 'two'], [9, 'three']])
    const rejected = project.datasets.rejected(id, 0, 100)
    expect(rejected.map((row) => row.line)).toEqual([3, 4, 5, 6, 8])
    expect(rejected.map((row) => row.reason)).toEqual([
      expect.stringContaining('not JSON'), 'it is not a JSON object', 'its "prompt" is not text', 'it is not valid UTF-8', expect.stringContaining('not JSON')
    ])
    expect(project.datasets.rejected(id, 2, 2).map((row) => row.line)).toEqual([5, 6])
  })

  // looked up in a plain object these words are functions, and SQLite takes none
  test('words that every object inherits are no split, and no reason to give up the file', async () => {
    const rows = ['constructor', '__proto__', 'toString'].map((split, i) => ({ prompt: `prompt ${i}`, split }))
    const job = await run(writeRows(file('hostile.jsonl'), rows))
    expect(job).toMatchObject({ state: 'done', failure: null })
    expect(project.datasets.get(job.subject as number).examples).toBe(3)
  })

  test('takes a mapped column and an own split column', async () => {
    const rows = [{ question: 'a', split: 'train' }, { question: 'b', split: 'test' }, { question: 'c', split: 'held-out' }]
    const job = await run(writeRows(file('split.jsonl'), rows), { map: { prompt: 'question' } })
    const id = job.subject as number
    expect(project.datasets.tasks(id, 'train', null).map((t) => t.prompt)).toEqual(['a'])
    expect(project.datasets.tasks(id, 'held-out', null).map((t) => t.prompt)).toEqual(['b', 'c'])
    expect(project.datasets.tasks(id, null, 2).map((t) => t.prompt)).toEqual(['a', 'b'])
  })

  test('keeps the rows before a break in the file, and says where it broke', async () => {
    const packed = gzipSync(Array.from({ length: 5000 }, (_, i) => `{"prompt": "prompt ${i * 7919}"}`).join('\n'))
    const job = await run(write('cut.jsonl.gz', packed.subarray(0, packed.length - 100)))
    expect(job).toMatchObject({ state: 'done', failure: null })
    const { id, examples } = project.datasets.get(job.subject as number)
    expect(examples).toBeGreaterThan(1000)
    expect(project.datasets.rejected(id, 0, 10)).toEqual([{ line: examples + 1, reason: 'the file breaks off here: unexpected end of file' }])
  })

  test('reads what a file is and not what it is called', async () => {
    const job = await run(write('text.jsonl.gz', '{"prompt": "q"}\n'))
    expect(project.datasets.get(job.subject as number)).toMatchObject({ name: 'text', examples: 1, rejected: 0 })
  })

  test('reads a packed file', async () => {
    const job = await run(write('packed.jsonl.gz', gzipSync('{"prompt": "one"}\n{"prompt": "two"}\n')))
    expect(project.datasets.get(job.subject as number)).toMatchObject({ name: 'packed', examples: 2 })
  })

  test('that was interrupted starts again, without a row twice', async () => {
    const path = writeRows(file('again.jsonl'), Array.from({ length: 3000 }, (_, i) => ({ prompt: `prompt ${i}` })))
    const { id } = jobs.start('import', { file: path, format: null, map: {} })
    while (project.datasets.list().length === 0) await new Promise(setImmediate)
    expect((await jobs.pause(id)).state).toBe('paused')
    jobs.resume(id)
    const job = await jobs.finished(id)
    expect(job.state).toBe('done')
    expect(project.datasets.list().map((d) => [d.id, d.examples])).toEqual([[job.subject, 3000]])
  })
})

describe('a large import', () => {
  const rows = 100_000
  const large = (): string => write('large.jsonl', Array.from({ length: rows }, (_, i) => `{"prompt": "prompt ${i}", "chosen": "${'an answer of some length '.repeat(8)}", "score": ${i}}`).join('\n'))

  test('leaves the process to others all the while, and its memory as it is', async () => {
    const path = large()
    const peak = process.resourceUsage().maxRSS
    let turns = 0
    const { id } = jobs.start('import', { file: path })
    const others = setInterval(() => turns++, 0)
    const job = await jobs.finished(id)
    clearInterval(others)
    expect(job).toMatchObject({ state: 'done', done: rows })
    expect(project.datasets.get(job.subject as number).examples).toBe(rows)
    expect(turns).toBeGreaterThan(rows / 2000) // between any two transactions
    expect((process.resourceUsage().maxRSS - peak) / 1024).toBeLessThan(100)
  })

  test.each(['pause', 'stop', 'discard'] as const)('%s: nothing is left behind', async (how) => {
    const { id } = jobs.start('import', { file: large() })
    while ((project.datasets.list()[0]?.examples ?? 0) < 5000) await new Promise(setImmediate)
    expect((await jobs[how](id)).state).toBe(how === 'pause' ? 'paused' : 'stopped')
    expect(project.datasets.list()).toEqual([])
    expect(project.summary().counts.examples).toBe(0)
  })
})

describe('a file of the hub', () => {
  let hub: Hub
  const named = `hf://datasets/o/n@${commit}/data/rows.jsonl`

  beforeEach(async () => {
    hub = await openHub()
    hub.files.set('data/rows.jsonl', Buffer.from('{"prompt": "a"}\n{"prompt": "b"}\n'))
    vi.stubEnv('HF_ENDPOINT', hub.url)
    onTestFinished(async () => {
      vi.unstubAllEnvs()
      await hub.close()
    })
  })

  test('is fetched by its import, and stays for the next one', async () => {
    const job = await run(named)
    expect(job).toMatchObject({ state: 'done', failure: null })
    expect(project.datasets.get(job.subject as number)).toMatchObject({ name: 'rows', source: named, examples: 2 })
    const asked = hub.requests.length
    expect(await run(named)).toMatchObject({ state: 'done' })
    expect(hub.requests).toHaveLength(asked)
  })

  test('can be fetched alone', async () => {
    expect(await jobs.finished(jobs.start('fetch-data', { file: named }).id)).toMatchObject({ state: 'done', unit: 'bytes', title: 'Fetch rows.jsonl' })
    expect((await previewData(importSettings.parse({ file: named }), join(directory, 'cache'))).rows).toHaveLength(2)
  })

  test('that cannot be fetched fails the import, which leaves nothing', async () => {
    hub.files.clear()
    expect(await run(named)).toMatchObject({ state: 'failed', failure: { code: 'not-found' } })
    expect(project.datasets.list()).toEqual([])
  })
})

test('the preview says on which side each row would be, and what is suspicious about it', async () => {
  const path = writeRows(file('suspicious.jsonl'), Array.from({ length: 30 }, (_, i) => ({ prompt: `Say this: answer number ${i}`, chosen: `answer number ${i}` })))
  const settings = importSettings.parse({ file: path, heldOut: 0.5, seed: 3 })
  const preview = await previewData(settings, '')
  expect(preview.parts).toEqual(['prompt', 'chosen', 'rejected', 'split'])
  expect(new Set(preview.rows.flatMap(({ warnings }) => warnings))).toEqual(new Set(['its prompt contains the chosen answer']))
  const { subject } = await run(path, { heldOut: 0.5, seed: 3 })
  const heldOut = project.datasets.tasks(subject as number, 'held-out', null).map(({ line }) => line)
  expect(preview.rows.filter(({ split }) => split === 'held-out').map(({ line }) => line)).toEqual(heldOut.filter((line) => line <= 20))
})

test('a data set can be discarded with its job while that is not done; the file stays', async () => {
  const path = writeRows(file('discarded.jsonl'), Array.from({ length: 3000 }, (_, i) => ({ prompt: `prompt ${i}` })))
  const { id } = jobs.start('import', { file: path, format: null, map: {} })
  while (project.datasets.list().length === 0) await new Promise(setImmediate)
  await jobs.discard(id)
  expect(project.datasets.list()).toEqual([])
  expect(project.summary().counts.examples).toBe(0)
  expect(readFileSync(path, 'utf8')).toContain('prompt 2999')
})

describe('a file that cannot be imported leaves nothing behind', () => {
  const cases: [string, () => string, string, RegExp][] = [
    ['one that is not there', () => file('none.jsonl'), 'not-found', /no file/],
    ['a folder', () => { mkdirSync(file('folder')); return file('folder') }, 'not-usable', /folder/],
    ['an empty one', () => write('empty.jsonl', ''), 'not-usable', /empty/],
    ['blank lines', () => write('blank.jsonl', '\n \r\n\n'), 'not-usable', /no rows/],
    ['one without a usable row', () => write('bad.jsonl', '\n{"x": 1}\nnope\n'), 'not-usable', /no usable row; line 2/],
    ['a .gz that is cut off before its first row ends', () => write('cut.jsonl.gz', gzipSync(`{"prompt": "${'x'.repeat(1000)}"}`).subarray(0, 20)), 'not-usable', /no usable row; line 1: the file breaks off here: unexpected end of file/],
    ['a zip archive', () => write('data.zip', Buffer.from('PK\x03\x04 and so on')), 'not-usable', /zip archive/],
    ['UTF-16', () => write('utf16.jsonl', Buffer.from('\ufeff{"prompt": "q"}', 'utf16le')), 'not-usable', /UTF-16/],
    ['a device', () => { symlinkSync('/dev/zero', file('zero.jsonl')); return file('zero.jsonl') }, 'not-usable', /not an ordinary file/]
  ]
  test.each(cases)('%s', async (_what, make, code, message) => {
    const job = await run(make())
    expect(job).toMatchObject({ state: 'failed', failure: { code, message: expect.stringMatching(message) } })
    expect(project.datasets.list()).toEqual([])
    expect(project.summary().counts.examples).toBe(0)
  })

  test.each(cases.slice(0, 4))('nor can it be previewed: %s', async (_what, make, code) => {
    await expect(previewData(importSettings.parse({ file: make() }), join(directory, 'cache'))).rejects.toThrow(expect.objectContaining({ code }))
  })
})
