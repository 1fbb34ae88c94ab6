/** The examples of data sets in a project: adding, browsing, deleting; and how those of older projects come along. */
import Database from 'better-sqlite3'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { collectSettings } from '../../src-main/contract/collect.ts'
import { exampleFilter, type ExampleOrder } from '../../src-main/contract/data.ts'
import { evaluateSettings } from '../../src-main/contract/evaluate.ts'
import { methods } from '../../src-main/contract/methods.ts'
import { createHandlers } from '../../src-main/engine/handlers.ts'
import { migrate as first } from '../../src-main/engine/project/migrations/0001-first.ts'
import { migrate as second } from '../../src-main/engine/project/migrations/0002-value-function-manifest.ts'
import { migrate as third } from '../../src-main/engine/project/migrations/0003-labellings.ts'
import type { NewExample } from '../../src-main/engine/project/datasets.ts'
import { Project } from '../../src-main/engine/project/project.ts'
import { openStudio, ownDirectory, writeRows } from './studio.ts'

let directory = ''
let project: Project

beforeEach(() => {
  directory = join(ownDirectory(), 'project')
  project = Project.create(directory, null)
})
afterEach(() => project.close())

const reopen = (): void => {
  project.close()
  project = Project.open(directory)
}

function example(line: number, parts: Partial<NewExample> = {}): NewExample {
  const prompt = parts.prompt ?? `prompt ${line}`
  return { line, split: 'train', prompt, messages: [{ role: 'user', content: prompt }], chosen: null, rejected: null, columns: {}, ...parts }
}

function dataset(examples: NewExample[], options: { dropDuplicates?: boolean } = {}): number {
  const id = project.datasets.create('rows', 'rows.jsonl', 'prompts')
  project.datasets.add(id, examples, [], options)
  return id
}

async function lines(id: number, filter: object = {}, order: ExampleOrder = 'line', offset = 0, limit = 500): Promise<number[]> {
  const { examples } = await project.examples.page({ dataset: id, filter: exampleFilter.parse(filter), order }, offset, limit)
  return examples.map(({ line }) => line)
}

const count = (table: string): number => {
  project.close()
  const db = new Database(join(directory, 'project.db'))
  const rows = db.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number
  db.close()
  project = Project.open(directory)
  return rows
}

describe('adding', () => {
  const turn = { role: 'assistant', content: 'b' } as const
  const repeated = [
    example(1, { prompt: 'a', chosen: 'x' }), example(2, { prompt: 'a', chosen: 'x', split: 'held-out', columns: { other: 1 } }), example(3, { prompt: 'a', chosen: 'y' }), example(4, { prompt: 'a', rejected: 'x' }),
    example(5, { prompt: 'a', chosen: 'x', messages: [{ role: 'user', content: 'a' }, turn, { role: 'user', content: 'c' }] }), example(6, { prompt: 'a', chosen: 'x' })
  ]

  test('marks what repeats an earlier prompt, conversation and answers, also across additions', async () => {
    const id = dataset(repeated)
    reopen()
    project.datasets.add(id, [example(7, { prompt: 'a', chosen: 'y' }), example(8, { prompt: 'new' })], [{ line: 9, reason: 'bad' }])
    expect(project.datasets.get(id)).toMatchObject({ examples: 8, train: 7, heldOut: 1, duplicates: 3, rejected: 1 })
    const { examples } = await project.examples.page({ dataset: id, filter: exampleFilter.parse({}), order: 'line' }, 0, 500)
    expect(examples.map(({ line, duplicateOf }) => [line, duplicateOf])).toEqual([[1, null], [2, 1], [3, null], [4, null], [5, null], [6, 1], [7, 3], [8, null]])
    expect(await lines(id, { duplicates: 'repeated' })).toEqual([2, 6, 7])
    expect(await lines(id, { duplicates: 'first' })).toEqual([1, 3, 4, 5, 8])
  })

  test('can drop them: they are rejected rows with the line that they repeat', async () => {
    const id = dataset(repeated, { dropDuplicates: true })
    expect(project.datasets.get(id)).toMatchObject({ examples: 4, duplicates: 0, rejected: 2 })
    expect(project.datasets.rejected(id, 0, 10)).toEqual([{ line: 2, reason: 'it repeats line 1' }, { line: 6, reason: 'it repeats line 1' }])
    expect(await lines(id, { search: 'a' })).toEqual([1, 3, 4, 5])
  })

  test('that fails leaves nothing, and what it held is not taken for a repetition later', () => {
    const id = dataset([example(1)])
    const broken = { ...example(3), split: 'nowhere' as 'train' }
    expect(() => project.datasets.add(id, [example(2), broken], [])).toThrow(/CHECK/)
    project.datasets.add(id, [example(2)], [], { dropDuplicates: true })
    expect(project.datasets.get(id)).toMatchObject({ examples: 2, rejected: 0, duplicates: 0 })
  })

  test('messages come back as they were, kept or not', () => {
    const conversation = [{ role: 'system', content: 'be brief' }, { role: 'user', content: 'q' }] as const
    const id = dataset([example(1, { prompt: 'q' }), example(2, { prompt: 'q', messages: [...conversation] }), example(3, { prompt: 'q', messages: [] })])
    expect(project.datasets.tasks(id, null, null).map(({ messages }) => messages)).toEqual([[{ role: 'user', content: 'q' }], conversation, []])
    expect(project.examples.get(project.datasets.tasks(id, null, 1)[0]!.id).messages).toEqual([{ role: 'user', content: 'q' }])
  })
})

