/** What must be nowhere: a key outside of the keychain, a text or a key in the log. */
import { createServer } from 'node:http'
import { once } from 'node:events'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { collectSettings } from '../../src-main/contract/collect.ts'
import { evaluateSettings } from '../../src-main/contract/evaluate.ts'
import { labelSettings } from '../../src-main/contract/reward.ts'
import { framesOf, type LogEntry } from '../../src-main/contract/log-entry.ts'
import type { AnyEvent } from '../../src-main/contract/methods.ts'
import { createHandlers } from '../../src-main/engine/handlers.ts'
import { logEvents } from '../../src-main/engine/log-events.ts'
import { answer } from '../../src-main/engine/serve.ts'
import { Log } from '../../src-main/app/log.ts'
import { greedy, openStudio, ownDirectory } from '../engine/studio.ts'
import { descendantsOf } from '../fixtures/processes.ts'

const key = 'sk-CANARYkey0123456789'
const words = 'CANARYprompt'

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true }).flatMap((entry) => (entry.isFile() ? [join(entry.parentPath, entry.name)] : []))
}

test('a key is in no file, message, event, argument or environment of a process, though the endpoint repeats it', async () => {
  process.env['RE_CONTROL_KEY_CANARY'] = key
  process.env['HF_TOKEN'] = `${key}-hub`
  const server = createServer((request, response) => {
    // as bad endpoints do, with what it was sent
    response.writeHead(401, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ error: { message: `wrong key ${request.headers.authorization}`, code: 'x' } }))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
  const studio = await openStudio()
  try {
    const log: LogEntry[] = []
    const handlers = createHandlers(studio.engine)
    const dataset = await studio.importRows(Array.from({ length: 3 }, (_, i) => ({ prompt: `${words} ${i}` })))
    const collected = await studio.run('collect', collectSettings.parse({ dataset, split: null, maxTokens: 4, sampling: greedy }))
    const collection = collected.subject as number
    const hosts = process.platform === 'linux' ? descendantsOf(process.pid) : []
    const environments = hosts.map(({ pid }) => readFileSync(`/proc/${pid}/environ`, 'latin1') + readFileSync(`/proc/${pid}/cmdline`, 'latin1'))
    if (process.platform === 'linux') expect(environments.length).toBeGreaterThan(0)
    expect(environments.filter((text) => text.includes('CANARY'))).toEqual([])

    const judge = { collection, source: 'judge', name: 'judged', settings: { url, model: 'm', key: 'canary', retries: 0 } }
    const job = await studio.run('reward', labelSettings.parse(judge))
    expect(job.failure?.message).toMatch(/refuses the key/)
    const replies = [await answer(handlers, { id: 1, method: 'reward.preview', input: judge }, (entry) => log.push(entry)), await answer(handlers, { id: 2, method: 'secret.list', input: {} })]
    await studio.run('evaluate', evaluateSettings.parse({ dataset, split: null, methods: [{ name: 'base' }], maxTokens: 4, sampling: greedy, source: 'judge', sourceSettings: judge.settings }))
    expect(JSON.stringify([job, replies, studio.events, log])).not.toContain(key)
    await studio.engine.close()
    const holding = filesBelow(studio.directory).filter((file) => readFileSync(file).includes(key))
    expect(holding).toEqual([])
  } finally {
    server.close()
    delete process.env['RE_CONTROL_KEY_CANARY']
    delete process.env['HF_TOKEN']
    await studio.close()
  }
})

test('the log holds what a report needs, and no word of data, models, files or people', async () => {
  const studio = await openStudio()
  const log = new Log(join(studio.directory, 'data'))
  const take = logEvents((entry) => log.add(entry))
  const seen = studio.events.length
  const dataset = await studio.importRows(Array.from({ length: 3 }, (_, i) => ({ prompt: `${words} ${i}`, chosen: words, rejected: words })))
  await studio.run('collect', collectSettings.parse({ dataset, split: null, maxTokens: 4, sampling: greedy }))
  await studio.run('import', { file: join(studio.directory, `${words}.jsonl`), format: null, map: {} })
  await studio.run('reward', labelSettings.parse({ collection: 1, source: 'column', settings: { column: words } }))
  for (const { event, payload } of studio.events.slice(seen) as AnyEvent[]) take(event, payload as never)
  const handlers = createHandlers(studio.engine)
  await answer({ ...handlers, 'value.list': () => { throw new Error(`${words}\n    at ${words} (file:///x/${words}.ts:1:1)\n and ${key}`) } }, { id: 1, method: 'value.list', input: {} }, (entry) => log.add(entry))
  const text = readFileSync(log.file, 'utf8')
  expect(text).toMatch(/info model loaded .*"backend":"cpu"/)
  expect(text).toMatch(/info job ended .*"kind":"collect","state":"done","code":null/)
  expect(text).toMatch(/warning job ended .*"kind":"import","state":"failed","code":"not-found"/)
  expect(text).toMatch(/warning request failed .*"method":"value.list","code":"internal","at":\[.*answer serve\.ts/)
  for (const canary of [words, key, 'tiny.gguf', studio.directory]) expect(text, canary).not.toContain(canary)
  await studio.close()
})

test('the log is bounded', () => {
  const log = new Log(ownDirectory())
  for (let i = 0; i < 60_000; i++) log.add({ what: 'job ended', job: i, kind: 'collect', state: 'failed', code: 'busy', at: ['a frame of a function file.ts:100:10'] })
  const files = readdirSync(join(log.file, '..'))
  expect(files.sort()).toEqual(['studio.1.log', 'studio.2.log', 'studio.log'])
  for (const name of files) expect(statSync(join(log.file, '..', name)).size).toBeLessThan(1.1e6)
  expect(log.tail(3).split('\n')).toHaveLength(3)
})

test('frames are told without what the error said', () => {
  expect(framesOf('Error: secret text\n    at f (file:///home/me/app/out/main/engine.js:10:5)\n    at async Object.run (node:internal/x:1:2)\n    at /home/me/secret folder/y.js:3:4')).toEqual([])
  expect(framesOf('Error: secret text\n    at f (file:///home/me/app/out/main/engine.js:10:5)\n    at async Engine.open (/home/me/app/z.js:1:2)')).toEqual(['f engine.js:10:5', 'Engine.open z.js:1:2'])
  expect(framesOf(undefined)).toEqual([])
})
