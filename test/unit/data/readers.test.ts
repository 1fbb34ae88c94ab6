import fc from 'fast-check'
import Papa from 'papaparse'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { readCsv } from '../../../src-main/engine/data/readers/csv.ts'
import { readJson } from '../../../src-main/engine/data/readers/json.ts'
import { readJsonl } from '../../../src-main/engine/data/readers/jsonl.ts'
import type { RawRow, RowBatches } from '../../../src-main/engine/data/row.ts'
import { pieces, read } from './files.ts'

const runs = { numRuns: 150 }
const text = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 30 }), fc.constantFrom('', '"', '""', ',', '\n', '\r\n', 'a"b', '[', '}', '\\', '\\"', 'ä€💬', ' x '))
const lengths = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 60 })
const jsonRow = fc.dictionary(fc.string({ maxLength: 8 }).filter((key) => key !== '__proto__'), fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null), fc.array(text, { maxLength: 3 })), { maxKeys: 5 })

async function rowsFrom(batches: RowBatches): Promise<RawRow[]> {
  return (await Array.fromAsync(batches)).flat()
}
const goodRows = (rows: RawRow[]) => rows.map(({ row, problem }) => (row === null ? problem : row))

describe('however the bytes are cut', () => {
  test('JSON lines give the rows that were written', async () => {
    await fc.assert(fc.asyncProperty(fc.array(jsonRow, { maxLength: 12 }), lengths, fc.constantFrom('\n', '\r\n'), async (rows, cuts, end) => {
      const bytes = Buffer.from(rows.map((row) => JSON.stringify(row) + end).join(''))
      const found = await rowsFrom(readJsonl(pieces(bytes, cuts)))
      expect(goodRows(found)).toEqual(rows)
      expect(found.map(({ line }) => line)).toEqual(rows.map((_, i) => i + 1))
    }), runs)
  })

  test('a JSON list gives the rows that were written, however it is laid out', async () => {
    await fc.assert(fc.asyncProperty(fc.array(jsonRow, { maxLength: 12 }), lengths, fc.constantFrom(undefined, 1, '\t'), fc.boolean(), async (rows, cuts, indent, wrapped) => {
      fc.pre(!wrapped || rows.length > 0)
      const bytes = Buffer.from(JSON.stringify(wrapped ? { version: '1', tags: ['a', [1]], data: rows, end: {} } : rows, null, indent))
      expect(goodRows(await rowsFrom(readJson(pieces(bytes, cuts))))).toEqual(rows)
    }), runs)
  })

  test('CSV gives the cells that were written, and each record its first line', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.tuple(text, text, text), { maxLength: 12 }), lengths, fc.constantFrom(',', ';', '\t', '|'), fc.constantFrom('\n', '\r\n'), async (rows, cuts, delimiter, newline) => {
      const csv = Papa.unparse({ fields: ['a', 'b', 'c'], data: rows }, { delimiter, newline, quotes: true })
      const found = await rowsFrom(readCsv(pieces(Buffer.from(csv), cuts), delimiter))
      expect(goodRows(found)).toEqual(rows.map(([a, b, c]) => ({ a: a || null, b: b || null, c: c || null })))
      const linesIn = (row: string[]) => row.join('').split('\n').length
      expect(found.map(({ line }) => line)).toEqual(rows.map((_, i) => 2 + rows.slice(0, i).reduce((sum, row) => sum + linesIn(row), 0)))
    }), runs)
  })

  test('any bytes at all give the same rows as in one piece, and never stop the readers', async () => {
    const junk = fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.array(fc.constantFrom(...'{}[]",:\\\n\r a1'), { maxLength: 120 }).map((parts) => Buffer.from(parts.join(''))))
    const settled = async (batches: RowBatches) => {
      const rows: RawRow[] = []
      try {
        for await (const batch of batches) rows.push(...batch)
      } catch (error) {
        return { rows, error: String(error) }
      }
      return { rows, error: null }
    }
    await fc.assert(fc.asyncProperty(junk, lengths, async (bytes, cuts) => {
      for (const reader of [readJsonl, readJson, (source: AsyncIterable<Buffer>) => readCsv(source, ',')]) {
        expect(await settled(reader(pieces(bytes, cuts)))).toEqual(await settled(reader(pieces(bytes, []))))
      }
    }), { numRuns: 400 })
  })
})