describe('browsing', () => {
  // more than one block, with words of every frequency; held-out every fifth, and lengths that do not follow the lines
  const rows = 20_000
  const words = (i: number): string => `every row${i} ${i % 2 === 0 ? 'even' : 'odd'} ${i % 4000 === 7 ? 'seldom' : ''} ${'x'.repeat((i * 7919) % 101)}`
  const examples = Array.from({ length: rows }, (_, i) => example(i + 1, {
    prompt: words(i), split: i % 5 === 0 ? 'held-out' : 'train', chosen: i % 3 === 0 ? 'kept Answer' : null, rejected: i % 3 === 1 || i % 6 === 0 ? 'worse' : null
  }))
  const matching = (passes: (i: number) => boolean): number[] => examples.flatMap((_, i) => (passes(i) ? [i + 1] : []))
  const lengthOf = (i: number): number => words(i).length + (examples[i]!.chosen?.length ?? 0) + (examples[i]!.rejected?.length ?? 0)
  let id = 0

  beforeEach(() => {
    id = project.datasets.create('rows', 'rows.jsonl', 'prompts')
    const other = dataset([example(1, { prompt: 'every seldom even odd' })])
    for (let from = 0; from < rows; from += 3000) {
      project.datasets.add(id, examples.slice(from, from + 3000), [])
      project.datasets.add(other, [example(from + 2)], []) // ids of a data set are not in one piece
    }
  })

  test('filters, orders and pages give what going through every row gives', async () => {
    const filters: [object, (i: number) => boolean][] = [
      [{}, () => true],
      [{ split: 'held-out' }, (i) => i % 5 === 0],
      [{ answers: 'pair' }, (i) => i % 6 === 0],
      [{ answers: 'none', split: 'train' }, (i) => i % 3 === 2 && i % 5 !== 0],
      [{ minLength: 100, maxLength: 110 }, (i) => lengthOf(i) >= 100 && lengthOf(i) <= 110],
      [{ search: 'seldom' }, (i) => i % 4000 === 7],
      [{ search: 'seld' }, (i) => i % 4000 === 7],
      [{ search: 'even row1 e' }, (i) => i % 2 === 0 && String(i).startsWith('1')],
      [{ search: 'odd', split: 'held-out', maxLength: 60 }, (i) => i % 2 === 1 && i % 5 === 0 && lengthOf(i) <= 60],
      [{ search: '"kept answer" even' }, (i) => i % 6 === 0],
      [{ search: '"answer kept"' }, () => false],
      [{ search: 'seldom worse' }, (i) => i % 4000 === 7 && examples[i]!.rejected !== null]
    ]
    for (const [filter, passes] of filters) {
      const expected = matching(passes)
      expect(await lines(id, filter)).toEqual(expected.slice(0, 500))
      const deep = Math.max(0, expected.length - 30)
      expect(await lines(id, filter, 'line', deep, 50)).toEqual(expected.slice(deep))
      const sorted = [...expected].sort((a, b) => lengthOf(a - 1) - lengthOf(b - 1) || a - b)
      expect(await lines(id, filter, 'shortest', 0, 200)).toEqual(sorted.slice(0, 200))
      sorted.sort((a, b) => lengthOf(b - 1) - lengthOf(a - 1) || a - b)
      expect(await lines(id, filter, 'longest', 3, 200)).toEqual(sorted.slice(3, 203))
      const { total, exact } = await project.examples.page({ dataset: id, filter: exampleFilter.parse(filter), order: 'shortest' }, 0, 1)
      expect([total, exact]).toEqual([expected.length, true])
    }
  })

  test('a total that is not exact is a lower bound, and grows to the exact one on the way to the end', async () => {
    const query = { dataset: id, filter: exampleFilter.parse({ search: 'every' }), order: 'line' as const }
    const page = await project.examples.page(query, 0, 100)
    expect(page.total).toBeLessThanOrEqual(rows)
    expect(page.total).toBeGreaterThanOrEqual(100)
    expect(page.exact).toBe(page.total === rows)
    expect(await project.examples.page(query, rows - 10, 100)).toMatchObject({ total: rows, exact: true, examples: { length: 10 } })
    expect(await project.examples.page(query, rows + 10, 100)).toMatchObject({ total: rows, examples: [] })
  })

  test('searches that overlap in time do not disturb each other', async () => {
    const found = await Promise.all(['e', 'ev', 'eve', 'even', 'seldom', 'odd', 'even', 'nowhere'].map((search) => lines(id, { search }, 'longest', 0, 20)))
    for (const [i, search] of ['e', 'ev', 'eve', 'even', 'seldom', 'odd', 'even', 'nowhere'].entries()) expect(found[i]).toEqual(await lines(id, { search }, 'longest', 0, 20))
  })

  test('what is added while somebody browses is found', async () => {
    expect(await lines(id, { search: 'brandnew' })).toEqual([])
    project.datasets.add(id, [example(rows + 1, { prompt: 'brandnew', split: 'held-out' })], [])
    expect(await lines(id, { search: 'brandnew' })).toEqual([rows + 1])
    expect(await lines(id, { split: 'held-out' }, 'line', 4000, 10)).toEqual([rows + 1])
  })

  test.each([
    ['missing', () => rmSync(join(directory, 'search.db'))],
    ['not a database', () => writeFileSync(join(directory, 'search.db'), 'x'.repeat(5000))],
    ['behind', () => {
      const db = new Database(join(directory, 'search.db'))
      const blocks = db.prepare('SELECT id FROM blocks').pluck().all() as number[]
      for (const block of blocks.slice(1, 3)) db.exec(`DROP TABLE block${block}; DELETE FROM blocks WHERE id = ${block}`)
      db.close()
    }]
  ])('an index that is %s is made again', async (_what, harm) => {
    project.close()
    harm()
    project = Project.open(directory)
    expect(await lines(id, { search: 'seldom' })).toEqual(matching((i) => i % 4000 === 7))
    project.datasets.add(id, [example(rows + 1, { prompt: 'another seldom' })], [])
    expect((await lines(id, { search: 'seldom' })).at(-1)).toBe(rows + 1)
  })
})

