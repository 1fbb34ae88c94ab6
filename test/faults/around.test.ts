/** What happens around a project: homes that cannot be written, folders that move or go away, paths that are too long. */
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { collectSettings } from '../../src-main/contract/collect.ts'
import { Engine } from '../../src-main/engine/engine.ts'
import { createHandlers } from '../../src-main/engine/handlers.ts'
import { forkHost } from '../../src-main/engine/models/fork-host.ts'
import { listBackups } from '../../src-main/engine/project/backups.ts'
import { Project } from '../../src-main/engine/project/project.ts'
import { writeTinyModel } from '../fixtures/tiny-model.ts'
import { hostEntry, ownDirectory, root, scoredPrompts, writeRows } from '../engine/studio.ts'

/** @param home where cache and data are */
function studioIn(directory: string, home: string) {
  const engine = new Engine({ cacheDirectory: join(home, 'cache'), dataDirectory: join(home, 'data'), resourcesDirectory: join(root, 'resources'), launchHost: () => forkHost(hostEntry), tell: () => {} })
  engine.models.override({ device: 'cpu', threads: 1, batchTokens: 128 })
  onTestFinished(() => engine.close())
  const modelFile = join(directory, 'tiny.gguf')
  writeTinyModel(modelFile)
  const rows = writeRows(join(directory, 'rows.jsonl'), scoredPrompts(4))
  const handlers = createHandlers(engine)
  const work = async (job: { id: number }) => engine.jobs.finished(job.id)
  return {
    engine, handlers, modelFile,
    begin: async () => {
      await handlers['project.create']({ directory: join(directory, 'project'), modelFile })
      return work(await handlers['data.import']({ file: rows, format: null, map: {} } as never))
    },
    collect: async (seed: number) => work(await handlers['collect.start'](collectSettings.parse({ dataset: 1, split: null, maxTokens: 4, parallel: 2, seed })))
  }
}

test('a home that cannot be written to keeps nobody from their work; what they ask to be kept is refused', async () => {
  const directory = ownDirectory()
  const home = join(directory, 'file')
  writeFileSync(home, 'no folder can be made below a file, whoever asks for it')
  const { begin, collect, handlers } = studioIn(directory, home)
  expect(await begin()).toMatchObject({ state: 'done' })
  expect(await collect(1)).toMatchObject({ state: 'done', failure: null })
  expect(() => handlers['project.stage']({ stage: 'data' })).not.toThrow()
  expect(() => handlers['device.choose']({ device: 'cpu', threads: 1, batchTokens: 128 } as never)).toThrow(/ENOTDIR/)
})

test('a cache that is deleted while the studio runs is made again', async () => {
  const directory = ownDirectory()
  const { begin, collect, engine } = studioIn(directory, directory)
  await begin()
  expect(await collect(1)).toMatchObject({ state: 'done' })
  rmSync(join(directory, 'cache'), { recursive: true, force: true })
  rmSync(join(directory, 'data'), { recursive: true, force: true })
  engine.models.unload()
  expect(await collect(2)).toMatchObject({ state: 'done', failure: null })
})

describe('a project that is open', () => {
  test.each(['renamed', 'deleted'])('and whose folder is %s takes no more work and says so; opened where it is now, it is whole', async (how) => {
    const directory = ownDirectory()
    const { begin, collect, handlers } = studioIn(directory, directory)
    await begin()
    await collect(1)
    const [from, to] = [join(directory, 'project'), join(directory, 'elsewhere')]
    if (how === 'renamed') renameSync(from, to)
    else rmSync(from, { recursive: true })
    await expect(collect(2)).rejects.toMatchObject({ code: 'not-found', message: expect.stringMatching(/is no longer at .*project.*Close it, and open it where it is now/) as string })
    expect(existsSync(from)).toBe(false)
    await handlers['project.close']({} as never)
    if (how === 'renamed') expect(await handlers['project.open']({ directory: to })).toMatchObject({ counts: { examples: 4, responses: 4 } })
  })
})

test('a clock that was years ahead does not end the daily backups, nor delete the new ones', async () => {
  const directory = join(ownDirectory(), 'project')
  const day = 24 * 60 * 60 * 1000
  const open = async (at: number): Promise<string[]> => {
    vi.setSystemTime(at)
    const project = Project.open(directory)
    await project.backUpDaily(new AbortController().signal)
    project.close()
    return listBackups(directory).map(({ created }) => created.slice(0, 10))
  }
  const future = Date.parse('2040-05-01T12:00:00Z')
  const present = Date.parse('2031-05-01T12:00:00Z')
  vi.useFakeTimers({ toFake: ['Date'], now: present - 3 * day })
  try {
    Project.create(directory, null).close()
    for (const i of [1, 2, 3]) await open(future + i * 2 * day)
    expect(await open(present)).toContain('2031-05-01')
    expect((await open(present + 3600_000)).filter((date) => date === '2031-05-01')).toHaveLength(1)
    expect(await open(present + 2 * day)).toContain('2031-05-03')
  } finally {
    vi.useRealTimers()
  }
})

test('a path that is too long for SQLite is told as that', () => {
  const directory = join(ownDirectory(), ...Array.from({ length: 3 }, () => 'd'.repeat(170)))
  mkdirSync(directory, { recursive: true })
  expect(() => Project.create(directory, null)).toThrow(/too long a path: \d+ bytes/)
})
