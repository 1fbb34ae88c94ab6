/** What a person, a page or a file can name that is no ordinary file: refused in a sentence, without a hang and without reading on. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { createInterface, type Interface } from 'node:readline'
import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Failure } from '../../src-main/contract/errors.ts'
import type { MethodName } from '../../src-main/contract/methods.ts'
import { ownShard } from '../../src-main/engine/project/own-files.ts'
import { temporaryDirectory } from '../engine/studio.ts'
import { residentBytes } from '../fixtures/processes.ts'

const folder = temporaryDirectory()
const place = (...names: string[]): string => join(folder, ...names)
const patience = 20_000 // of a request that hangs; then its process is killed, which fails the test

interface Reply {
  output?: { state?: string; failure?: Failure | null }
  failure?: Failure
}

let child: ChildProcess | null = null
let lines: Interface | null = null
let projects = 0

/** Asks the engine in its own process, a new one after one that hung. @throws Error when it hangs or dies */
async function ask(method: MethodName, input: unknown): Promise<Reply> {
  if (child === null) {
    mkdirSync(place(`engine-${++projects}`))
    child = spawn(process.execPath, [resolve(import.meta.dirname, '..', 'fixtures', 'asked-engine.ts'), place(`engine-${projects}`)], { stdio: ['pipe', 'pipe', 'inherit'] })
    lines = createInterface({ input: child.stdout! })
  }
  const asked = child
  return new Promise<Reply>((answered, failed) => {
    const end = (problem: string): void => {
      child = null
      asked.kill('SIGKILL')
      failed(new Error(`${method} ${JSON.stringify(input)} ${problem}`))
    }
    const late = setTimeout(() => end('hangs'), patience)
    const died = (): void => end('ended its process')
    asked.once('exit', died)
    lines!.once('line', (line) => {
      clearTimeout(late)
      asked.off('exit', died)
      answered(JSON.parse(line) as Reply)
    })
    asked.stdin!.write(`${JSON.stringify({ id: 1, method, input })}\n`)
  })
}

/** Every method that takes the path of something to read. */
const reads: [string, MethodName, (path: string) => unknown][] = [
  ['a model to inspect', 'model.inspect', (file) => ({ file })],
  ['a model to choose', 'model.choose', (file) => ({ file })],
  ['data to look at', 'data.preview', (file) => ({ file })],
  ['data', 'data.import', (file) => ({ file })],
  ['states', 'collect.import', (path) => ({ path })],
  ['a value function', 'value.import', (file) => ({ file })],
  ['a project', 'project.open', (directory) => ({ directory })],
  ['a project with a model', 'project.create', (modelFile) => ({ directory: place('new'), modelFile })]
]
const writes: [string, MethodName, (path: string) => unknown][] = [
  ['data', 'data.export', (file) => ({ dataset: 1, file, format: 'jsonl' })],
  ['a value function', 'value.export', (file) => ({ id: 1, file })],
  ['states', 'collect.export', (directory) => ({ collection: 1, directory })],
  ['an evaluation', 'evaluate.export', (file) => ({ evaluation: 1, format: 'csv', file })],
  ['a project', 'project.create', (directory) => ({ directory })]
]

const hostile: [string, () => string][] = [
  ['a FIFO', () => place('fifo')],
  ['a link to a FIFO', () => place('to-fifo')],
  ['/dev/zero', () => '/dev/zero'],
  ['/dev/null', () => '/dev/null'],
  ['/proc/self/mem', () => '/proc/self/mem'],
  ['a link to itself', () => place('loop')],
  ['a link to nothing', () => place('dangling')],
  ['4096 letters', () => `/${'a'.repeat(4095)}`],
  ['4000 folders', () => `/${'a/'.repeat(2000)}`],
  ['a file as a folder', () => place('plain.txt', 'x')],
  ['a socket', () => place('socket')]
]