describe('one example', () => {
  test('is whole, and in a list its end is enough', async () => {
    const prompt = `begin\n\n${'long '.repeat(100_000)}\tthe   end.`
    const columns = { score: 1, nested: { a: [1] }, huge: 'y'.repeat(50_000), nothing: null }
    const id = dataset([example(1, { prompt, chosen: 'c', columns }), example(2, { prompt: '  short\nprompt ' })])
    const { examples } = await project.examples.page({ dataset: id, filter: exampleFilter.parse({}), order: 'line' }, 0, 10)
    expect(examples[0]).toMatchObject({ line: 1, answers: 'chosen', length: prompt.length + 1, duplicateOf: null, excerpt: expect.stringMatching(/long the end\.$/) })
    expect(examples[0]!.excerpt.length).toBeLessThanOrEqual(300)
    expect(examples[1]!.excerpt).toBe('short prompt')
    expect(JSON.stringify(examples).length).toBeLessThan(1000)
    const whole = project.examples.get(examples[0]!.id)
    expect(whole).toMatchObject({ prompt, chosen: 'c', rejected: null, messages: [{ role: 'user', content: prompt }] })
    expect(whole.columns.map(({ name, value }) => [name, value.slice(0, 12)])).toEqual([['score', '1'], ['nested', '{"a":[1]}'], ['huge', 'yyyyyyyyyyyy'], ['nothing', 'null']])
    expect(whole.columns[2]!.value.length).toBeLessThan(11_000)
    expect(() => project.examples.get(99)).toThrow(/no example 99/)
  })
})

