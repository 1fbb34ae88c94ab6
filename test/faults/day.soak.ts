/** A day's use of one project in some minutes: through terminal and window in turn, with what goes wrong on a day. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { hasDisplay, startVirtualDisplay } from '../../native/setup/display.mjs'
import type { Job } from '../../src-main/contract/job.ts'
import { makeHome, type Home } from '../cli/terminal.ts'
import { scoredPrompts, writeRows } from '../engine/studio.ts'
import { openFiles, processTable, residentBytes, untilGone } from '../fixtures/processes.ts'
import { expectWhole } from './kills.ts'
import { report } from './soak.ts'
import { openWindow, type StudioWindow } from './studio-window.ts'

let home: Home
let display: { name: string; stop(): void } | null = null
beforeAll(async () => {
  home = await makeHome()
  display = (await hasDisplay()) ? null : await startVirtualDisplay()
  Object.assign(process.env, { XDG_CACHE_HOME: home.path('cache') }, display === null ? {} : { DISPLAY: display.name })
})
afterAll(() => {
  home.remove()
  display?.stop()
})

const must = async (words: string): Promise<Record<string, any>> => {
  const { code, stdout, stderr } = await home.cli(...words.split(' '), '--json')
  expect({ code, stderr }, words).toMatchObject({ code: 0 })
  return JSON.parse(stdout) as Record<string, any>
}

/** In the window: starts a job, sees it to its end. */
const work = async (window: StudioWindow, method: Parameters<StudioWindow['output']>[0], input: object): Promise<Job> => {
  await window.output(method, input)
  return window.ended()
}

const steered = (valueFunction: number): object => ({ name: 're-control', settings: { valueFunction, alpha: 0.5, updates: 5 } })
const short = { split: null, maxTokens: 12, parallel: 4 }

