/** The list of models on this machine, from folders that may hold anything. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { deviceChoice, type DeviceCandidate } from '../../src-main/contract/device.ts'
import { modelLibrary, type ModelLibrary } from '../../src-main/contract/models.ts'
import { bounds, findModels } from '../../src-main/engine/models/find-files.ts'
import { availableMemory, inspectModel } from '../../src-main/engine/models/inspect.ts'
import { fitOf, Library } from '../../src-main/engine/models/library.ts'
import { writeTinyModel } from '../fixtures/tiny-model.ts'

const candidates: DeviceCandidate[] = [{ backend: 'cpu', usable: true, reason: 'always there', devices: [] }]
const choice = deviceChoice.parse({})
let directory = ''
let folder = ''
let told: ModelLibrary[] = []

const open = (): Library => new Library({ cacheDirectory: join(directory, 'cache'), dataDirectory: join(directory, 'data') }, () => Promise.resolve({ choice, candidates }), (library) => void told.push(library))
const whole = (library: Library) => library.whole(new AbortController().signal)
const names = ({ models }: ModelLibrary) => models.map(({ file }) => file.slice(directory.length + 1))

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 're-control-library-'))
  folder = join(directory, 'mine')
  mkdirSync(folder)
  told = []
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

test('a folder is looked through: facts, fit, and what is no model with its reason', async () => {
  const library = open()
  expect(await library.list()).toEqual({ folders: [{ directory: join(directory, 'cache', 'models'), own: true, problem: null, truncated: false }], models: [], reading: false })
  mkdirSync(join(folder, 'deep', 'deeper'), { recursive: true })
  writeTinyModel(join(folder, 'deep', 'deeper', 'tiny.gguf'))
  writeFileSync(join(folder, 'letter.gguf'), 'Dear model,')
  writeFileSync(join(folder, 'notes.txt'), 'not listed')
  library.addFolder(folder)
  const first = modelLibrary.parse(await library.list())
  expect(first.reading).toBe(true)
  const { models } = modelLibrary.parse(await whole(library))
  expect(models).toMatchObject([
    { file: join(folder, 'deep', 'deeper', 'tiny.gguf'), folder, downloaded: false, problem: null, facts: { architecture: 'llama', quantization: 'F32', contextLength: 2048, licence: 'apache-2.0' }, fit: { verdict: 'fits', device: 'the processor', contextTokens: 16384 } },
    { file: join(folder, 'letter.gguf'), facts: null, fit: null, problem: 'it does not begin like a GGUF file' }
  ])
  // read once: another list has it all at once
  expect((await open().list()).reading).toBe(false)
})

test('headers that were not read yet come as events', async () => {
  writeTinyModel(join(folder, 'tiny.gguf'))
  const library = open()
  library.addFolder(folder)
  expect((await library.list()).models).toMatchObject([{ facts: null, problem: null }])
  await expect.poll(() => told.at(-1)?.reading, { timeout: 30_000, interval: 5 }).toBe(false)
  expect(told.at(-1)?.models).toMatchObject([{ facts: { architecture: 'llama' } }])
})

test('a file that changed is read again, one that went away is gone', async () => {
  const file = join(folder, 'tiny.gguf')
  writeFileSync(file, 'nothing yet')
  const library = open()
  library.addFolder(folder)
  expect((await whole(library)).models).toMatchObject([{ facts: null }])
  writeTinyModel(file)
  expect((await whole(library)).models).toMatchObject([{ facts: { architecture: 'llama' } }])
  rmSync(file)
  expect((await whole(library)).models).toEqual([])
  rmSync(folder, { recursive: true })
  expect((await whole(library)).folders[1]).toMatchObject({ directory: folder, problem: 'it is not there any more' })
})

test('links in a circle, dangling links, folders named like models and devices do no harm', async () => {
  symlinkSync(folder, join(folder, 'round'))
  symlinkSync(join(folder, 'nothing'), join(folder, 'gone.gguf'))
  symlinkSync('/dev/zero', join(folder, 'endless.gguf'))
  mkdirSync(join(folder, 'folder.gguf'))
  writeTinyModel(join(folder, 'folder.gguf', 'real.gguf'))
  symlinkSync(join(folder, 'folder.gguf', 'real.gguf'), join(folder, 'linked.gguf'))
  const library = open()
  library.addFolder(folder)
  expect(names(await whole(library))).toEqual(['mine/folder.gguf/real.gguf', 'mine/linked.gguf'])
})

test.skipIf(process.getuid?.() === 0)('a folder that may not be read says so', async () => {
  chmodSync(folder, 0)
  const library = open()
  library.addFolder(folder)
  expect((await whole(library)).folders[1]?.problem).toBe('it may not be read')
  chmodSync(folder, 0o700)
})

test('more than is looked through is said, and what lies on top is there', async () => {
  for (let i = 0; i < 60; i++) writeFileSync(join(folder, `file-${i}.txt`), '')
  for (let i = 0; i < 5; i++) writeFileSync(join(folder, `model-${i}.gguf`), '')
  expect(await findModels(folder, { ...bounds, entries: 40 })).toMatchObject({ truncated: true })
  expect(await findModels(folder, { ...bounds, models: 3 })).toMatchObject({ truncated: true, files: { length: 3 } })
  mkdirSync(join(folder, 'a', 'b', 'c'), { recursive: true })
  expect(await findModels(folder, { ...bounds, depth: 1 })).toMatchObject({ truncated: true, files: { length: 5 } })
  expect(await findModels(folder)).toMatchObject({ truncated: false, problem: null, files: { length: 5 } })
  expect(await findModels(join(folder, 'file-1.txt'))).toMatchObject({ files: [], problem: 'it is not a folder' })
})

describe('what is listed and deleted', () => {
  test('a chosen file is remembered, unless a folder has it; forgetting deletes nothing', async () => {
    const file = join(directory, 'one.gguf')
    writeTinyModel(file)
    writeTinyModel(join(folder, 'two.gguf'))
    const library = open()
    library.remember(file)
    library.addFolder(folder)
    library.remember(join(folder, 'two.gguf'))
    expect((await whole(library)).models.map((one) => one.folder)).toEqual([folder, null])
    library.forget(file)
    library.forget(folder)
    expect((await whole(library)).models).toEqual([])
    expect(readFileSync(file).length).toBeGreaterThan(0)
  })

  test('only what the studio downloaded is deleted', async () => {
    const own = join(directory, 'cache', 'models', 'tiny.gguf')
    mkdirSync(join(directory, 'cache', 'models'), { recursive: true })
    writeTinyModel(own)
    const other = join(folder, 'other.gguf')
    writeTinyModel(other)
    const library = open()
    expect((await whole(library)).models).toMatchObject([{ file: own, downloaded: true }])
    for (const path of [other, join(directory, 'cache', 'models', '..', '..', 'mine', 'other.gguf'), join(directory, 'cache', 'models'), join(directory, 'cache', 'models', 'downloads.lock')]) {
      expect(() => library.delete(path)).toThrow(expect.objectContaining({ code: 'bad-request' }))
    }
    library.delete(own)
    expect((await whole(library)).models).toEqual([])
    expect(() => library.delete(own)).toThrow(expect.objectContaining({ code: 'not-found' }))
  })

  test('a folder that is none is refused', () => {
    const library = open()
    expect(() => library.addFolder(join(directory, 'nothing'))).toThrow(/there is no folder/)
    writeFileSync(join(directory, 'file'), '')
    expect(() => library.addFolder(join(directory, 'file'))).toThrow(/is not a folder/)
  })
})

test('a model fits, fits with a smaller context, or does not, by the memory that is free', async () => {
  const file = join(folder, 'tiny.gguf')
  writeTinyModel(file)
  const facts = await inspectModel(file)
  const free = availableMemory()
  // the cache of 16,384 tokens takes 1.5 times what is free, so that of 8,192 fits and that of any size of the third does not
  const withCache = (share: number) => ({ ...facts, sizes: { ...facts.sizes, cachePerToken: Math.round((share * free) / 16384 / facts.blockCount) } })
  const machine = { choice, candidates }
  expect(fitOf(facts, machine)).toMatchObject({ verdict: 'fits', contextTokens: 16384, reason: null })
  expect(fitOf(withCache(1.5), machine)).toMatchObject({ verdict: 'smaller-context', contextTokens: 8192 })
  expect(fitOf(withCache(20), machine)).toMatchObject({ verdict: 'none', contextTokens: 2048 })
  expect(fitOf(facts, { choice: deviceChoice.parse({ device: 'cuda' }), candidates })).toMatchObject({ verdict: 'none', reason: expect.stringMatching(/CUDA cannot be used/) })
})
