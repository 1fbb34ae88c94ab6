/** Models in several files: read, listed, downloaded, loaded and deleted as one. */
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { deviceChoice } from '../../src-main/contract/device.ts'
import { checksumOf, knownChecksum, partChecksums } from '../../src-main/engine/models/checksum.ts'
import { Downloads } from '../../src-main/engine/models/downloads/downloads.ts'
import { inspectModel } from '../../src-main/engine/models/inspect.ts'
import { Library } from '../../src-main/engine/models/library.ts'
import { lookPasted } from '../../src-main/engine/models/pasted.ts'
import { generateOn, greedy, loadHost, question } from '../fixtures/hosts.ts'
import { openHub } from '../fixtures/hub.ts'
import { writeSplitModel, writeTinyModel } from '../fixtures/tiny-model.ts'

const made = mkdtempSync(join(tmpdir(), 're-control-split-'))
const single = join(made, 'tiny.gguf')
let whole: string[] = []
let directory = ''
/** copies of the three files in a folder of the test's own */
let files: string[] = []
beforeAll(() => {
  writeTinyModel(single)
  whole = writeSplitModel(join(made, 'tiny-F32'), 3)
})
afterAll(() => rmSync(made, { recursive: true }))
beforeEach(() => {
  directory = mkdtempSync(join(made, 'test-'))
  mkdirSync(join(directory, 'cache', 'models'), { recursive: true })
  files = whole.map((file) => join(directory, 'cache', 'models', basename(file)))
  files.forEach((file, i) => copyFileSync(whole[i]!, file))
})

const [first, second] = ['tiny-F32-00001-of-00003.gguf', 'tiny-F32-00002-of-00003.gguf']
const bytesOf = (list: string[]): number => list.reduce((sum, file) => sum + statSync(file).size, 0)
const sha256 = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex')

test('llama.cpp loads it by its first file, and it generates the tokens of the single file', async () => {
  const tokens = []
  for (const file of [single, files[0]!]) {
    const requests = [question('why is the sky blue?'), { text: 'the good people' }].map((prompt, key) => ({ key, prompt, sampling: greedy, seed: 1, maxTokens: 24, control: null }))
    const { finished } = await generateOn(await loadHost(file), requests, { states: true, deterministic: true })
    tokens.push(finished.map((one) => ({ tokens: one.tokens, text: one.text, states: one.states })))
  }
  expect(tokens[0]![0]!.tokens.length).toBeGreaterThan(1)
  expect(tokens[1]).toEqual(tokens[0])
})

test('its facts are those of the single file', async () => {
  const { file, bytes, parts, memoryNeeded, memoryAvailable: _free, fits, ...facts } = await inspectModel(files[0]!)
  const one = await inspectModel(single)
  expect({ file, bytes, parts, fits }).toEqual({ file: files[0], bytes: bytesOf(files), parts: 3, fits: one.fits })
  expect(one).toMatchObject({ ...facts, parts: 1 })
  expect(memoryNeeded - bytes).toBe(one.memoryNeeded - one.bytes)
})

test('what is missing or does not belong to it is named', async () => {
  const refused = (file: string): Promise<string> => inspectModel(file).then(() => 'taken', (error: Error) => error.message)
  expect(await refused(files[1]!)).toMatch(/is file 2 of the 3 of a model; choose the first, tiny-F32-00001-of-00003\.gguf/)
  renameSync(files[1]!, `${files[1]!}.away`)
  expect(await refused(files[0]!)).toMatch(/is the first of 3 files, and tiny-F32-00002-of-00003\.gguf is missing beside it/)
  copyFileSync(files[2]!, files[1]!)
  expect(await refused(files[0]!)).toMatch(/tiny-F32-00002-of-00003\.gguf is not its file 2 of 3/)
  copyFileSync(`${files[1]!}.away`, files[1]!)
  truncateSync(files[1]!, statSync(files[1]!).size - 4096)
  expect(await refused(files[0]!)).toMatch(/tiny-F32-00002-of-00003\.gguf is not usable as a model: it is cut off/)
  renameSync(files[0]!, join(directory, 'model.gguf'))
  expect(await refused(files[0]!)).toMatch(/its first file, tiny-F32-00001-of-00003\.gguf, is missing; tiny-F32-00002/)
  expect(await refused(join(directory, 'model.gguf'))).toMatch(/it is one of 3 files of a model, and its name does not say so: they must be named like model-00001-of-00003\.gguf/)
})

test('each file has its checksum, and the model that of their list; one that is cancelled goes on with the next file', async () => {
  const cache = join(directory, 'cache')
  const stop = new AbortController()
  const done: number[] = []
  const progress = (bytes: number, total: number): void => {
    expect(total).toBe(bytesOf(files))
    done.push(bytes)
    if (bytes > statSync(files[0]!).size) stop.abort() // in the second file
  }
  await expect(partChecksums(files[0]!, cache, { progress, signal: stop.signal })).rejects.toMatchObject({ code: 'cancelled' })
  expect(knownChecksum(files[0]!, cache)).toBeNull()
  const again: number[] = []
  const each = await partChecksums(files[0]!, cache, { progress: (bytes) => again.push(bytes) })
  expect(again[0]).toBeGreaterThan(statSync(files[0]!).size) // the first is remembered
  expect(each).toEqual(files.map((file) => sha256(readFileSync(file))))
  expect(await checksumOf(files[0]!, cache)).toBe(sha256(each.map((one) => `${one}\n`).join('')))
  expect(await checksumOf(single, cache)).toBe(sha256(readFileSync(single)))
})