beforeAll(() => {
  if (process.platform === 'win32') return
  for (const command of [['mkfifo', place('fifo')], ['mkfifo', place('fifo.jsonl')]]) spawnSync(command[0] as string, command.slice(1))
  symlinkSync(place('fifo'), place('to-fifo'))
  symlinkSync(place('loop'), place('loop'))
  symlinkSync(place('nowhere'), place('dangling'))
  writeFileSync(place('plain.txt'), 'plain')
  spawnSync(process.execPath, ['-e', `require('net').createServer().listen(${JSON.stringify(place('socket'))}, () => process.kill(process.pid, 'SIGKILL'))`])
})
afterAll(() => {
  child?.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

const problemOf = (reply: Reply): Failure | null => reply.failure ?? reply.output?.failure ?? null

describe.skipIf(process.platform === 'win32')('read from', () => {
  test.each(hostile)('%s', { timeout: 400_000 }, async (_name, path) => {
    const got: string[] = []
    for (const [what, method, input] of reads) {
      const reply = await ask(method, input(path()))
      const problem = problemOf(reply)
      // a project with a model that is not there yet can be made: it is told in the window
      if (problem === null && method === 'project.create') {
        rmSync(place('new'), { recursive: true })
        continue
      }
      if (problem === null || problem.code === 'internal') got.push(`${what}: ${JSON.stringify(problem ?? reply.output)}`)
      else expect(problem.message).not.toMatch(/\n|EISDIR|ENOTDIR|ELOOP|ENXIO/)
    }
    expect(got).toEqual([])
    expect(residentBytes(child!.pid!)).toBeLessThan(400e6)
  })
})

describe.skipIf(process.platform === 'win32')('written to', () => {
  test.each(hostile)('%s', { timeout: 400_000 }, async (_name, path) => {
    const got: string[] = []
    for (const [what, method, input] of writes) {
      const problem = problemOf(await ask(method, input(path())))
      if (problem === null || problem.code === 'internal') got.push(`${what}: ${JSON.stringify(problem)}`)
    }
    expect(got).toEqual([])
    expect(readFileSync(place('plain.txt'), 'utf8')).toBe('plain')
    expect(readdirSync(folder)).not.toContain('nowhere')
  })
})

/** A project folder that somebody sent. */
describe.skipIf(process.platform === 'win32')('a project with', () => {
  const outside = place('outside')
  const theirs = (): string => place('theirs')
  const cases: [string, (project: string) => void][] = [
    ['project.db as a FIFO', (project) => replaceBy(join(project, 'project.db'), (path) => spawnSync('mkfifo', [path]))],
    ['project.db as a link', (project) => moveOut(join(project, 'project.db'))],
    ['its write-ahead log as a link', (project) => symlinkSync(place('victim'), join(project, 'project.db-wal'))],
    ['search.db as a link', (project) => replaceBy(join(project, 'search.db'), (path) => symlinkSync(place('victim'), path))],
    ['settings.json as a FIFO', (project) => spawnSync('mkfifo', [join(project, 'settings.json')])],
    ['settings.json as a device', (project) => symlinkSync('/dev/zero', join(project, 'settings.json'))],
    ['states as a link', (project) => replaceBy(join(project, 'states'), (path) => symlinkSync(outside, path))],
    ['a shard as a link', (project) => symlinkSync(place('victim'), join(project, 'states', 'collection-1.0000.f16'))],
    ['a checkpoint as a FIFO', (project) => spawnSync('mkfifo', [join(project, 'states', 'training-1.checkpoint')])],
    ['reports as a link', (project) => symlinkSync(outside, join(project, 'reports'))],
    ['backups as a link', (project) => symlinkSync(outside, join(project, 'backups'))],
    ['project.db under a second name', (project) => linkSync(join(project, 'project.db'), join(outside, 'project.db'))],
    ['another file as its write-ahead log', (project) => linkSync(place('victim'), join(project, 'project.db-wal'))],
    ['another file as search.db', (project) => replaceBy(join(project, 'search.db'), (path) => linkSync(place('victim'), path))],
    ['another file as a shard', (project) => linkSync(place('victim'), join(project, 'states', 'collection-1.0000.f16'))]
  ]

  test.each(cases)('%s is refused untouched', async (_name, spoil) => {
    mkdirSync(outside, { recursive: true })
    writeFileSync(place('victim'), 'theirs alone')
    expect(problemOf(await ask('project.create', { directory: theirs() }))).toBeNull()
    await ask('project.close', {})
    spoil(theirs())
    const before = spawnSync('ls', ['-laR', theirs(), outside]).stdout.toString()
    const problem = problemOf(await ask('project.open', { directory: theirs() }))
    expect(problem).toMatchObject({ code: 'not-usable', message: expect.stringMatching(/a link to elsewhere|no ordinary|has a second name elsewhere \(a hard link\)/) })
    expect(readFileSync(place('victim'), 'utf8')).toBe('theirs alone')
    expect(spawnSync('ls', ['-laR', theirs(), outside]).stdout.toString()).toBe(before)
    rmSync(theirs(), { recursive: true })
    rmSync(outside, { recursive: true })
  })

  test('a restore that was killed between two names of its database is opened as it was', async () => {
    expect(problemOf(await ask('project.create', { directory: theirs() }))).toBeNull()
    await ask('project.close', {})
    const aside = join(theirs(), 'project.set-aside-2026-01-01T00-00-00-000Z.db')
    linkSync(join(theirs(), 'project.db'), aside)
    expect(problemOf(await ask('project.open', { directory: theirs() }))).toBeNull()
    await ask('project.close', {})
    expect(existsSync(aside)).toBe(false) // it was the database itself, not one that was replaced
    rmSync(theirs(), { recursive: true })
  })

  test('a shard named in its database that leads out of it is refused', () => {
    for (const shard of ['../../../etc/passwd', '/etc/passwd', 'collection-1.0000.f16/../../x', 'collection-1.0000.f16\0', '', 'C:\\x', 'collection-1.0000.f16 ']) {
      expect(() => ownShard(theirs(), shard), shard).toThrow(expect.objectContaining({ code: 'project-damaged' }))
    }
    expect(ownShard(theirs(), 'collection-12.0003.f16')).toBe(join(theirs(), 'collection-12.0003.f16'))
  })
})

function replaceBy(path: string, make: (path: string) => unknown): void {
  rmSync(path, { recursive: true, force: true })
  make(path)
}

function moveOut(path: string): void {
  renameSync(path, place('moved.db'))
  symlinkSync(place('moved.db'), path)
}
