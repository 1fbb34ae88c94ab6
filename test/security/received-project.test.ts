/** A project that somebody sent: its commands are not run, and its endpoints get neither texts nor keys, before its reader asks for them. */
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { collectSettings } from '../../src-main/contract/collect.ts'
import { evaluateSettings, evaluationExtension } from '../../src-main/contract/evaluate.ts'
import type { Job } from '../../src-main/contract/job.ts'
import { labelSettings } from '../../src-main/contract/reward.ts'
import { AskedFor } from '../../src-main/engine/asked-for.ts'
import { generate } from '../../src-main/engine/control/generate.ts'
import { resolveMethod } from '../../src-main/engine/control/methods.ts'
import { createHandlers } from '../../src-main/engine/handlers.ts'
import { Project } from '../../src-main/engine/project/project.ts'
import { greedy, openStudio, ownDirectory, scoredPrompts, type Studio } from '../engine/studio.ts'
import { says, startJudge, type JudgeServer } from '../fixtures/judge-server.ts'

const key = 'sk-of-the-reader'
let sender: Studio
let reader: Studio
let canary: string
let command: Record<string, unknown>
let stranger: JudgeServer
let own: JudgeServer
let collection: number
let dataset: number
/** unfinished, in the project as it is sent */
const unfinished: Record<string, number> = {}

beforeAll(async () => {
  process.env['RE_CONTROL_KEY_OPENAI'] = key
  stranger = await startJudge(says('Score: 7'))
  own = await startJudge(says('Score: 3'))
  sender = await openStudio()
  canary = join(sender.directory, 'canary')
  const script = join(sender.directory, 'score.mjs')
  writeFileSync(script, [
    'import { appendFileSync } from "node:fs"',
    'import { createInterface } from "node:readline"',
    'appendFileSync(process.argv[2], "ran\\n")',
    'createInterface({ input: process.stdin }).on("line", (line) => console.log(JSON.stringify({ id: JSON.parse(line).id, reward: JSON.parse(line).response.length })))'
  ].join('\n'))
  command = { command: process.execPath, arguments: [script, canary] }
  const endpoint = { url: stranger.url, model: 'm', retries: 0 }

  dataset = await sender.importRows(scoredPrompts(3))
  collection = (await sender.run('collect', collectSettings.parse({ dataset, split: null, maxTokens: 4, sampling: greedy }))).subject as number
  const label = (source: string, name: string, settings: Record<string, unknown>) => sender.run('reward', labelSettings.parse({ collection, source, name, settings }))
  for (const job of [
    await label('program', 'mine', command),
    await label('mix', 'mixed', { parts: ['mine=1'], standardise: false }),
    await label('judge', 'judged', { ...endpoint, key: 'openai' }),
    await label('judge', 'open', endpoint),
    await sender.run('evaluate', evaluateSettings.parse({ dataset, split: null, methods: [{ name: 'base' }], maxTokens: 4, sampling: greedy, source: 'mine' }))
  ]) expect(job).toMatchObject({ state: 'done', failure: null })
  for (const [name, source, settings] of [['program', 'program', command], ['key', 'judge', { ...endpoint, key: 'openai' }], ['open', 'judge', endpoint]] as const) {
    const { id } = sender.project.jobs.create('reward', name, 'responses', labelSettings.parse({ collection, source, name: `again ${name}`, settings }))
    sender.project.jobs.update(id, { state: 'paused' })
    unfinished[name] = id
  }
  const { directory } = sender.project
  await sender.engine.close()
  rmSync(canary)
  stranger.asked.length = 0

  reader = await openStudio()
  cpSync(directory, join(reader.directory, 'received'), { recursive: true })
  await reader.engine.open(() => Project.open(join(reader.directory, 'received')))
})
afterAll(async () => {
  delete process.env['RE_CONTROL_KEY_OPENAI']
  await stranger.close()
  await own.close()
  await reader.close()
  await sender.close()
})

/** As the window does it for a person who reads what is asked for, and wants it. */
async function allowed(input: Parameters<typeof labelSettings.parse>[0]): Promise<Job> {
  const handlers = createHandlers(reader.engine)
  const labelling = labelSettings.parse(input)
  return handlers['reward.start']({ ...labelling, allow: await handlers['project.asksFor']({ labelling, metrics: [] }) })
}

