import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { z } from 'zod'
import { failure, StudioError, toFailure } from '../../src-main/contract/errors.ts'
import { methods, type MethodName } from '../../src-main/contract/methods.ts'
import { Engine } from '../../src-main/engine/engine.ts'
import { createHandlers } from '../../src-main/engine/handlers.ts'
import { answer } from '../../src-main/engine/serve.ts'
import { Project } from '../../src-main/engine/project/project.ts'
import type { Handlers } from '../../src-main/engine/engine.ts'
import { seededRandom, type Random } from '../fixtures/random.ts'

const names = Object.keys(methods) as MethodName[]
const directory = mkdtempSync(join(tmpdir(), 're-control-contract-'))
let engine: Engine
let handlers: Handlers

beforeAll(async () => {
  engine = new Engine({
    launchHost: () => {
      throw new Error('no model is to be loaded here')
    },
    cacheDirectory: join(directory, 'cache'),
    dataDirectory: join(directory, 'data'),
    resourcesDirectory: resolve(import.meta.dirname, '..', '..', 'resources'),
    tell: () => {}
  })
  handlers = createHandlers(engine)
  const project = await engine.open(() => Project.create(join(directory, 'project'), null))
  const dataset = project.datasets.create('rows', 'rows.jsonl', 'prompts')
  project.datasets.add(dataset, [{ line: 1, split: 'train', prompt: 'q', messages: [{ role: 'user', content: 'q' }], chosen: null, rejected: null, columns: {} }], [])
})
afterAll(async () => {
  await engine.close()
  rmSync(directory, { recursive: true })
})

const deep = (levels: number): unknown => (levels === 0 ? 1 : { a: deep(levels - 1) })

/** Things that can arrive where something else is expected. */
const junk: (() => unknown)[] = [
  () => undefined, () => null, () => true, () => NaN, () => Infinity, () => -Infinity, () => -0, () => -1, () => 0, () => 1, () => 1.5,
  () => 2 ** 31, () => 2 ** 53, () => 1e308, () => 10n, () => Symbol('x'), () => () => 1, () => new Date(NaN), () => new Map([['a', 1]]), () => new Uint8Array(8),
  () => '', () => ' ', () => 'x', () => '1', () => '__proto__', () => 'constructor', () => '\0', () => 'a\0b', () => '\ud800', () => '../../../etc/passwd', () => '/dev/zero', () => '/',
  () => '%', () => "'; DROP TABLE jobs; --", () => 'x'.repeat(200_000), () => '💬'.repeat(3000),
  () => [], () => [[]], () => new Array<number>(100_000).fill(1), () => new Array<unknown>(5), () => ({}), () => deep(200), () => Object.create(null) as unknown,
  () => JSON.parse('{"__proto__": {"polluted": true}, "constructor": {"prototype": {"polluted": true}}}') as unknown,
  () => ({ name: 're-control', settings: { valueFunction: 99 } }), () => [{ name: 'base', settings: {} }], () => [{ name: '__proto__' }],
  () => { const cycle: Record<string, unknown> = {}; cycle['self'] = cycle; return cycle }
]
const any = (random: Random): unknown => junk[Math.floor(random.uniform() * junk.length)]!()

/** Every piece of junk as the whole input, then under each key beside likely values, then by chance under several. */
function* inputsFor(name: MethodName): Generator<unknown> {
  const keys = Object.keys((methods[name].input as z.ZodObject).shape)
  const good = (): Record<string, unknown> => Object.fromEntries(keys.map((key) => [key, likely(name, key)]))
  for (const make of junk) yield make()
  for (const key of keys) for (const make of junk) yield { ...good(), [key]: make() }
  const random = seededRandom(1)
  for (let round = 0; round < 30; round++) {
    const entries = keys.filter(() => random.uniform() < 0.8).map((key) => [key, random.uniform() < 0.5 ? likely(name, key) : any(random)])
    yield Object.fromEntries([...entries, ['__proto__', { polluted: true }], ['extra', any(random)]])
  }
}

