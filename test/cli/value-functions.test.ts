/** Training in several ways and seeing which is better, from the terminal. */
import { writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeHome, type Home } from './terminal.ts'

let home: Home
const training = ['--collection', '1', '--source', 'column', '--hidden', '16', '--epochs', '4', '--validation', '0.3', '--lr', '1e-3']

beforeAll(async () => {
  home = await makeHome()
  const rows = Array.from({ length: 20 }, (_, i) => ({ prompt: `Is it ${i}?`, chosen: `the ${i} a`, rejected: `the ${i} z`, score: Math.cos(i) }))
  writeFileSync(home.path('rows.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  for (const words of [
    ['project', 'new', 'p', '--model', 'tiny.gguf'],
    ['data', 'import', 'p', 'rows.jsonl'],
    ['collect', 'p', '--dataset', '1', '--max-tokens', '6'],
    ['collect', 'p', '--dataset', '1', '--responses', 'chosen'],
    ['collect', 'p', '--dataset', '1', '--responses', 'rejected'],
    ['reward', 'p', '--collection', '1', '--source', 'column', '--column', 'score'],
    ['train', 'p', ...training],
    ['train', 'p', ...training, '--objective', 'as-published'],
    ['train', 'p', ...training, '--objective', 'pref-ctrl', '--preferred', '2', '--dispreferred', '3', '--members', '3'],
    ['train', 'p', ...training, '--objective', 'mean-gradient', '--of', '3']
  ]) {
    const result = await home.cli(...words)
    expect(result, result.stderr).toMatchObject({ code: 0 })
  }
}, 120_000)
afterAll(() => home.remove())

test('value-function show', async () => {
  const { code, stdout } = await home.cli('value-function', 'show', 'p', '--value-function', '3')
  expect(code).toBe(0)
  for (const shown of ['64 -> 16 -> 1, 3 members', 'objective', 'pref-ctrl', 'Spread over the members at', 'Calibration at the last token', 'Along unseen responses', 'V is higher for the chosen answer in']) expect(stdout).toContain(shown)
  const { json } = await home.cli('value-function', 'show', 'p', '--json')
  expect(json).toMatchObject({ valueFunction: 4, hiddenDims: [], members: 1, settings: { objective: 'mean-gradient', of: 3 } })
  expect((json['calibration'] as { responses: number }[]).reduce((sum, { responses }) => sum + responses, 0)).toBe(5)
})

test('value-function compare', async () => {
  const words = ['value-function', 'compare', 'p', '--value-functions', '1,2,3']
  const { code, stdout } = await home.cli(...words)
  expect(code).toBe(0)
  expect(stdout).toMatch(/objective +semi-gradient +as-published +pref-ctrl/)
  expect(stdout).toMatch(/Return error of a response, #2 - #1 on the same 5: -?[\d.]+, paired 95 % interval/)
  const { json } = await home.cli(...words, '--json')
  expect(json['rows']).toHaveLength(3)
  expect((await home.cli('value-function', 'compare', 'p', '--value-functions', '1')).code).not.toBe(0)
})

test('value-function explain', async () => {
  const { code, stdout } = await home.cli('value-function', 'explain', 'p', '--value-function', '1')
  expect(code).toBe(0)
  for (const shown of ['V of states', 'mean V, reward, length held fixed', 'V is highest where [this token] is drawn', 'V falls most when [this token] is read', 'promoted', 'suppressed']) expect(stdout).toContain(shown)
  const { json } = await home.cli('value-function', 'explain', 'p', '--without-model', '--json')
  expect(json).toMatchObject({ valueFunction: 4, unseen: { responses: expect.any(Number) }, promotedTokens: null })
})

test('what does not fit is one line', async () => {
  const { code, stderr } = await home.cli('train', 'p', ...training, '--objective', 'pref-ctrl')
  expect(code).not.toBe(0)
  expect(stderr).toMatch(/Error: pref-ctrl needs two collections: one of the data set's chosen answers/)
})
