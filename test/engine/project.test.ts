import Database from 'better-sqlite3'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { collectSettings, type CollectSettings } from '../../src-main/contract/collect.ts'
import { toFailure, type Failure } from '../../src-main/contract/errors.ts'
import { migrate as first } from '../../src-main/engine/project/migrations/0001-first.ts'
import { migrate, schemaVersion } from '../../src-main/engine/project/migrate.ts'
import { Project } from '../../src-main/engine/project/project.ts'
import { addRecent, forgetRecent, listRecent, rememberStage } from '../../src-main/engine/project/recent.ts'
import { ownDirectory } from './studio.ts'

const databaseOf = (directory: string): string => join(directory, 'project.db')

/** A closed project with a data set of a few thousand bytes in it. */
function closedProject(): string {
  const directory = join(ownDirectory(), 'project')
  const project = Project.create(directory, '/models/tiny.gguf')
  const dataset = project.datasets.create('rows', 'rows.jsonl', 'prompts')
  const examples = Array.from({ length: 100 }, (_, i) => ({ line: i + 1, split: 'train' as const, prompt: `prompt ${i}`, messages: [], chosen: null, rejected: null, columns: {} }))
  project.datasets.add(dataset, examples, [])
  project.close()
  return directory
}

function failureOf(act: () => Project): Failure {
  let project: Project
  try {
    project = act()
  } catch (error) {
    return toFailure(error)
  }
  project.close()
  throw new Error('it was opened')
}

interface Opened {
  child: ChildProcess
  /** what the other process says of the project, or why it has none */
  answer: { counts?: Record<string, number>; prompts?: string[]; code?: string; message?: string } | null
}

