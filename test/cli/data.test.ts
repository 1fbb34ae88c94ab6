/** Searching and exporting from the terminal. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeHome, type Home } from './terminal.ts'

let home: Home
beforeAll(async () => {
  home = await makeHome()
  const rows = Array.from({ length: 30 }, (_, i) => ({ prompt: `Question ${i} about ${i % 3 === 0 ? 'cats' : 'dogs'}`, score: i, split: i < 20 ? 'train' : 'held-out' }))
  writeFileSync(home.path('rows.jsonl'), `${rows.map((row) => JSON.stringify(row)).join('\n')}\n{"broken"\n`)
  await home.cli('project', 'new', 'p', '--model', 'tiny.gguf')
  await home.cli('data', 'import', 'p', 'rows.jsonl')
})
afterAll(() => home.remove())

test('data search', async () => {
  const { code, json } = await home.cli('data', 'search', 'p', 'question ca', '--dataset', '1', '--limit', '2', '--split', 'held-out', '--json')
  expect(code).toBe(0)
  expect(json).toEqual({ dataset: 1, total: 3, exact: true, examples: [expect.objectContaining({ line: 22, excerpt: 'Question 21 about cats', split: 'held-out' }), expect.objectContaining({ line: 25 })] })
  expect((await home.cli('data', 'search', 'p', 'cats', '--dataset', '1', '--limit', '1')).stdout).toBe('1: Question 0 about cats\n1 of 10 examples\n')
})

test('data export', async () => {
  const { code, json } = await home.cli('data', 'export', 'p', '--dataset', '1', '--to', 'cats.csv', '--search', 'cats', '--split', 'train', '--json')
  expect([code, json]).toEqual([0, { file: home.path('cats.csv'), rows: 7 }])
  expect(readFileSync(home.path('cats.csv'), 'utf8').split('\r\n')[1]).toBe('Question 0 about cats,,,,train,1,0')
  expect((await home.cli('data', 'export', 'p', '--rejected', '1', '--to', 'bad.jsonl', '--json')).json).toMatchObject({ rows: 1 })
  expect(JSON.parse(readFileSync(home.path('bad.jsonl'), 'utf8'))).toMatchObject({ line: 31 })
})

test.each([
  [['--dataset', '1', '--to', 'x.txt'], /--format is missing/], [['--to', 'x.csv'], /one of --dataset/], [['--dataset', '1', '--rejected', '1', '--to', 'x.csv'], /one of --dataset/],
  [['--dataset', '1', '--to', 'x.json'], /re-control is for responses/], [['--dataset', '7', '--to', 'x.csv'], /no data set 7/], [['--dataset', '1', '--to', 'x.csv', '--answers', 'some'], /--answers is one of/],
  [['--rejected', '1', '--to', 'x.csv', '--search', 'cats'], /need --dataset/]
])('data export %j is refused in one line', async (words, message) => {
  const { code, stderr } = await home.cli('data', 'export', 'p', ...words)
  expect(code).not.toBe(0)
  expect(stderr).toMatch(message)
  expect(stderr.trimEnd().split('\n').filter((line) => line.startsWith('Error'))).toHaveLength(1)
  expect(existsSync(home.path('x.csv'))).toBe(false)
})
