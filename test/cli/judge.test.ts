/** A judge with a key, and a program of one's own, from the terminal. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { says, send, startJudge, type JudgeServer } from '../fixtures/judge-server.ts'
import { makeHome, type Home } from './terminal.ts'

const key = 'sk-secret-0123456789abcdef'
const variable = 'RE_CONTROL_KEY_MY_CLUSTER'
let home: Home
let server: JudgeServer
beforeAll(async () => {
  process.env[variable] = key
  home = await makeHome()
  delete process.env[variable]
  server = await startJudge(says('Score: 7'))
  writeFileSync(home.path('rows.jsonl'), Array.from({ length: 6 }, (_, i) => `${JSON.stringify({ prompt: `Question ${i}?`, split: 'train' })}\n`).join(''))
  for (const words of [['project', 'new', 'p', '--model', 'tiny.gguf'], ['data', 'import', 'p', 'rows.jsonl'], ['collect', 'p', '--dataset', '1', '--max-tokens', '4']]) {
    expect(await home.cli(...words)).toMatchObject({ code: 0 })
  }
})
afterAll(async () => {
  await server.close()
  home.remove()
})

const reward = (...words: string[]) => home.cli('reward', 'p', '--collection', '1', ...words, '--json')
const judge = (...words: string[]) => reward('--source', 'judge', '--url', server.url, '--model', 'm', '--retries', '0', ...words)

test('a key comes from the environment by its name, and is in no output and no file', async () => {
  server.behave = (asked, response) => (asked.index === 2 ? send(response, 400, JSON.stringify({ error: { message: `no: ${asked.headers.authorization}`, code: null } })) : says('Score: 7')(asked, response))
  const result = await judge('--key', 'my-cluster', '--concurrency', '2')
  expect(result).toMatchObject({ code: 0 })
  expect(result.json).toMatchObject({ labelled: 5, failed: 1, mean: 7 })
  expect(server.asked.every(({ headers }) => headers.authorization === `Bearer ${key}`)).toBe(true)
  expect(result.stderr).toContain('no: Bearer [key]')
  expect(result.stdout + result.stderr).not.toContain(key)
  for (const file of readdirSync(home.directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())) {
    expect(readFileSync(join(file.parentPath, file.name)).includes(key), file.name).toBe(false)
  }
  // the one that failed, once more
  expect((await judge('--key', 'my-cluster', '--concurrency', '1')).json).toMatchObject({ labelled: 6, failed: 0 })
  expect(server.asked).toHaveLength(7)
})

test('a key that is not there, and an endpoint that is not: one line each, and no label', async () => {
  const missing = await judge('--as', 'other', '--key', 'nobody')
  expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('RE_CONTROL_KEY_NOBODY') as string })
  const pasted = await judge('--as', 'other', '--key', key)
  expect(pasted).toMatchObject({ code: 1, stderr: expect.stringContaining('looks like a key itself') as string })
  expect(pasted.stderr).not.toContain(key)
  const closed = await startJudge(says('Score: 7'))
  await closed.close()
  const gone = await reward('--source', 'judge', '--url', closed.url, '--model', 'm', '--as', 'gone', '--retries', '0')
  expect(gone.code).toBe(1)
  expect(gone.stderr).toContain('nothing answers there')
})

test('a program, its arguments one by one', async () => {
  const script = resolve(import.meta.dirname, '..', 'fixtures', 'score-program.mjs')
  const result = await reward('--source', 'program', '--command', process.execPath, '--arguments', script, '--arguments', 'fine')
  expect(result, result.stderr).toMatchObject({ code: 0 })
  expect(result.json).toMatchObject({ labelled: 6, failed: 0, settings: { arguments: [script, 'fine'] } })
})

test('a mix of two names', async () => {
  const result = await reward('--source', 'mix', '--parts', 'judge=1', '--parts', 'program=-0.5', '--standardise', 'false')
  expect(result, result.stderr).toMatchObject({ code: 0 })
  expect(result.json).toMatchObject({ labelled: 6, settings: { parts: ['judge=1', 'program=-0.5'] } })
})
