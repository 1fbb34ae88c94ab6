/** The terminal's way with data files: settings of an import, its preview, files of the hub. */
import { existsSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { commit, openHub, type Hub } from '../fixtures/hub.ts'
import { makeHome, type Home } from './terminal.ts'

let home: Home
let hub: Hub
beforeAll(async () => {
  hub = await openHub()
  hub.files.set('data/rows.csv', Buffer.from('prompt,chosen,rejected\na,b,c\nd,e,f\n'))
  vi.stubEnv('HF_ENDPOINT', hub.url) // before the home: it passes this environment on
  home = await makeHome()
  await home.cli('project', 'new', 'p', '--model', 'tiny.gguf')
})
afterAll(async () => {
  vi.unstubAllEnvs()
  await hub.close()
  home.remove()
})

describe('data import', () => {
  test('takes the share that is held out and the seed of the split', async () => {
    writeFileSync(home.path('rows.jsonl'), Array.from({ length: 400 }, (_, i) => `{"prompt": "prompt ${i}"}\n`).join(''))
    const heldOut = async (...flags: string[]) => (await home.cli('data', 'import', 'p', 'rows.jsonl', '--json', ...flags)).json['heldOut'] as number
    expect(await heldOut('--held-out', '0')).toBe(0)
    expect(Math.abs((await heldOut('--held-out', '0.5', '--seed', '7')) - 200)).toBeLessThan(50)
  })

  test.each([
    ['--held-out', '2', /heldOut/],
    ['--seed', '-1', /seed/],
    ['--duplicates', 'some', /keep or drop/]
  ])('%s %s is refused', async (flag, value, message) => {
    const { code, stdout, stderr } = await home.cli('data', 'import', 'p', 'rows.jsonl', flag, value)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(message)
  })

  // they are printed a page at a time
  test('prints every rejected row in its JSON', async () => {
    writeFileSync(home.path('bad.jsonl'), `{"prompt": "good"}\n${'nope\n'.repeat(2500)}`)
    const { code, json } = await home.cli('data', 'import', 'p', 'bad.jsonl', '--json')
    expect(code).toBe(1)
    expect(json['rejected'].map(({ line }: { line: number }) => line)).toEqual(Array.from({ length: 2500 }, (_, i) => i + 2))
  })

  test('takes a file of the hub', async () => {
    const { code, json } = await home.cli('data', 'import', 'p', `hf://datasets/o/n@${commit}/data/rows.csv`, '--json')
    expect(code).toBe(0)
    expect(json).toMatchObject({ name: 'rows', format: 'preference', imported: 2, rejected: [] })
  })
})

test('data preview shows the first rows, and its exit code says whether one would be rejected', async () => {
  writeFileSync(home.path('leak.jsonl'), '{"prompt": "Say: the very same answer", "chosen": "the very same answer"}\n')
  const { code, stdout } = await home.cli('data', 'preview', 'leak.jsonl')
  expect(code).toBe(0)
  expect(stdout).toContain('warning:  its prompt contains the chosen answer')
  writeFileSync(home.path('half.jsonl'), '{"prompt": "q"}\nnope\n')
  const half = await home.cli('data', 'preview', 'half.jsonl', '--json')
  expect(half.code).toBe(1)
  expect(half.json).toMatchObject({ format: 'prompts', rows: [{ line: 1 }], rejected: [{ line: 2 }] })
})

test('data hub lists the files, and data fetch brings one without a project', async () => {
  const file = `hf://datasets/o/n@${commit}/data/rows.csv`
  expect((await home.cli('data', 'hub', 'o/n', '--json')).json).toMatchObject({ name: 'o/n', revision: commit, licence: 'mit', files: [{ path: 'data/rows.csv', file }] })
  const fetched = await home.cli('data', 'fetch', file, '--json')
  expect(fetched.code).toBe(0)
  expect(existsSync(fetched.json['path'])).toBe(true)
  const none = await home.cli('data', 'fetch', 'hf://datasets/o/n/../../etc/passwd')
  expect({ code: none.code, stdout: none.stdout }).toEqual({ code: 1, stdout: '' })
  expect(none.stderr).toMatch(/leads out of its data set/)
})