test('a day', async () => {
  const out = (name: string): string => home.path(name)
  const project = home.path('p')
  const rows = writeRows(home.path('rows.jsonl'), scoredPrompts(24, 16))
  writeFileSync(home.path('mixed.jsonl'), `${readFileSync(rows, 'utf8').split('\n').slice(0, 3).join('\n')}\n{broken\n{"prompt": 7}\n`)
  writeFileSync(home.path('letter.jsonl'), 'Dear studio,')

  // the terminal in the morning
  await must('project new p --model tiny.gguf')
  await must('data import p rows.jsonl')
  expect(await home.cli('data', 'import', 'p', 'mixed.jsonl', '--json')).toMatchObject({ code: 1, json: { imported: 3 } })
  expect((await home.cli('data', 'import', 'p', 'letter.jsonl')).code).toBe(1)
  const collect = ['collect', 'p', '--dataset', '1', '--samples', '2', '--max-tokens', '24', '--seed', '3']
  for (const signal of ['SIGINT', 'SIGKILL'] as const) {
    const { process: child, result } = home.start(...collect)
    child.stderr?.on('data', (said: Buffer) => String(said).includes('Generating') && child.kill(signal))
    expect((await result).code, signal).not.toBe(0)
  }
  const { collection, responses } = (await home.cli(...collect, '--json')).json
  expect(responses).toBe(32)

  // the window until noon
  let window = await openWindow(home.directory)
  const { pid } = window.app.process()
  onTestFinished(() => {
    for (const one of processTable()) if (one.pid === pid) process.kill(one.pid, 'SIGKILL') // where the day ended early
  })
  const first = window.processes()
  await window.output('project.open', { directory: project })
  await work(window, 'reward.start', { collection, source: 'column', settings: { column: 'score' } })
  await work(window, 'reward.start', { collection, source: 'tone', settings: {} })
  const train = { collection, source: 'column', hidden: 64, epochs: 60, patience: 0, batch: 16, learningRate: 1e-3 }
  await window.output('train.start', { ...train, seed: 1 })
  const training = (await window.newest()) as Job
  const paused = await window.output<Job>('jobs.pause', { job: training.id }).catch(() => null) // refused where it has ended already
  if (paused?.state === 'paused') await window.output('jobs.resume', { job: training.id })
  const { subject: valueFunction } = await window.ended()
  const { subject: second } = await work(window, 'train.start', { ...train, seed: 2 })
  await window.output('value.compare', { ids: [valueFunction, second] })
  const metrics = await window.app.evaluate(({ app }) => app.getAppMetrics().map(({ name, pid }) => ({ name, pid })))
  await window.output('collect.start', { dataset: 1, ...short, seed: 4 })
  for (const { name, pid } of metrics) if (name === 'RE-Control model host') process.kill(pid, 'SIGKILL')
  const again = await window.ended()
  expect(again.done).toBe(24)

  // conversations
  const panes = [{ name: 'base', settings: {} }, { name: 'prompting', settings: {} }, steered(valueFunction as number)]
  const say = async (prompt: string, parent: number | null): Promise<number> => {
    const answered = window.page.evaluate(() => new Promise<void>((resolve) => (globalThis as unknown as { __port: MessagePort }).__port.addEventListener('message', ({ data }) => data.event === 'chat.done' && resolve())))
    const { turn } = await window.output<{ turn: number }>('chat.send', { prompt, parent, panes, maxTokens: 12 })
    await answered
    return turn
  }
  const one = await say('What is calm?', null)
  const two = await say('And what is loud?', one)
  await say('And what is kind?', one) // an edit: another branch
  await window.output('chat.branch', { turn: two })
  for (const pane of [0, 2]) await window.output('chat.rate', { turn: two, pane, value: pane === 0 ? -1 : 1 })
  await window.output('chat.toDataset', {})
  const { conversations } = await window.output<{ conversations: { id: number }[] }>('chat.conversations', { offset: 0, limit: 10 })
  expect(conversations).toHaveLength(2)
  await window.output('chat.export', { conversation: conversations.at(-1)?.id, format: 'json', file: out('chat.json') })
  await window.output('chat.delete', { conversation: conversations[0]?.id })

  // a study, and more of it
  const study = { dataset: 1, split: null, limit: 6, maxTokens: 8, parallel: 3, source: 'tone', methods: [{ name: 'base', settings: {} }, steered(valueFunction as number)] }
  const { subject: evaluation } = await work(window, 'evaluate.start', study)
  await work(window, 'evaluate.extend', { evaluation, methods: [{ name: 'prompting', settings: {} }], seeds: 2 })
  for (const format of ['html', 'csv', 'json', 'latex', 'settings']) await window.output('evaluate.export', { evaluation, format, file: out(`study.${format}`) })
  await work(window, 'data.export', { what: 'responses', of: collection, format: 'parquet', file: out('responses.parquet') })
  await work(window, 'data.export', { what: 'examples', of: 1, format: 'csv', file: out('examples.csv') })
  await work(window, 'collect.export', { collection, directory: out('states') })
  await window.output('value.export', { id: valueFunction, file: out('v.safetensors') })

  // deleted, refused and undone
  await expect(window.output('collect.delete', { collection })).rejects.toThrow(/./)
  await window.page.getByRole('navigation').getByRole('button', { name: /^Data/ }).click()
  await window.output('project.backup', {})
  const counts = (await window.output<{ project: { counts: object } }>('studio.state', {})).project.counts
  await window.output('evaluate.delete', { evaluation })
  await window.output('project.close', {})
  const [backup] = await window.output<{ name: string }[]>('project.backups', { directory: project })
  expect(await window.output<{ counts: object }>('project.restore', { directory: project, backup: backup?.name })).toMatchObject({ counts })
  await window.output('collect.delete', { collection: again.subject }) // for good: a backup has no states

  // served, by both words
  const { port } = await window.output<{ port: number }>('server.start', { port: null })
  const { token } = await window.output<{ token: string }>('server.token', {})
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const { data: served } = (await (await fetch(`http://127.0.0.1:${port}/v1/models`, { headers })).json()) as { data: { id: string }[] }
  expect(served.length).toBeGreaterThan(1) // the model alone, and steered
  for (const [i, stream] of [false, true].entries()) {
    const answer = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
      method: 'POST', headers,
      body: JSON.stringify({ model: served[i]?.id, stream, max_tokens: 8, messages: [{ role: 'user', content: 'Is calm good?' }] })
    })
    expect({ status: answer.status, text: await answer.text() }).toMatchObject({ status: 200, text: expect.stringContaining('choices') as string })
  }
  await window.output('server.stop', {})
  const memory = (await window.app.evaluate(({ app }) => app.getAppMetrics().map(({ name, type, pid }) => ({ name: name ?? type, pid })))).map(({ name, pid }) => `${name} ${Math.round(residentBytes(pid) / 1e6)} MB, ${openFiles(pid)} files`)
  report(`at the end of the day: ${memory.join('; ')}`)

  // the whole app is killed at work, and the evening goes on
  await window.output('collect.start', { dataset: 1, ...short, maxTokens: 64, samples: 2, seed: 5 })
  const before = [...first, ...window.processes()]
  process.kill(-(window.app.process().pid as number), 'SIGKILL')
  await untilGone(before)
  expectWhole(project)
  window = await openWindow(home.directory)
  await window.page.getByRole('region', { name: 'Recent' }).getByRole('button').first().click()
  await window.page.getByRole('region', { name: 'Jobs' }).getByRole('button', { name: 'Resume' }).first().click()
  await window.ended()
  const last = window.processes()
  await window.app.close()
  await untilGone(last)

  // what is left
  await must('value-function import p v.safetensors')
  await must('states import p states')
  expect((await must('data search p --dataset 1 question'))['total']).toBe(24)
  const names = readdirSync(project, { recursive: true, encoding: 'utf8' })
  expect(names.filter((name) => /\.(part|new|restoring|checkpoint)$|-wal$|-shm$/.test(name) || name.includes('training-'))).toEqual([])
  expectWhole(project)
  const db = new Database(join(project, 'project.db'), { readonly: true })
  for (const sql of ['SELECT example, sample FROM responses WHERE collection = 1 GROUP BY 1, 2 HAVING count(*) > 1', 'SELECT response FROM labels GROUP BY labelling, response HAVING count(*) > 1']) expect(db.prepare(sql).all()).toEqual([])
  expect(db.prepare('SELECT count(*) FROM responses WHERE collection = (SELECT max(id) - 1 FROM collections)').pluck().get()).toBe(48)
  db.close()
  const stray = processTable().filter(({ command }) => command.includes(home.directory) && !command.startsWith('Xvfb'))
  expect(stray.filter(({ pid }) => pid !== process.pid).map(({ command }) => command)).toEqual([])
})