const resumed = (name: string) => reader.engine.jobs.finished(reader.engine.jobs.resume(unfinished[name] as number).id)
const started = (kind: 'evaluate', settings: unknown) => reader.engine.jobs.finished(reader.engine.jobs.start(kind, settings).id)
const evaluated = (more: object) => started('evaluate', evaluateSettings.parse({ dataset, split: null, methods: [{ name: 'base' }], maxTokens: 4, sampling: greedy, source: 'tone', ...more }))
const method = (name: string, settings: Record<string, unknown>) => resolveMethod({ name, settings })

async function answeredBy(chosen: ReturnType<typeof method>): Promise<number> {
  const { models, secrets, asked, project } = reader.engine
  const { tokens } = await generate({ project, models, secrets, asked }, await models.use(project), [{ key: 0, method: chosen, messages: [{ role: 'user', content: 'Why?' }], seed: 1 }], {
    maxTokens: 4, parallel: 2, sampling: greedy, tokens: false, deterministic: false, onEvent: () => {}
  })
  return tokens
}

describe('a command', () => {
  test('of an unfinished labelling, an evaluation, its extension, a second measure, a mix and a search is named and not run', async () => {
    const refused = { state: 'failed', failure: { code: 'not-usable', message: expect.stringMatching(/would run .*score\.mjs.*nobody on this machine has asked for; to allow it, label with this command once yourself$/) as string } }
    const known = reader.engine.project.evaluations.list().length
    expect(await resumed('program')).toMatchObject(refused)
    expect(await evaluated({ source: 'mine' })).toMatchObject(refused)
    expect(await evaluated({ source: 'mixed' })).toMatchObject(refused)
    expect(await evaluated({ methods: [{ name: 'best-of-n', settings: { candidates: 2, reward: 'mine' } }] })).toMatchObject(refused)
    expect(await evaluated({ source: 'program', sourceSettings: command })).toMatchObject(refused)
    expect(await evaluated({ metrics: [{ name: 'reward', settings: { reward: 'mine' } }] })).toMatchObject(refused)
    expect(reader.engine.project.evaluations.list()).toHaveLength(known) // before anything was answered
    const extension = await started('evaluate', evaluationExtension.parse({ evaluation: 1, seeds: 2 }))
    expect(extension).toMatchObject(refused)
    await reader.engine.jobs.discard(extension.id)
    for (const chosen of [method('best-of-n', { candidates: 2, reward: 'mine' }), method('cd', { reward: 'mine' })]) await expect(answeredBy(chosen)).rejects.toMatchObject(refused.failure)
    expect(existsSync(canary)).toBe(false)
  })

  test('is shown by the preview and not run', async () => {
    const preview = await createHandlers(reader.engine)['reward.preview'](labelSettings.parse({ collection, source: 'program', name: 'new', settings: command }))
    expect(preview.facts).toEqual([{ name: 'Command', value: expect.stringContaining('score.mjs') as string }])
    expect(existsSync(canary)).toBe(false)
  })

  test('of a form that begins with it needs more than the form: its words, in full and exactly', async () => {
    const handlers = createHandlers(reader.engine)
    const settings = { ...command, arguments: [...(command['arguments'] as string[]), '\u202egnp.erocs', 'a\u00a0b'] }
    const labelling = { source: 'program', settings }
    const [words = '', ...others] = await handlers['project.asksFor']({ labelling, metrics: [] })
    expect(others).toEqual([])
    expect(words).toBe(`run ${[process.execPath, ...(command['arguments'] as string[])].map((word) => JSON.stringify(word)).join(' ')} "\\u{202e}gnp.erocs" "a\\u{a0}b"`)
    const jobs = reader.engine.jobs.list().length
    const start = (allow: string[]) => handlers['reward.start']({ ...labelSettings.parse({ collection, name: 'form', ...labelling }), allow })
    for (const allow of [[], [words.slice(0, -1)], [`run ${process.execPath}`], ['*']]) expect(() => start(allow)).toThrow('nobody on this machine has asked for')
    const judged = [{ name: 'win-rate', settings: { url: stranger.url, model: 'm', key: 'openai', against: 'preferred' } }]
    expect(await handlers['project.asksFor']({ labelling: null, metrics: judged })).toEqual([`send the key openai and texts to ${new URL(stranger.url).origin}`])
    const evaluation = { ...evaluateSettings.parse({ dataset, methods: [{ name: 'base' }], metrics: judged }), allow: [words] }
    expect(() => handlers['evaluate.start'](evaluation)).toThrow('nobody on this machine has asked for')
    expect(() => handlers['evaluate.extend']({ ...evaluationExtension.parse({ evaluation: 1, metrics: judged }), allow: [words] })).toThrow('nobody on this machine has asked for')
    expect(reader.engine.jobs.list()).toHaveLength(jobs)
    expect(await handlers['project.asksFor']({ labelling, metrics: judged })).toHaveLength(2) // what was tried has allowed nothing
    expect(existsSync(canary)).toBe(false)
  })

  test('runs wherever its reader has asked for exactly it, and not with other arguments', async () => {
    const { jobs } = reader.engine
    expect(await jobs.finished((await allowed({ collection, source: 'program', name: 'asked', settings: command })).id)).toMatchObject({ state: 'done', done: 3 })
    expect(readFileSync(canary, 'utf8')).toBe('ran\n')
    expect(await resumed('program')).toMatchObject({ state: 'done', failure: null })
    expect(await evaluated({ source: 'mine', methods: [{ name: 'base' }, { name: 'best-of-n', settings: { candidates: 2, reward: 'mine' } }] })).toMatchObject({ state: 'done' })
    expect(await answeredBy(method('best-of-n', { candidates: 2, reward: 'mine' }))).toBeGreaterThan(0)
    const times = readFileSync(canary, 'utf8')
    expect(await evaluated({ source: 'program', sourceSettings: { ...command, arguments: [...(command['arguments'] as string[]), 'more'] } })).toMatchObject({ failure: { code: 'not-usable' } })
    expect(readFileSync(canary, 'utf8')).toBe(times)
  })
})