describe('JSON documents', () => {
  const rows = [{ prompt: 'a' }, { prompt: 'b' }]

  test.each<[string, unknown]>([
    ['a list', rows],
    ['a list under a name', { data: rows }],
    ['beside other things', { version: 2, about: { by: ['x', { y: 1 }] }, rows, count: 2 }],
    ['a list for each column', { prompt: ['a', 'b'] }],
    ['an object for each column, as data frames are saved', { prompt: { 0: 'a', 1: 'b' } }]
  ])('%s', async (_what, document) => {
    expect(await read('rows.json', JSON.stringify(document, null, 2))).toEqual({ good: rows, lines: [1, 2], bad: [] })
    expect((await read('rows.json', JSON.stringify(document))).good).toEqual(rows)
  })

  test('lists named after a side put their rows on it', async () => {
    const { good } = await read('rows.json', JSON.stringify({ train: [{ prompt: 'a' }], test: [{ prompt: 'b', split: 'own' }, { prompt: 'c' }] }))
    expect(good).toEqual([{ prompt: 'a', split: 'train' }, { prompt: 'b', split: 'own' }, { prompt: 'c', split: 'test' }])
  })

  test('one object is one row, and its messages stay its own', async () => {
    const row = { messages: [{ role: 'user', content: 'q' }, { role: 'assistant', content: 'a' }] }
    for (const name of ['one.json', 'one.jsonl']) expect((await read(name, JSON.stringify(row))).good).toEqual([row])
    expect((await read('one.json', JSON.stringify(row, null, 1))).good).toEqual([row])
  })

  test('what is wrong in one row costs no other', async () => {
    const { lines, bad } = await read('rows.json', '[{"a": 1}, {"a": NaN}, {"a": 2}, 7, {"a": 1e999}, [{"a": 3}], {"a": 4} {"a": 5}, {a: 6}, {"a": "}, {"}]')
    expect(lines).toEqual([1, 3, 7, 8, 10])
    expect(bad.map(({ line }) => line)).toEqual([2, 4, 5, 6, 9])
    expect(bad[2]?.reason).toMatch(/too large/)
  })

  test('bytes that are no UTF-8 cost their row', async () => {
    const { good, bad } = await read('rows.json', Buffer.concat([Buffer.from('[{"a": "x"}, {"a": "'), Buffer.of(0xff), Buffer.from('"}, {"a": "y"}]')]))
    expect(good).toEqual([{ a: 'x' }, { a: 'y' }])
    expect(bad).toEqual([{ line: 2, reason: 'it is not valid UTF-8' }])
  })

  test.each([
    ['within a row', '[{"a": 1}, {"a": 2}, {"a', 2, /breaks off here: the file ends within row 3/],
    ['between rows', '[{"a": 1}, {"a": 2},', 2, /breaks off here: the list of rows has no end/],
    ['within the object around the list', '{"data": [{"a": 1}]', 1, /breaks off here: the list of rows has no end/]
  ])('a document that ends %s keeps the rows before', async (_where, document, rows, reason) => {
    const { good, bad } = await read('cut.json', document)
    expect(good).toHaveLength(rows)
    expect(bad).toEqual([{ line: rows + 1, reason: expect.stringMatching(reason) }])
  })

  test('more behind the end is told once', async () => {
    const { good, bad } = await read('rows.json', '[{"a": 1}] [{"a": 2}] x')
    expect(good).toEqual([{ a: 1 }])
    expect(bad).toEqual([{ line: 2, reason: expect.stringMatching(/behind the end/) }])
  })
})

