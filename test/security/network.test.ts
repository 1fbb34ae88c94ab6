/** No network unless it is asked for: the whole path of the terminal, with every socket of every process watched. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeHome, type Home } from '../cli/terminal.ts'
import { scoredPrompts, writeRows } from '../engine/studio.ts'
import { connectLog, type ConnectLog } from '../fixtures/connect-log.ts'

const linux = process.platform === 'linux'
const entry = resolve(import.meta.dirname, '..', '..', 'out', 'main', 'cli.js')

let home: Home
let watched: ConnectLog
beforeAll(async () => {
  if (!linux) return
  home = await makeHome()
  watched = connectLog(home.directory)
})
afterAll(() => home?.remove())

async function cli(words: string[], env: Record<string, string> = {}): Promise<{ code: number | null; stderr: string }> {
  const child = spawn(process.execPath, [entry, ...words], {
    env: { ...process.env, ELECTRON_RUN_AS_NODE: '1', HOME: home.path('home'), XDG_CACHE_HOME: home.path('cache'), XDG_DATA_HOME: home.path('data'), ...watched.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe']
  })
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stderr }
}

test.skipIf(!linux)('import, collection, rewards, training, generation and evaluation open no connection and look up no name', async () => {
  const settings = home.path('settings.json')
  writeRows(home.path('rows.jsonl'), scoredPrompts(8, 6))
  writeFileSync(settings, JSON.stringify({
    project: home.path('p'), model: home.modelFile,
    data: { file: home.path('rows.jsonl') },
    collect: { maxTokens: 6 },
    reward: { source: 'column', settings: { column: 'score' } },
    train: { hidden: 8, epochs: 1 },
    evaluate: { split: null, limit: 2, methods: [{ name: 'base' }, { name: 're-control', settings: { updates: 2 } }], maxTokens: 6 }
  }))
  const { code, stderr } = await cli(['run', settings])
  expect(code, stderr).toBe(0)
  expect(watched.lines()).toEqual([])

  // the watch sees what there is to see: a hub that was asked for
  await cli(['data', 'hub', 'owner/name'], { HF_ENDPOINT: 'http://127.0.0.1:45321' })
  expect(watched.lines().join('\n')).toMatch(/connect 127\.0\.0\.1 45321/)
}, 120_000)