/** A collection with a response to every example, each labelled with its line. */
function collect(id: number, name = 'line'): number {
  const settings = collectSettings.parse({ dataset: id, split: null })
  const collection = project.collections.create(settings, {} as never, 1, 4)
  const labelling = project.rewards.choose(collection, name, 'column', {})
  for (const task of project.datasets.tasks(id, null, null)) {
    const response = project.responses.add({ collection, example: task.id, sample: 0, seed: 1, promptText: '', text: 'r', tokens: new Int32Array(1), finish: 'end', shard: 's', offset: 0, states: 1, crc32: 0 })
    project.rewards.add(labelling, [task.line === 2 ? { response, value: null, failure: 'no' } : { response, value: task.line, failure: null }])
  }
  return collection
}

test('a filter by reward takes examples with a response within the bounds, and sees new labels', async () => {
  const id = dataset([1, 2, 3, 4].map((line) => example(line)))
  const collection = collect(id)
  collect(dataset([example(1)]))
  expect(await lines(id, { reward: { name: 'line', min: 3 } })).toEqual([3, 4])
  expect(await lines(id, { reward: { name: 'line', max: 3 } })).toEqual([1, 3])
  expect(await lines(id, { reward: { name: 'line' }, search: 'prompt' }, 'longest')).toEqual([1, 3, 4])
  expect(await lines(id, { reward: { name: 'other' } })).toEqual([])
  const [, second] = project.responses.ids(collection)
  project.rewards.add(project.rewards.labelling(collection, 'line').id, [{ response: second!, value: 3.5, failure: null }])
  expect(await lines(id, { reward: { name: 'line', min: 3 } })).toEqual([2, 3, 4])
})

describe('deleting a data set', () => {
  const gone = async (): Promise<void> => {
    while (count('datasets WHERE deleted = 1') > 0) await new Promise((resolve) => setTimeout(resolve, 20))
  }

  test('takes its rows, blocks and index, and no others', async () => {
    const id = dataset(Array.from({ length: 3000 }, (_, i) => example(i + 1)))
    project.datasets.add(id, [], [{ line: 9000, reason: 'bad' }])
    const other = dataset([example(1, { prompt: 'stays here' })])
    project.datasets.delete(id)
    expect(project.datasets.list().map((d) => d.id)).toEqual([other])
    expect(project.summary().counts).toMatchObject({ datasets: 1, examples: 1 })
    expect(() => project.datasets.get(id)).toThrow(/no data set/)
    await expect(lines(id)).rejects.toThrow(/no data set/)
    await gone()
    expect([count('datasets'), count('examples'), count('exampleBlocks'), count('rejectedRows')]).toEqual([1, 1, 1, 0])
    expect(await lines(other, { search: 'stays' })).toEqual([1])
    project.close()
    const index = new Database(join(directory, 'search.db'))
    expect(index.prepare('SELECT count(*) FROM blocks').pluck().get()).toBe(1)
    index.close()
    project = Project.open(directory)
  })

  test('that is interrupted goes on when the project is opened, and shows nothing in between', async () => {
    const id = dataset(Array.from({ length: 3000 }, (_, i) => example(i + 1)))
    project.datasets.delete(id)
    reopen()
    expect(project.datasets.list()).toEqual([])
    await gone()
    expect([count('datasets'), count('examples'), count('exampleBlocks')]).toEqual([0, 0, 0])
  })

  test('is refused while collections or evaluations are made of it', () => {
    const id = dataset([example(1)])
    expect(() => project.datasets.refuseUsed(id)).not.toThrow()
    const collection = collect(id)
    expect(() => project.datasets.refuseUsed(id)).toThrow('rows cannot be deleted: 1 collection of this project is made of it')
    project.evaluations.create(evaluateSettings.parse({ dataset: id, methods: [{ name: 'base' }] }), {} as never)
    project.collections.create(collectSettings.parse({ dataset: id }), {} as never, 1, 4)
    expect(() => project.datasets.refuseUsed(id)).toThrow('2 collections and 1 evaluation of this project are made of it')
    project.collections.delete(collection)
    expect(project.datasets.list()).toHaveLength(1)
  })
})