describe('an endpoint', () => {
  test('gets no text and no key, though a key of that name is used elsewhere', async () => {
    expect(await reader.engine.jobs.finished((await allowed({ collection, source: 'judge', name: 'own', settings: { url: own.url, model: 'm', key: 'openai' } })).id)).toMatchObject({ state: 'done', done: 3 })
    expect(own.asked.map(({ headers }) => headers.authorization)).toEqual(Array(3).fill(`Bearer ${key}`))

    const { origin } = new URL(stranger.url)
    const refused = (what: string) => ({ code: 'not-usable', message: expect.stringContaining(`this project would send ${what} to ${origin}, which nobody on this machine has asked for`) as string })
    expect((await resumed('key')).failure).toMatchObject(refused('the key openai and texts'))
    expect((await resumed('open')).failure).toMatchObject(refused('texts'))
    expect((await evaluated({ source: 'judged' })).failure).toMatchObject(refused('the key openai and texts'))
    expect((await evaluated({ metrics: [{ name: 'win-rate', settings: { url: stranger.url, model: 'm', key: 'openai', against: 'preferred' } }] })).failure).toMatchObject(refused('the key openai and texts'))
    await expect(answeredBy(method('best-of-n', { candidates: 2, reward: 'judged' }))).rejects.toMatchObject(refused('the key openai and texts'))
    expect(stranger.asked).toEqual([])
  })

  test('that its reader asks for without a key gets texts, and no key', async () => {
    expect(await reader.engine.jobs.finished((await allowed({ collection, source: 'judge', name: 'mine too', settings: { url: stranger.url, model: 'm' } })).id)).toMatchObject({ state: 'done', done: 3 })
    expect((await resumed('open')).failure).toBeNull()
    expect((await resumed('key')).failure).toMatchObject({ code: 'not-usable' })
    expect(stranger.asked.length).toBeGreaterThan(0)
    expect(stranger.asked.filter(({ headers }) => headers.authorization !== undefined)).toEqual([])
  })
})

test('what was asked for is kept by the data directory, an unreadable file counts as nothing, and a deleted key is asked for anew', () => {
  const data = ownDirectory()
  const door = { origin: 'https://example.org', key: 'openai' }
  new AskedFor(data).add(door)
  new AskedFor(data).add({ command: 'score', arguments: ['a b'] })
  new AskedFor(data).require(door)
  new AskedFor(data).require({ command: 'score', arguments: ['a b'] })
  expect(() => new AskedFor(data).require({ command: 'score', arguments: ['a', 'b'] })).toThrow('would run "score" "a" "b"')
  expect(() => new AskedFor(data).require({ origin: door.origin, key: null })).toThrow('would send texts to https://example.org')
  new AskedFor(data).forgetKey('openai')
  expect(() => new AskedFor(data).require(door)).toThrow('nobody on this machine has asked')
  writeFileSync(join(data, 'programs.json'), '[{"command": "sc')
  expect(() => new AskedFor(data).require({ command: 'score', arguments: ['a b'] })).toThrow('nobody on this machine has asked')
})