/** What fits; a number where nothing is said. */
const fitting: Record<string, unknown> = {
  file: join(directory, 'nothing'), directory: join(directory, 'nothing'), modelFile: null, format: null, map: {}, split: null, limit: 1, order: 'collected', extensions: [],
  methods: [{ name: 'base' }], panes: [{ name: 'base' }], source: 'tone', settings: {}, sampling: {}, prompt: 'text', search: 'text', title: 'text', id: 1,
  objective: 'semi-gradient', standardise: true, validation: 0.1, topP: 0.9, responses: 'generated', deterministic: false,
  heldOut: 0.2, duplicates: 'keep', filter: {}, what: 'examples', messages: [{ role: 'user', content: 'text' }], name: 'name', mode: 'single', rater: 'me'
}
/** Where a key means something else. */
const fittingIn: Partial<Record<MethodName, Record<string, unknown>>> = {
  'data.examples': { order: 'line' }, 'data.export': { format: 'jsonl' }, 'secret.set': { value: 'key' }, 'people.rate': { responses: [1] }, 'value.compare': { ids: [1, 1] },
  'chat.path': { through: null, before: null }, 'chat.send': { conversation: null, parent: null }, 'chat.export': { turn: null, format: 'json' },
  'reward.start': { allow: [] }, 'evaluate.start': { sweep: null, halving: null, metrics: [], further: [], allow: [] }, 'evaluate.extend': { metrics: [], allow: [] }, 'evaluate.export': { format: 'csv' },
  'project.stage': { stage: 'data' }, 'device.removeBackend': { id: 'vulkan' },
  'model.download': { source: { kind: 'catalogue', id: 'nothing' }, use: false },
  'evaluate.compare': { a: { evaluation: 1, method: 0 }, b: { evaluation: 1, method: 1 }, measure: null }, 'evaluate.responses': { order: null }
}
const likely = (name: MethodName, key: string): unknown => ({ [key]: 1, ...fitting, ...fittingIn[name] })[key]

// what these do when they are asked properly is not for random input: they change what is open, or write where they are told
const changesWhatIsOpen: MethodName[] = ['project.create', 'project.open', 'project.openSample', 'project.close']

describe('every method', () => {
  test.each(names)('%s answers junk with a typed failure and good input as the contract says', async (name) => {
    let id = 0
    let fitted = 0
    for (const input of inputsFor(name)) {
      id++
      const fits = methods[name].input.safeParse(input ?? {}).success
      if (fits) fitted++
      if (fits && changesWhatIsOpen.includes(name)) continue
      const reply = await answer(handlers, { id, method: name, input })
      expect(reply?.id).toBe(id)
      if (reply !== null && 'failure' in reply) {
        expect(failure.parse(reply.failure)).toEqual(reply.failure)
        if (!fits) expect(reply.failure.code).toBe('bad-request')
        // 'internal' says that the studio is at fault, and no message is as long as what it complains about
        expect(reply.failure.code, reply.failure.message.slice(0, 300)).not.toBe('internal')
        expect(reply.failure.message.length).toBeLessThan(10_000)
      } else {
        expect(fits).toBe(true)
        expect(methods[name].output.safeParse((reply as { output: unknown }).output).error).toBeUndefined()
      }
    }
    expect(fitted, 'nothing of this came past the schema').toBeGreaterThan(0)
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  test('needs a project where it works on one', async () => {
    const closed = createHandlers(new Engine({ ...engine.options, tell: () => {} }))
    for (const name of ['data.list', 'collect.list', 'value.list', 'evaluate.list', 'model.load'] as const) {
      expect(await answer(closed, { id: 1, method: name, input: {} })).toMatchObject({ failure: { code: 'no-project' } })
    }
    expect(await answer(closed, { id: 1, method: 'studio.state', input: {} })).toMatchObject({ output: { project: null, jobs: [], model: null } })
  })
})

describe('a message', () => {
  test('that names no method of the contract is refused by its id', async () => {
    for (const method of ['', 'nothing', '__proto__', 'constructor', 'toString', 'studio', 'studio.State', ' studio.state', null, 3, ['studio.state'], { toString: () => 'studio.state' }]) {
      expect(await answer(handlers, { id: 5, method, input: {} })).toMatchObject({ id: 5, failure: { code: 'bad-request' } })
    }
  })

  test('without a usable id has no answer', async () => {
    for (const id of [undefined, null, -1, 1.5, NaN, Infinity, '1', 2 ** 53, {}, [1], 1n]) expect(await answer(handlers, { id, method: 'studio.state', input: {} })).toBeNull()
    for (const make of junk) expect(await answer(handlers, make())).toBeNull()
  })
})

describe('a failure', () => {
  test('keeps what was thrown on purpose, and marks the rest as a fault of ours', () => {
    expect(toFailure(new StudioError('busy', 'wait', { retryable: true, details: 'd' }))).toEqual({ code: 'busy', message: 'wait', details: 'd', retryable: true })
    expect(toFailure(new TypeError('oops'))).toMatchObject({ code: 'internal', message: 'oops', details: expect.stringContaining('TypeError') })
    expect(toFailure(AbortSignal.abort().reason)).toMatchObject({ code: 'cancelled' })
    for (const thrown of ['text', undefined, null, { message: 'not an error' }]) expect(failure.parse(toFailure(thrown)).code).toBe('internal')
  })
})