test('a project of version 3 comes along with its rows, responses and rewards', async () => {
  project.close()
  rmSync(directory, { recursive: true })
  mkdirSync(join(directory, 'states'), { recursive: true })
  const old = new Database(join(directory, 'project.db'))
  old.pragma('foreign_keys = ON')
  for (const migrate of [first, second, third]) migrate(old)
  old.pragma('user_version = 3')
  const messages = (prompt: string): string => JSON.stringify([{ role: 'user', content: prompt }])
  const turns = JSON.stringify([{ role: 'user', content: 'a' }, { role: 'assistant', content: 'b' }, { role: 'user', content: 'c' }])
  old.exec("INSERT INTO project (id, name, created) VALUES ('p', 'old', '')")
  for (const name of ['one', 'empty', 'two']) old.prepare("INSERT INTO datasets (name, source, format, imported) VALUES (?, 's', 'hh-rlhf', '')").run(name)
  const add = old.prepare("INSERT INTO examples (dataset, line, split, prompt, messages, chosen, rejected, columns) VALUES (?, ?, ?, ?, ?, ?, ?, '{\"score\":1}')")
  const long = 'long '.repeat(5000)
  add.run(1, 1, 'train', 'first prompt', messages('first prompt'), 'yes', 'no')
  add.run(3, 1, 'train', 'first prompt', messages('first prompt'), 'yes', 'no')
  add.run(1, 2, 'held-out', 'second', turns, null, null)
  add.run(1, 4, 'train', 'first prompt', messages('first prompt'), 'yes', 'no')
  add.run(1, 5, 'train', long, messages(long), null, 'no')
  old.exec(`
    INSERT INTO rejectedRows VALUES (1, 3, 'bad');
    INSERT INTO collections (dataset, settings, manifest, planned, inputDim, created) VALUES (1, '{"dataset":1}', '{}', 1, 4, '');
    INSERT INTO responses (collection, example, sample, seed, promptText, text, tokens, finish, shard, offset, states, crc32) VALUES (1, 3, 0, 1, '', 'r', x'', 'end', 's', 0, 1, 0);
    INSERT INTO labellings (collection, name, source, settings, counts) VALUES (1, 'tone', 'tone', '{}', 1);
    INSERT INTO labels VALUES (1, 1, 0.5, NULL);
    INSERT INTO skippedExamples VALUES (1, 1, 0, 'too long');
    INSERT INTO evaluations (dataset, settings, manifest, created, timings) VALUES (1, '{}', '{}', '', '[]');
    INSERT INTO evaluationResponses VALUES (1, 0, 3, 't', 1, NULL, NULL, NULL);
  `)
  old.close()

  project = Project.open(directory)
  expect(project.datasets.list().map(({ name, examples, train, heldOut, duplicates, rejected }) => ({ name, examples, train, heldOut, duplicates, rejected }))).toEqual([
    { name: 'one', examples: 4, train: 3, heldOut: 1, duplicates: 1, rejected: 1 },
    { name: 'empty', examples: 0, train: 0, heldOut: 0, duplicates: 0, rejected: 0 },
    { name: 'two', examples: 1, train: 1, heldOut: 0, duplicates: 0, rejected: 0 }
  ])
  expect(project.datasets.tasks(1, null, null).map(({ id, line, prompt, chosen, rejected, columns }) => ({ id, line, prompt, chosen, rejected, columns }))).toEqual([
    { id: 1, line: 1, prompt: 'first prompt', chosen: 'yes', rejected: 'no', columns: { score: 1 } }, { id: 3, line: 2, prompt: 'second', chosen: null, rejected: null, columns: { score: 1 } },
    { id: 4, line: 4, prompt: 'first prompt', chosen: 'yes', rejected: 'no', columns: { score: 1 } }, { id: 5, line: 5, prompt: long, chosen: null, rejected: 'no', columns: { score: 1 } }
  ])
  expect(project.datasets.tasks(1, null, 2).map((task) => task.messages)).toEqual([JSON.parse(messages('first prompt')), JSON.parse(turns)])
  expect(await lines(1, { search: 'first y' })).toEqual([1, 4])
  expect(await lines(1, { duplicates: 'repeated' })).toEqual([4])
  expect(await lines(1, { reward: { name: 'tone', min: 0 } })).toEqual([2])
  expect(await lines(1, {}, 'longest')).toEqual([5, 1, 4, 2])
  expect(project.responses.ids(1)).toEqual([1])
  project.datasets.add(1, [example(6, { prompt: 'second', messages: JSON.parse(turns) as NewExample['messages'] })], [], { dropDuplicates: true })
  expect(project.datasets.rejected(1, 0, 10)).toContainEqual({ line: 6, reason: 'it repeats line 2' })
  expect([count('responses'), count('labels'), count('skippedExamples'), count('evaluationResponses'), count('examples')]).toEqual([1, 1, 1, 1, 5])
  project.close()
  const db = new Database(join(directory, 'project.db'))
  expect(db.pragma('foreign_key_check')).toEqual([])
  expect(db.pragma('integrity_check', { simple: true })).toBe('ok')
  expect(() => db.exec('DELETE FROM examples WHERE id = 3')).not.toThrow()
  expect(db.prepare('SELECT count(*) FROM responses').pluck().get()).toBe(0) // what refers to examples refers to the new table
  db.close()
  expect(existsSync(join(directory, 'search.db'))).toBe(true)
  project = Project.open(directory)
})