describe('CSV', () => {
  test.each([
    ['commas', 'prompt,score\n"a, b",1\nc,2\n'],
    ['semicolons', 'prompt;score\n"a, b";1\nc;2\n'],
    ['tabs', 'prompt\tscore\na, b\t1\nc\t2\n'],
    ['a byte order mark and CRLF', '\ufeffprompt,score\r\n"a, b",1\r\nc,2\r\n']
  ])('with %s', async (_what, csv) => {
    expect((await read('rows.csv', csv)).good).toEqual([{ prompt: 'a, b', score: '1' }, { prompt: 'c', score: '2' }])
  })

  test('a line break within quotes belongs to its cell, and rows keep their line in the file', async () => {
    expect(await read('rows.csv', 'a,b\n"x\ny",1\n\nz,2\n')).toEqual({ good: [{ a: 'x\ny', b: '1' }, { a: 'z', b: '2' }], lines: [2, 5], bad: [] })
  })

  test('a row with more or fewer cells than there are columns says so', async () => {
    const { lines, bad } = await read('rows.csv', 'a,b\n1,2\n3\n4,5,6\n7,8\n')
    expect(lines).toEqual([2, 5])
    expect(bad).toEqual([{ line: 3, reason: 'it has 1 fields where the first line names 2 columns' }, { line: 4, reason: expect.stringMatching(/3 fields/) }])
  })

  test('quotes that do not match cost their line only', async () => {
    const { good, bad } = await read('rows.csv', 'a,b\n1,2\n"x"y,3\n"never closed,4\n5,6\n7,8\n')
    expect(good).toEqual([{ a: '1', b: '2' }, { a: '5', b: '6' }, { a: '7', b: '8' }])
    expect(bad).toEqual([{ line: 3, reason: expect.stringMatching(/quotes/) }, { line: 4, reason: expect.stringMatching(/never closed/) }])
  })

  test('bytes that are no UTF-8 cost their line only', async () => {
    const { good, bad } = await read('rows.csv', Buffer.concat([Buffer.from('a,b\n1,2\n'), Buffer.of(0xe9, 0x2c, 0x33, 10), Buffer.from('4,5\n')]))
    expect(good).toEqual([{ a: '1', b: '2' }, { a: '4', b: '5' }])
    expect(bad).toEqual([{ line: 3, reason: 'it is not valid UTF-8' }])
  })

  test('columns without a name or with the same one get one of their own', async () => {
    expect((await read('rows.csv', 'a,,a,__proto__\n1,2,3,4\n')).good.map((row) => Object.entries(row))).toEqual([[['a', '1'], ['column 2', '2'], ['a 2', '3'], ['__proto__', '4']]])
  })
})

describe('what a file is called does not matter', () => {
  const jsonl = '{"a": "1"}\n{"a": "2"}\n'
  test.each([
    ['JSON lines named .csv', 'rows.csv', jsonl],
    ['JSON lines named .json', 'rows.json', jsonl],
    ['JSON lines without a name', 'rows', jsonl],
    ['a list named .jsonl', 'rows.jsonl', '[\n{"a": "1"},\n{"a": "2"}\n]'],
    ['CSV named .txt', 'rows.txt', 'a\n1\n2\n'],
    ['gzip without its ending', 'rows.jsonl', gzipSync(jsonl)],
    ['a packed list', 'rows.json.gz', gzipSync('[{"a": "1"}, {"a": "2"}]')],
    ['packed CSV', 'rows.csv.gz', gzipSync('a,b\n1,\n2,\n')],
    ['text named .gz', 'rows.jsonl.gz', jsonl]
  ])('%s', async (_what, name, content) => {
    const { good, bad } = await read(name, content)
    expect(bad).toEqual([])
    expect(good.map((row) => row['a'])).toEqual(['1', '2'])
  })
})
