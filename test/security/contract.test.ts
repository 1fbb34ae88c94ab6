/** Junk over the contract: every method answers with a typed error, the process lives, and no prototype is changed. */
import fc from 'fast-check'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { collectSettings } from '../../src-main/contract/collect.ts'
import { evaluateSettings } from '../../src-main/contract/evaluate.ts'
import { labelSettings } from '../../src-main/contract/reward.ts'
import { trainSettings } from '../../src-main/contract/value.ts'
import { failure } from '../../src-main/contract/errors.ts'
import { methods, type MethodName } from '../../src-main/contract/methods.ts'
import type { Handlers } from '../../src-main/engine/engine.ts'
import { createHandlers } from '../../src-main/engine/handlers.ts'
import { answer } from '../../src-main/engine/serve.ts'
import { greedy, openStudio, scoredPrompts, type Studio } from '../engine/studio.ts'
import { shapedAs } from './shaped.ts'

let studio: Studio
let handlers: Handlers
let fitting = 0
const before = Object.getOwnPropertyNames(Object.prototype).sort()

beforeAll(async () => {
  process.env['HF_ENDPOINT'] = 'http://127.0.0.1:9' // nothing answers there
  studio = await openStudio()
  // something of everything, so that its ids are found
  const dataset = await studio.importRows(scoredPrompts(8, 6))
  const { subject: collection } = await studio.run('collect', collectSettings.parse({ dataset, maxTokens: 6, parallel: 4, sampling: greedy }))
  await studio.run('reward', labelSettings.parse({ collection, source: 'column', settings: { column: 'score' } }))
  await studio.run('train', trainSettings.parse({ collection, source: 'column', hidden: 8, epochs: 1, batch: 4 }))
  await studio.run('evaluate', evaluateSettings.parse({ dataset, split: null, limit: 2, methods: [{ name: 'base' }], source: 'tone', maxTokens: 4, sampling: greedy }))
  handlers = createHandlers(studio.engine)
})
afterAll(async () => {
  delete process.env['HF_ENDPOINT']
  await studio.close()
})

// what opens, closes or makes projects is asked for in paths.test.ts; here one project stays open
const left: readonly MethodName[] = ['project.close', 'project.openSample', 'project.create', 'project.open']
const names = (Object.keys(methods) as MethodName[]).filter((name) => !left.includes(name))

const nested = (depth: number): unknown => Array.from({ length: depth }).reduce<unknown>((inner) => [inner], 0)
const hostile: unknown[] = [
  null, undefined, true, 0, -1, 0.5, NaN, Infinity, -0, 2 ** 53, -(2 ** 53), 1e308, 10n, '', ' ', '\0', '\u202e\ud800', '__proto__', 'constructor', 'toString', '../../../../etc/passwd',
  'a'.repeat(100_000), [], [[]], {}, { length: 2 ** 31 }, Object.create(null), new Date(NaN), new Map([[1, 2]]), new Uint8Array(8), Symbol.iterator, () => 1, nested(2000),
  JSON.parse('{"__proto__": {"polluted": true}, "constructor": {"prototype": {"polluted": true}}}'), Array.from({ length: 100_000 }, (_, i) => i), Array.from({ length: 1000 }, () => ({ name: 'base' }))
]
const value = fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...hostile) }, { weight: 1, arbitrary: fc.anything({ maxDepth: 3, withNullPrototype: true, withBigInt: true, withSparseArray: true }) })

/** An object with the method's own keys and further ones, each with a hostile value, or no object at all. */
function inputOf(method: MethodName): fc.Arbitrary<unknown> {
  const schema = z.toJSONSchema(methods[method].input, { io: 'input', unrepresentable: 'any' }) as { properties?: Record<string, unknown> }
  const keys = [...Object.keys(schema.properties ?? {}), '__proto__', 'constructor', 'prototype']
  const object = fc.dictionary(fc.constantFrom(...keys), value, { maxKeys: keys.length, noNullPrototype: false })
  return fc.oneof({ weight: 4, arbitrary: object }, { weight: 1, arbitrary: value })
}

async function sound(reply: unknown): Promise<void> {
  if (reply === null || typeof reply !== 'object' || !('failure' in reply)) return
  const parsed = failure.parse(reply.failure)
  expect(parsed.code, parsed.details).not.toBe('internal')
  expect(parsed.message).not.toMatch(/\n/)
  expect(parsed.message.length).toBeLessThanOrEqual(1003)
}

test.each(names)('%s with hostile input', async (method) => {
  await fc.assert(
    fc.asyncProperty(inputOf(method), async (input) => {
      const reply = await answer(handlers, { id: 1, method, input })
      expect(reply).toMatchObject({ id: 1 })
      await sound(reply)
    }),
    { seed: 7, numRuns: 20, endOnFailure: true }
  )
  studio.engine.chat.stop()
  await studio.engine.chat.idle()
  await studio.engine.jobs.pauseAll()
  expect(Object.getOwnPropertyNames(Object.prototype).sort()).toEqual(before)
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
})

test('messages that are no requests', async () => {
  await fc.assert(
    fc.asyncProperty(fc.oneof(value, fc.record({ id: value, method: value, input: value }, { requiredKeys: [] })), async (message) => sound(await answer(handlers, message))),
    { seed: 8, numRuns: 200, endOnFailure: true }
  )
  for (const method of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf', '', 'studio.state ', 'STUDIO.STATE', 'no.such']) {
    expect(await answer(handlers, { id: 3, method, input: {} }), method).toMatchObject({ id: 3, failure: { code: 'bad-request', message: 'this is not a request of the contract' } })
  }
  for (const id of [-1, 0.5, NaN, Infinity, '1', null, 2 ** 53]) expect(await answer(handlers, { id, method: 'studio.state', input: {} })).toBeNull()
})

// folders that are not there, files of all kinds, but none outside of the test's own folder
const paths = ['files/rows-1.jsonl', 'tiny.gguf', 'files', 'none', 'none/none', `${'n'.repeat(300)}`, 'project/project.db', 'out.file']

test.each(names)('%s with input that fits and is absurd', async (method) => {
  const input = shapedAs(methods[method].input, fc.constantFrom(...paths).map((path) => join(studio.directory, path)))
  await fc.assert(
    fc.asyncProperty(input, async (given) => {
      const reply = await answer(handlers, { id: 1, method, input: given })
      if (reply !== null && 'output' in reply) {
        methods[method].output.parse(reply.output)
        fitting++
      }
      await sound(reply)
      // as fast as they are started
      studio.engine.chat.stop()
      await studio.engine.chat.idle()
      await studio.engine.jobs.pauseAll()
    }),
    { seed: 9, numRuns: 10, endOnFailure: true }
  )
  for (const { failure: problem } of studio.engine.jobs.list()) if (problem !== null) expect(problem.code, problem.details).not.toBe('internal')
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
})

test('absurd input that fits is not always refused, or nothing was tried', () => {
  expect(fitting).toBeGreaterThan(200)
})