test('it is one model of the list, which is read anew when a file comes or goes, and deleted as a whole', async () => {
  const library = new Library({ cacheDirectory: join(directory, 'cache'), dataDirectory: join(directory, 'data') }, () => Promise.resolve({ choice: deviceChoice.parse({}), candidates: [{ backend: 'cpu', usable: true, reason: 'always there', devices: [] }] }), () => {})
  const list = async () => (await library.whole(new AbortController().signal)).models
  expect(await list()).toMatchObject([{ file: files[0], bytes: bytesOf(files), parts: 3, downloaded: true, problem: null, facts: { architecture: 'llama' } }])
  renameSync(files[2]!, join(directory, 'third'))
  expect(await list()).toMatchObject([{ file: files[0], facts: null, problem: expect.stringMatching(/tiny-F32-00003-of-00003\.gguf is missing/) }])
  renameSync(join(directory, 'third'), files[2]!)
  renameSync(files[0]!, join(directory, 'first'))
  expect(await list()).toMatchObject([{ file: files[0], facts: null, problem: expect.stringMatching(/its first file, tiny-F32-00001-of-00003\.gguf, is missing/) }])
  renameSync(join(directory, 'first'), files[0]!)
  expect(await list()).toMatchObject([{ file: files[0], problem: null, facts: { architecture: 'llama' } }])
  library.delete(files[0]!)
  expect(files.filter((file) => existsSync(file))).toEqual([])
})

test('the hub has it as one file, and one download brings all of them, goes on where it was, and leaves nothing when it is cancelled', async () => {
  const hub = await openHub()
  onTestFinished(() => (vi.unstubAllEnvs(), hub.close()))
  vi.stubEnv('HF_ENDPOINT', hub.url)
  vi.stubEnv('HF_TOKEN', '')
  for (const file of whole) hub.files.set(basename(file), readFileSync(file))
  const cacheDirectory = join(directory, 'hub-cache')
  const queue = new Downloads({ cacheDirectory, dataDirectory: join(directory, 'data'), resourcesDirectory: resolve(import.meta.dirname, '../../resources') }, { changed: () => {}, finished: () => {}, warn: () => {} }, { answerMs: 2000, silenceMs: 2000, pauseMs: 1 })
  onTestFinished(() => queue.pauseAll())
  expect(await lookPasted('o/n:f32', cacheDirectory)).toMatchObject({ kind: 'hub', wanted: first, model: { files: [{ path: first, bytes: bytesOf(whole), parts: 3, missing: [], present: false }] } })

  // the second file stays half-way
  const half = 1000
  const came = Promise.withResolvers<void>()
  hub.download = (request, response, content) => {
    if (request.url?.includes(second) !== true) return false
    response.writeHead(200, { etag: '"1"', 'content-length': content.length })
    response.write(content.subarray(0, half), () => came.resolve())
    return true
  }
  const { id, title } = queue.add({ kind: 'hub', name: 'o/n', revision: null, path: second }, null) // any of its files names it
  expect(title).toBe('o/n: tiny-F32.gguf, 3 files')
  await came.promise
  const upTo = statSync(whole[0]!).size + half
  await expect.poll(() => queue.list()[0]?.done, { timeout: 20_000, interval: 5 }).toBe(upTo)
  await queue.pause(id)
  expect(queue.list()).toMatchObject([{ state: 'paused', done: upTo, total: bytesOf(whole) }])
  hub.download = (request, response, content) => {
    if (request.url?.includes(second) !== true) return false
    response.writeHead(206, { etag: '"1"', 'content-range': `bytes ${half}-${content.length - 1}/${content.length}` }).end(content.subarray(half))
    return request.headers.range === `bytes=${half}-`
  }
  queue.resume(id)
  const { state, file, done } = await queue.finished(id)
  expect({ state, done }).toEqual({ state: 'done', done: bytesOf(whole) })
  expect(basename(file!)).toBe(first)
  expect(await inspectModel(file!)).toMatchObject({ parts: 3, bytes: bytesOf(whole) })
  expect(hub.requests.filter(({ line }) => line.includes('/resolve/')).length).toBe(4)
  expect(await lookPasted('o/n', cacheDirectory)).toMatchObject({ wanted: null, model: { files: [{ present: true }] } })

  rmSync(dirname(file!), { recursive: true })
  hub.files.delete(basename(whole[2]!))
  await queue.cancel(id)
  expect(await lookPasted('o/n', cacheDirectory)).toMatchObject({ model: { files: [{ missing: [basename(whole[2]!)], present: false }] } })
  const again = queue.add({ kind: 'hub', name: 'o/n', revision: null, path: first }, null)
  expect(await queue.finished(again.id)).toMatchObject({ state: 'failed', failure: { code: 'not-found', message: 'the model o/n has no file "tiny-F32-00003-of-00003.gguf"' } })
  await queue.cancel(again.id)
  expect(existsSync(join(dirname(file!), first))).toBe(false)
})
