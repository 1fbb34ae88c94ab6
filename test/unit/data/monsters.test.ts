/** Files that were made to break readers: each ends with its good rows and reasons, in bounded memory. */
import { closeSync, openSync, writeSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { maxNesting } from '../../../src-main/engine/data/limits.ts'
import { read, rowsOf, temporaryFile } from './files.ts'

const megabyte = Buffer.alloc(1 << 20, 'x')

/** A file of 100 MB between a head and a tail, without holding it here. */
function large(name: string, head: string, tail: string): string {
  const file = temporaryFile(name, head)
  const handle = openSync(file, 'a')
  for (let i = 0; i < 100; i++) writeSync(handle, megabyte)
  writeSync(handle, tail)
  closeSync(handle)
  return file
}

/** Megabytes by which the peak of this process's memory rises. */
async function rise(work: () => Promise<unknown>): Promise<number> {
  const before = process.resourceUsage().maxRSS
  await work()
  return (process.resourceUsage().maxRSS - before) / 1024
}

describe('a row of 100 MB is passed over without being held', () => {
  test.each([
    ['a line', 'rows.jsonl', '{"a": "1"}\n{"a": "', '"}\n{"a": "3"}\n', [1, 3], 2],
    ['a row of a list', 'rows.json', '[{"a": "1"}, {"a": "', '"}, {"a": "3"}]', [1, 3], 2],
    ['a record', 'rows.csv', 'a,b\n1,1\n', '\n3,3\n', [2, 4], 3],
    ['a quoted cell', 'rows.csv', 'a,b\n1,1\n"', '",2\n3,3\n', [2, 4], 3]
  ])('%s', async (_what, name, head, tail, lines, badLine) => {
    const file = large(name, head, tail)
    let found: Awaited<ReturnType<typeof rowsOf>> | undefined
    expect(await rise(async () => (found = await rowsOf(file)))).toBeLessThan(100)
    expect(found?.lines).toEqual(lines)
    expect(found?.bad[0]).toMatchObject({ line: badLine })
    expect(found?.bad[0]?.reason).toMatch(/longer than 16 MB|never closed/)
  })
})

describe('depth', () => {
  const deep = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`

  test.each([10_000, 4_000_000])('a row that is nested %i deep is a reason and no exhausted stack', async (levels) => {
    const row = `{"a": ${deep(levels)}}`
    for (const [name, content] of [['rows.jsonl', `{"a": 1}\n${row}\n{"a": 2}\n`], ['rows.json', `[{"a": 1}, ${row}, {"a": 2}]`]] as const) {
      const { lines, bad } = await read(name, content)
      expect(lines).toEqual([1, 3])
      expect(bad).toEqual([{ line: 2, reason: expect.stringMatching(/nested more than 256 deep/) }])
    }
  })

  test('a document that only ever opens is one, too', async () => {
    for (const mark of ['[', '{"a":']) {
      const { good, bad } = await read('rows.json', mark.repeat(200_000))
      expect(good).toEqual([])
      expect(bad).toHaveLength(1)
    }
  })

  test('the limit itself is allowed, and brackets in texts are no levels', async () => {
    const text = '[{'.repeat(1000)
    const { good, bad } = await read('rows.jsonl', `{"a": ${deep(maxNesting - 1)}}\n${JSON.stringify({ a: text })}\n`)
    expect(bad).toEqual([])
    expect(good[1]).toEqual({ a: text })
  })
})

test('NaN and Infinity are no JSON, in lines and in lists', async () => {
  for (const value of ['NaN', 'Infinity', '-Infinity', '1e999', '-1e400', '9'.repeat(400)]) {
    for (const [name, content] of [['rows.jsonl', `{"a": 1}\n{"a": ${value}}\n{"a": 2}\n`], ['rows.json', `[{"a": 1}, {"a": ${value}}, {"a": 2}]`]] as const) {
      const { lines, bad } = await read(name, content)
      expect(lines).toEqual([1, 3])
      expect(bad.map(({ line }) => line)).toEqual([2])
    }
  }
})

test('a .gz that unpacks to a thousand times its size is given up, and the rows before count', async () => {
  const zeros = gzipSync(Buffer.alloc(300 << 20), { level: 1 })
  const file = temporaryFile('bomb.jsonl.gz', Buffer.concat([gzipSync('{"a": 1}\n'), zeros]))
  let found: Awaited<ReturnType<typeof rowsOf>> | undefined
  expect(await rise(async () => (found = await rowsOf(file)))).toBeLessThan(200)
  expect(found?.good).toEqual([{ a: 1 }])
  expect(found?.bad.at(-1)?.reason).toMatch(/unpacks to more than 200 times its size/)
})

test('half of a file that two people wrote at once', async () => {
  const { lines, bad } = await read('rows.jsonl', '{"a": 1}\n{"a": 2}{"a": 3}\n{"a"\u0000\n\u0000\u0000\u0000\n{"a": 4}\n')
  expect(lines).toEqual([1, 5])
  expect(bad.map(({ line }) => line)).toEqual([2, 3, 4])
})

test.each([
  ['quotes only', '"'.repeat(100_000)],
  ['delimiters only', ','.repeat(50_000)],
  ['every line opens a quote', 'a,b\n' + '"x\n'.repeat(20_000)],
  ['every line opens and closes oddly', 'a,b\n' + '"""x,"\n'.repeat(20_000)]
])('CSV of %s ends', async (_what, csv) => {
  const outcome = await read('rows.csv', csv).catch((error: unknown) => error)
  expect(outcome).toBeDefined()
})