/** Opens the project in another process; `answer` is null when that process ended or hung without a word. */
async function openElsewhere(directory: string): Promise<Opened> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'open-project.ts'), directory], { stdio: ['pipe', 'pipe', 'ignore'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const hung = setTimeout(() => child.kill('SIGKILL'), 6000)
  for await (const line of createInterface({ input: child.stdout })) {
    clearTimeout(hung)
    return { child, answer: JSON.parse(line) as Opened['answer'] }
  }
  clearTimeout(hung)
  return { child, answer: null }
}

describe('a project', () => {
  test('is a folder with a database and states, and is the same when it is opened again', () => {
    const directory = join(ownDirectory(), 'new', 'project')
    const created = Project.create(directory, '/models/tiny.gguf')
    const summary = created.summary()
    created.close()
    expect(summary).toMatchObject({ name: 'project', path: directory, modelFile: '/models/tiny.gguf', counts: { datasets: 0, responses: 0 } })
    expect(readdirSync(directory).sort()).toEqual(['project.db', 'states'])
    const opened = Project.open(directory)
    expect(opened.summary()).toEqual(summary)
    opened.close()
  })

  test('may be made in an empty folder, not over files, a project or a file', () => {
    const directory = ownDirectory()
    mkdirSync(join(directory, 'empty'))
    Project.create(join(directory, 'empty'), null).close()
    expect(failureOf(() => Project.create(join(directory, 'empty'), null))).toMatchObject({ code: 'bad-request', message: expect.stringContaining('is a project already') })
    expect(failureOf(() => Project.create(directory, null))).toMatchObject({ code: 'bad-request', message: expect.stringContaining('is not empty') })
    writeFileSync(join(directory, 'file'), '')
    expect(failureOf(() => Project.create(join(directory, 'file'), null))).toMatchObject({ code: 'bad-request' })
  })

  test('that is not there is not made by opening it', () => {
    const directory = ownDirectory()
    expect(failureOf(() => Project.open(directory))).toMatchObject({ code: 'not-found' })
    expect(readdirSync(directory)).toEqual([])
  })

  test('has one opener: a second one in the same process is told', () => {
    const directory = closedProject()
    const first = Project.open(directory)
    expect(failureOf(() => Project.open(directory))).toMatchObject({ code: 'project-locked', retryable: true })
    expect(first.summary().counts.examples).toBe(100)
    first.close()
    Project.open(directory).close()
  })

  test('has one opener: another process is told, and may have it afterwards', async () => {
    const directory = closedProject()
    const first = Project.open(directory)
    expect((await openElsewhere(directory)).answer).toMatchObject({ code: 'project-locked' })
    first.close()
    expect((await openElsewhere(directory)).answer?.counts).toMatchObject({ examples: 100 })
  })

  test('a process that is killed leaves no lock behind', async () => {
    const directory = closedProject()
    const { child, answer } = await openElsewhere(directory)
    expect(answer?.counts).toMatchObject({ examples: 100 })
    expect(failureOf(() => Project.open(directory))).toMatchObject({ code: 'project-locked' })
    child.kill('SIGKILL')
    await once(child, 'exit')
    const project = Project.open(directory)
    expect(project.summary().counts.examples).toBe(100)
    project.close()
  })
})

test('a collection of an older version has the settings that were not there yet', () => {
  const project = Project.create(join(ownDirectory(), 'project'), null)
  onTestFinished(() => project.close())
  const dataset = project.datasets.create('rows', 'rows.jsonl', 'prompts')
  const { responses: _responses, deterministic: _deterministic, ...older } = collectSettings.parse({ dataset, samples: 3 })
  const id = project.collections.create(older as CollectSettings, { studio: '0', model: '', modelFile: '', backend: 'cpu', device: '', llamaCpp: '', threads: 1 }, 1, 4)
  expect(project.collections.get(id).settings).toEqual({ ...older, responses: 'generated', deterministic: false })
})

describe('a project from a newer version', () => {
  test.each(['wal', 'delete'])('is refused, its %s file unchanged to the byte', (journal) => {
    const directory = closedProject()
    const db = new Database(databaseOf(directory))
    db.pragma(`journal_mode = ${journal}`)
    db.pragma(`user_version = ${schemaVersion + 1}`)
    db.close()
    const before = readFileSync(databaseOf(directory))
    expect(failureOf(() => Project.open(directory))).toMatchObject({ code: 'project-newer', message: expect.stringContaining('unchanged') })
    expect(readFileSync(databaseOf(directory)).equals(before)).toBe(true)
  })
})

describe('a damaged database', () => {
  const refused = ['project-damaged', 'not-usable']

  test.each<[string, (bytes: Buffer) => Buffer]>([
    ['garbage', (bytes) => Buffer.alloc(bytes.length, 'garbage ')],
    ['nothing', () => Buffer.alloc(0)],
    ['zeros', (bytes) => Buffer.alloc(bytes.length)],
    ['a text file', () => Buffer.from('{"name": "project"}')],
    ['the first page', (bytes) => bytes.subarray(0, 4096)],
    ['half of it', (bytes) => bytes.subarray(0, bytes.length / 2)],
    ['its header alone', (bytes) => bytes.subarray(0, 100)],
    ['a page of zeros in it', (bytes) => Buffer.concat([bytes.subarray(0, 4096), Buffer.alloc(4096), bytes.subarray(8192)])]
  ])('%s: is refused and left as it was', (_what, damage) => {
    const directory = closedProject()
    const damaged = damage(readFileSync(databaseOf(directory)))
    writeFileSync(databaseOf(directory), damaged)
    expect(refused).toContain(failureOf(() => Project.open(directory)).code)
    expect(readFileSync(databaseOf(directory)).equals(damaged)).toBe(true)
  })

  test('another program\'s SQLite database is not taken for a project', () => {
    const directory = ownDirectory()
    const db = new Database(databaseOf(directory))
    db.exec('CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)')
    db.close()
    expect(failureOf(() => Project.open(directory))).toMatchObject({ code: 'not-usable' })
  })

  test('a folder named project.db is not a database', () => {
    const directory = ownDirectory()
    mkdirSync(databaseOf(directory))
    expect(refused).toContain(failureOf(() => Project.open(directory)).code)
  })

  /** Why `bytes` as a project's database are neither refused nor the whole project; null when they are. */
  function wrongWith(bytes: Buffer): string | null {
    const directory = ownDirectory()
    writeFileSync(databaseOf(directory), bytes)
    let project: Project
    try {
      project = Project.open(directory)
    } catch (error) {
      const { code, message } = toFailure(error)
      return refused.includes(code) ? null : `${code}: ${message}`
    }
    const prompts = project.datasets.list().flatMap(({ id }) => project.datasets.tasks(id, null, null).map((task) => task.prompt))
    project.close()
    return prompts.join() === Array.from({ length: 100 }, (_, i) => `prompt ${i}`).join() ? null : `opened with ${prompts.length} prompts`
  }

  test('one flipped byte anywhere in the header: refused, or all there', () => {
    const whole = readFileSync(databaseOf(closedProject()))
    const wrong: string[] = []
    for (let at = 0; at < 100; at++) {
      if (at >= 60 && at < 64) continue // the schema version: see the next test
      for (const flip of [0x01, 0x80, 0xff]) {
        const bytes = Buffer.from(whole)
        bytes[at]! ^= flip
        const problem = wrongWith(bytes)
        if (problem !== null) wrong.push(`byte ${at} ^ ${flip}: ${problem}`)
      }
    }
    expect(wrong).toEqual([])
  })

  test('cut off anywhere: refused, or all there', () => {
    const whole = readFileSync(databaseOf(closedProject()))
    const wrong: string[] = []
    for (let length = whole.length - 100; length > 0; length -= 1900) {
      const problem = wrongWith(whole.subarray(0, length))
      if (problem !== null) wrong.push(`${length} of ${whole.length} bytes: ${problem}`)
    }
    expect(wrong).toEqual([])
  })

  // a version below 0 has 2^31 migrations to go: in a process of its own, so that it can be ended
  test.each([0x01, 0x80])('the schema version\'s first byte ^ %i: refused or all there, soon', async (flip) => {
    const directory = closedProject()
    const bytes = readFileSync(databaseOf(directory))
    bytes[60]! ^= flip
    writeFileSync(databaseOf(directory), bytes)
    const { answer } = await openElsewhere(directory)
    expect(answer, 'the process that opened it never answered').not.toBeNull()
    if (answer?.counts === undefined) expect(['project-newer', ...refused]).toContain(answer?.code)
    else expect(answer.counts).toMatchObject({ examples: 100 })
  })
})

describe('migrations', () => {
  test('bring an empty database to this version\'s schema, and a second time change nothing', () => {
    const db = new Database(':memory:')
    migrate(db)
    expect(db.pragma('user_version', { simple: true })).toBe(schemaVersion)
    const schema = db.prepare('SELECT name, sql FROM sqlite_schema ORDER BY name').all()
    expect(schema.length).toBeGreaterThan(10)
    migrate(db)
    expect(db.prepare('SELECT name, sql FROM sqlite_schema ORDER BY name').all()).toEqual(schema)
    expect(db.pragma('integrity_check', { simple: true })).toBe('ok')
    expect(db.pragma('foreign_key_check')).toEqual([])
    db.close()
  })

  test('from version 1: value functions keep what they were and can have a manifest', () => {
    const db = new Database(':memory:')
    first(db)
    db.pragma('user_version = 1')
    const insert = "INSERT INTO valueFunctions (name, source, created, inputDim, hiddenDims, weights, scale, rewardMean, rewardScale, bestEpoch, curve, calibration) VALUES ('old', 'tone', '', 4, '[2]', x'', 1, 0, 1, 3, '[]', '[]')"
    db.exec(insert)
    migrate(db)
    expect(db.pragma('user_version', { simple: true })).toBe(schemaVersion)
    expect(db.prepare('SELECT name, bestEpoch, manifest FROM valueFunctions').all()).toEqual([{ name: 'old', bestEpoch: 3, manifest: null }])
    db.exec(insert.replace('calibration)', 'calibration, manifest)').replace("'[]')", "'[]', '{}')"))
    db.close()
  })

  test('a newer database is refused without a change', () => {
    const db = new Database(':memory:')
    db.pragma(`user_version = ${schemaVersion + 1}`)
    expect(() => migrate(db)).toThrow(expect.objectContaining({ code: 'project-newer' }))
    expect(db.prepare('SELECT count(*) FROM sqlite_schema').pluck().get()).toBe(0)
    db.close()
  })

  test('the schema itself keeps a failed label from having a value, and a response from being there twice', () => {
    const directory = closedProject()
    const db = new Database(databaseOf(directory))
    db.pragma('foreign_keys = ON')
    db.exec("INSERT INTO collections (dataset, settings, manifest, planned, inputDim, created) VALUES (1, '{}', '{}', 1, 4, '')")
    const response = "INSERT INTO responses (collection, example, sample, seed, promptText, text, tokens, finish, shard, offset, states, crc32) VALUES (1, 1, 0, 1, '', '', x'', 'end', 's', 0, 1, 0)"
    db.exec(response)
    expect(() => db.exec(response)).toThrow(/UNIQUE/)
    const labelling = "INSERT INTO labellings (collection, name, source, settings, counts) VALUES (1, 'tone', 'tone', ?, 1)"
    db.prepare(labelling).run('{}')
    expect(() => db.prepare(labelling).run('{"other": 1}')).toThrow(/UNIQUE/) // one that counts
    const label = db.prepare('INSERT INTO labels (labelling, response, value, failure) VALUES (1, ?, ?, ?)')
    expect(() => label.run(1, null, null)).toThrow(/CHECK/)
    expect(() => label.run(1, 0, 'failed')).toThrow(/CHECK/)
    expect(() => label.run(2, 1, null)).toThrow(/FOREIGN KEY/)
    db.close()
  })
})

describe('recent projects', () => {
  test('are the last opened first, once each; those that are gone are marked and can be forgotten', () => {
    const data = join(ownDirectory(), 'data')
    const [a, b] = [closedProject(), closedProject()]
    for (const path of [a, b, a, '/gone']) addRecent(data, { name: 'project', path })
    expect(listRecent(data).map(({ path, gone }) => [path, gone])).toEqual([['/gone', true], [a, false], [b, false]])
    forgetRecent(data, '/gone')
    expect(listRecent(data).map(({ path }) => path)).toEqual([a, b])
  })

  test('keep the stage that was in front, also when they are opened again', () => {
    const data = join(ownDirectory(), 'data')
    const [a, b] = [closedProject(), closedProject()]
    for (const path of [a, b]) addRecent(data, { name: 'project', path })
    rememberStage(data, a, 'train')
    addRecent(data, { name: 'project', path: a })
    expect(listRecent(data).map(({ path, stage }) => [path, stage])).toEqual([[a, 'train'], [b, null]])
  })

  test('an unreadable list is an empty one', () => {
    const data = ownDirectory()
    writeFileSync(join(data, 'recent-projects.json'), '{"damaged"')
    expect(listRecent(data)).toEqual([])
    const project = closedProject()
    addRecent(data, { name: 'project', path: project })
    expect(listRecent(data)).toHaveLength(1)
    expect(existsSync(join(data, 'recent-projects.json.part'))).toBe(false)
  })
})