test('the methods of the contract: pages, one example, deletion and why it is refused', async () => {
  const studio = await openStudio()
  try {
    const handlers = createHandlers(studio.engine)
    const id = await studio.importRows([{ prompt: 'one', chosen: 'a', rejected: 'b', score: 3 }, { prompt: 'two' }])
    const page = await handlers['data.examples'](methods['data.examples'].input.parse({ dataset: id, filter: { search: 'o' } }))
    expect(methods['data.examples'].output.parse(page)).toMatchObject({ total: 1, exact: true, examples: [{ line: 1, answers: 'pair', excerpt: 'one' }] })
    const whole = await handlers['data.example']({ example: page.examples[0]!.id })
    expect(methods['data.example'].output.parse(whole)).toMatchObject({ prompt: 'one', chosen: 'a', rejected: 'b', columns: [{ name: 'score', value: '3' }] })

    const collection = studio.project.collections.create(collectSettings.parse({ dataset: id }), {} as never, 1, 4)
    expect(() => handlers['data.delete']({ dataset: id })).toThrow(/1 collection of this project is made of it/)
    studio.project.collections.delete(collection)
    expect(handlers['data.delete']({ dataset: id })).toEqual({})
    expect(studio.project.summary().counts).toMatchObject({ datasets: 0, examples: 0 })
    expect(() => handlers['data.delete']({ dataset: id })).toThrow(/no data set/)

    const file = writeRows(join(studio.directory, 'many.jsonl'), Array.from({ length: 5000 }, (_, i) => ({ prompt: `row ${i}` })))
    const job = studio.engine.jobs.start('import', { file, format: null, map: {} })
    while (studio.project.datasets.list().length === 0) await new Promise(setImmediate)
    expect(() => handlers['data.delete']({ dataset: studio.project.datasets.list()[0]!.id })).toThrow(/still being imported/)
    await studio.engine.jobs.discard(job.id)
    expect(studio.project.datasets.list()).toEqual([])
  } finally {
    await studio.close()
  }
})
