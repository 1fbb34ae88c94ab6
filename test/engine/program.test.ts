/** A program of the person's own as a reward source: real child processes, good and bad ones. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { labelDoors, previewLabelling } from '../../src-main/engine/reward/label.ts'
import { projectWith, type LabelledProject } from './labelled-project.ts'

const script = resolve(import.meta.dirname, '..', 'fixtures', 'score-program.mjs')
const texts = (count: number): string[] => Array.from({ length: count }, (_, i) => 'x'.repeat(i + 1))
const settings = (how: string, changes: object = {}, file = ''): object => ({ command: process.execPath, arguments: [script, how, file], timeoutSeconds: 30, ...changes })
const lengths = (count: number): number[] => texts(count).map((text) => text.length)

async function isGone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0)
      // a zombie of the container's init is gone too
      if (/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))) return
    } catch {
      return
    }
    await sleep(20)
  }
}

test.each(['fine', 'all-at-the-end', 'backwards', 'split', 'lingers'])('a program that answers %s', async (how) => {
  const studio = projectWith(texts(20))
  expect(await studio.label('program', settings(how))).toMatchObject({ state: 'done', done: 20, failure: null })
  expect(studio.labels('program')).toEqual(lengths(20))
})

test('10,000 responses, more than any pipe holds, and no more of them in the air than the program reads', async () => {
  const studio = projectWith(Array.from({ length: 10_000 }, (_, i) => 'long '.repeat(i % 50)))
  const started = performance.now()
  expect(await studio.label('program', settings('fine'))).toMatchObject({ state: 'done', done: 10_000 })
  console.log(`10,000 responses through a program: ${((performance.now() - started) / 1000).toFixed(1)} s`)
  expect(studio.summary('program')).toMatchObject({ labelled: 10_000, failed: 0, min: 0, max: 245 })
})

test('it gets everything that there is of a response, one JSON object a line, as the preview shows it', async () => {
  const studio = projectWith(['two\nlines \u2028 and "quotes"'])
  const preview = await previewLabelling({ collection: studio.collection, source: 'program', name: null, settings: settings('echo') as Record<string, unknown> }, studio.project, studio.models, studio.secrets, studio.asked)
  expect(preview.facts).toEqual([{ name: 'Command', value: `${JSON.stringify(process.execPath)} ${JSON.stringify(script)} "echo" ""` }])
  expect(JSON.parse(preview.sample ?? '')).toEqual({ id: 1, prompt: 'prompt 0', messages: [], response: 'two\nlines \u2028 and "quotes"', columns: { number: 0 } })
  await studio.label('program', settings('echo'))
  const [echo] = studio.labels('program')
  expect(JSON.parse(String(echo).replace('the program says: ', ''))).toEqual(JSON.parse(preview.sample ?? ''))
})

test('what is no number, and what the program says to be a failure, stays unlabelled', async () => {
  const studio = projectWith(texts(10))
  await studio.label('program', settings('odd-rewards'))
  const none = 'the program\'s reward is not a finite number'
  expect(studio.labels('program')).toEqual([2, none, none, none, none, none, 'the program says: too long', 'the program says: both', none, 0])
})

const ends: [string, RegExp, number][] = [
  ['exits-at-once', /ended with exit code 3, after 0 answers; it said: Traceback: no module named torch\. What it has labelled is kept/, 0],
  ['dies-after-3', /ended with exit code 9, after 3 answers; it said: out of memory/, 3],
  ['killed-after-3', /was killed by SIGKILL, after 3 answers/, 3],
  ['ends-with-5-of-them', /ended with exit code 0, after 5 answers; it said: that is all/, 5],
  ['garbage', /wrote a line that is no \{"id", "reward"\}.*"Loading model\.\.\."\. Remarks belong on stderr/, 2],
  ['list', /wrote a line that is no/, 2],
  ['binary', /wrote a line that is no/, 2],
  ['unknown-id', /answered id 4711, which it was not asked/, 2],
  ['twice', /answered id 3 twice/, 3],
  ['endless-line', /wrote a line of more than 1 MB/, 2]
]
test.each(ends)('a program that %s ends the job; what it has labelled is kept, and the rest waits', async (how, message, labelled) => {
  const studio = projectWith(texts(50))
  const job = await studio.label('program', settings(how))
  expect(job).toMatchObject({ state: 'failed', failure: { message: expect.stringMatching(message) as string } })
  expect(studio.summary('program')).toMatchObject({ labelled, failed: 0, waiting: 50 - labelled })
  // another program of the same name goes on from there
  await studio.label('program', settings('fine'))
  expect(studio.summary('program')).toMatchObject({ labelled: 50, waiting: 0 })
})

test.each(['hangs-after-3', 'never-reads'])('a program that %s is ended after its timeout', async (how) => {
  const studio = projectWith(Array.from({ length: 400 }, () => 'long '.repeat(200))) // more than the pipe holds
  expect(await studio.label('program', settings(how, { timeoutSeconds: 1 }))).toMatchObject({ state: 'failed', failure: { message: expect.stringMatching(/said nothing for 1 s/) as string, retryable: true } })
})

test('a pause kills it with everything that it has started, and going on asks for the rest only', async () => {
  const studio = projectWith(texts(6))
  const file = join(studio.directory, 'pids')
  const chosen = { source: 'program', settings: { ...settings('with-child', {}, file) } }
  studio.asked.add(...labelDoors(chosen))
  const { id } = studio.jobs.start('reward', { collection: studio.collection, name: null, ...chosen })
  await answered(studio, 3)
  expect(await studio.jobs.pause(id)).toMatchObject({ state: 'paused' })
  expect(studio.summary('program')).toMatchObject({ labelled: 3, waiting: 3 })
  for (const pid of readFileSync(file, 'utf8').split(' ')) await isGone(Number(pid))
  studio.jobs.resume(id)
  expect(await studio.jobs.finished(id)).toMatchObject({ state: 'done', done: 6 })
  expect(studio.labels('program')).toEqual(lengths(6))
})

test('what it leaves behind when it exits is killed, and does not keep the job waiting', async () => {
  const studio = projectWith(texts(6))
  const file = join(studio.directory, 'pids')
  expect((await studio.label('program', settings('leaves-child', {}, file))).failure?.message).toMatch(/ended with exit code 1, after/)
  for (const pid of readFileSync(file, 'utf8').split(' ')) await isGone(Number(pid))
})

test('it does not get the keys of endpoints', async () => {
  process.env['RE_CONTROL_KEY_TEST'] = 'sk-secret'
  try {
    const studio = projectWith(texts(1))
    await studio.label('program', settings('environment'))
    expect(studio.labels('program')).toEqual(['the program says: no keys'])
  } finally {
    delete process.env['RE_CONTROL_KEY_TEST']
  }
})

test.each([
  ['no-such-program-anywhere', /could not be started: there is no such program/],
  [script, /could not be started: it may not be executed/],
  ['echo hello; rm', /there is no such program/]
])('%s cannot be started', async (command, message) => {
  const studio = projectWith(texts(1))
  expect((await studio.label('program', { command })).failure).toMatchObject({ code: 'not-usable', message: expect.stringMatching(message) as string })
})

async function answered(studio: LabelledProject, count: number): Promise<void> {
  while (!studio.told.some((job) => job.done >= count)) await sleep(20)
}
