/** The queue of model downloads against a hub of our own: pauses, restarts, and every way in which a server can be wrong. */
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import type { ModelDownload } from '../../src-main/contract/models.ts'
import type { Patience } from '../../src-main/engine/data/hub/connection.ts'
import { Downloads } from '../../src-main/engine/models/downloads/downloads.ts'
import { hubModelPath, listHubModel, parseModelFile, parseModelName } from '../../src-main/engine/models/hub-model.ts'
import { commit, openHub, sendFile, type Hub } from '../fixtures/hub.ts'
import { writeTinyModel } from '../fixtures/tiny-model.ts'

let hub: Hub
let directory = ''
let model: Buffer
const patience: Patience = { answerMs: 2000, silenceMs: 2000, pauseMs: 1 }
const resourcesDirectory = resolve(import.meta.dirname, '..', '..', 'resources')
const source = (path = 'tiny-Q4_0.gguf') => ({ kind: 'hub' as const, name: 'o/n', revision: null, path })
const place = (path = 'tiny-Q4_0.gguf') => hubModelPath({ name: 'o/n', revision: commit, path }, join(directory, 'cache'))
const byteRequests = () => hub.requests.filter(({ line }) => line.includes('/resolve/'))

function openQueue(): { queue: Downloads; finished: ModelDownload[]; changes: ModelDownload[][]; warnings: string[] } {
  const finished: ModelDownload[] = []
  const changes: ModelDownload[][] = []
  const warnings: string[] = []
  const directories = { cacheDirectory: join(directory, 'cache'), dataDirectory: join(directory, 'data'), resourcesDirectory }
  const queue = new Downloads(directories, { changed: (list) => void changes.push(list), finished: (one) => void finished.push(one), warn: (text) => void warnings.push(text) }, patience)
  onTestFinished(() => queue.pauseAll())
  return { queue, finished, changes, warnings }
}

/** Sends the first bytes of a file and keeps the rest until `go`. */
function stall(bytes: number): { go: () => void } {
  const held: (() => void)[] = []
  let open = false
  hub.download = (request, response, content) => {
    if (open) return false
    const from = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0)
    response.writeHead(from > 0 ? 206 : 200, { etag: '"1"', 'content-length': content.length - from, ...(from > 0 ? { 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` } : {}) })
    response.write(content.subarray(from, from + bytes))
    held.push(() => response.end(content.subarray(from + bytes)))
    return true
  }
  return { go: () => ((open = true), held.forEach((end) => end())) }
}

/** Resolves when so many bytes of the only entry are told. */
async function come(queue: Downloads, bytes: number): Promise<void> {
  for (;;) {
    const [one] = queue.list()
    if (one !== undefined && one.done >= bytes) return
    if (one?.state === 'failed') throw new Error(one.failure?.message)
    await new Promise((next) => setTimeout(next, 2))
  }
}

beforeAll(() => {
  const file = join(mkdtempSync(join(tmpdir(), 're-control-model-')), 'tiny.gguf')
  writeTinyModel(file)
  model = readFileSync(file)
  rmSync(dirname(file), { recursive: true })
})
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 're-control-downloads-'))
  hub = await openHub()
  hub.files.set('tiny-Q4_0.gguf', model)
  vi.stubEnv('HF_ENDPOINT', hub.url)
  vi.stubEnv('HF_TOKEN', '')
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await hub.close()
  rmSync(directory, { recursive: true, force: true })
})

describe('the queue', () => {
  test('brings a file whole and checked, and says who is to use it', async () => {
    const { queue, finished, changes } = openQueue()
    const { id, state } = queue.add(source(), 'project-7')
    expect(['waiting', 'running']).toContain(state)
    expect(await queue.finished(id)).toMatchObject({ state: 'done', file: place(), done: model.length, total: model.length, project: 'project-7', failure: null })
    expect(readFileSync(place())).toEqual(model)
    expect(finished.map((one) => one.id)).toEqual([id])
    expect(changes.length).toBeGreaterThan(1)
    expect(openQueue().queue.list()).toMatchObject([{ id, state: 'done', file: place() }])
  })

  test('asks nobody before something is added, and nothing after a restart', async () => {
    const first = openQueue()
    const held = stall(5000)
    const { id } = first.queue.add(source(), null)
    await come(first.queue, 5000)
    await first.queue.pause(id)
    const before = hub.requests.length
    const { queue } = openQueue()
    expect(queue.list()).toMatchObject([{ id, state: 'paused', done: 5000, total: model.length }])
    expect(hub.requests.length).toBe(before)
    held.go()
    queue.resume(id)
    expect((await queue.finished(id)).state).toBe('done')
    expect(byteRequests().map(({ range }) => range)).toEqual([undefined, 'bytes=5000-'])
    expect(readFileSync(place())).toEqual(model)
  })

  test('a file that the server has changed meanwhile is begun anew', async () => {
    const { queue } = openQueue()
    stall(5000)
    const { id } = queue.add(source(), null)
    await come(queue, 5000)
    await queue.pause(id)
    hub.download = (request, response, content) => {
      expect(request.headers['if-range']).toBe('"1"')
      response.writeHead(200, { etag: '"2"', 'content-length': content.length }).end(content)
      return true
    }
    queue.resume(id)
    expect((await queue.finished(id)).state).toBe('done')
    expect(readFileSync(place())).toEqual(model)
  })

  test('two at a time, the third waits; one that is cancelled leaves nothing', async () => {
    const { queue } = openQueue()
    for (const name of ['a.gguf', 'b.gguf', 'c.gguf']) hub.files.set(name, model)
    const held = stall(5000)
    const [a, b, c] = ['a.gguf', 'b.gguf', 'c.gguf'].map((path) => queue.add(source(path), null).id) as [number, number, number]
    await come(queue, 5000)
    expect(queue.list().map(({ state }) => state)).toEqual(['running', 'running', 'waiting'])
    await queue.cancel(a)
    expect(queue.list().map(({ id }) => id)).toEqual([b, c])
    expect(existsSync(place('a.gguf'))).toBe(false)
    expect(execFileSync('find', [join(directory, 'cache'), '-name', 'a.gguf*']).toString()).toBe('')
    held.go()
    expect((await queue.finished(b)).state).toBe('done')
    expect((await queue.finished(c)).state).toBe('done')
  })

  test('the same model is not queued twice', () => {
    const { queue } = openQueue()
    stall(10)
    expect(queue.add(source(), null).id).toBe(queue.add(source(), 'p').id)
    expect(queue.list()).toMatchObject([{ project: 'p' }])
  })

  test('a second process is told, and goes on when the first has ended', async () => {
    const { queue } = openQueue()
    const held = stall(5000)
    const { id } = queue.add(source(), null)
    await come(queue, 5000)
    const other = openQueue().queue
    expect(() => other.add(source('x.gguf'), null)).toThrow(/another studio or terminal is downloading/)
    expect(() => other.resume(id)).toThrow(/another studio/)
    held.go()
    await queue.finished(id)
    expect(other.list()).toMatchObject([{ id, state: 'done' }])
    await other.cancel(id)
    expect(queue.list()).toEqual([])
    expect(existsSync(place())).toBe(true) // taken from the list, not deleted
  })

  test('a process that is killed leaves its queue, its bytes and no lock', async () => {
    stall(5000)
    const script = `
      import { Downloads } from ${JSON.stringify(resolve(import.meta.dirname, '../../src-main/engine/models/downloads/downloads.ts'))}
      const queue = new Downloads(${JSON.stringify({ cacheDirectory: join(directory, 'cache'), dataDirectory: join(directory, 'data'), resourcesDirectory })}, { changed: ([one]) => one?.done >= 5000 && process.stdout.write('come\\n'), finished() {}, warn() {} })
      queue.add(${JSON.stringify(source())}, null)
      setInterval(() => queue.list()[0]?.done >= 5000 && process.stdout.write('come\\n'), 5)
    `
    const file = join(directory, 'queue.mts')
    writeFileSync(file, script)
    const child = spawn(process.execPath, ['--experimental-strip-types', file], { env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' }, stdio: ['ignore', 'pipe', 'inherit'] })
    await new Promise((come, reject) => (child.stdout.once('data', come), child.once('exit', () => reject(new Error('it ended')))))
    child.removeAllListeners('exit')
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await ended
    const { queue } = openQueue()
    expect(queue.list()).toMatchObject([{ state: 'paused', done: 5000, total: model.length }])
    hub.download = (request, response, content) => {
      response.writeHead(206, { etag: '"1"', 'content-range': `bytes 5000-${content.length - 1}/${content.length}` }).end(content.subarray(5000))
      return request.headers.range === 'bytes=5000-'
    }
    queue.resume(1)
    expect((await queue.finished(1)).state).toBe('done')
    expect(readFileSync(place())).toEqual(model)
  })

  test('a queue file that is no queue is an empty one', () => {
    mkdirSync(join(directory, 'data'))
    for (const content of ['', '{', '[{"id": -1}]', 'null']) {
      writeFileSync(join(directory, 'data', 'downloads.json'), content)
      expect(openQueue().queue.list()).toEqual([])
    }
  })
})

describe('a server that', () => {
  const failing = async (): Promise<ModelDownload> => {
    const { queue } = openQueue()
    const ended = await queue.finished(queue.add(source(), null).id)
    expect(ended.state).toBe('failed')
    expect(existsSync(place())).toBe(false)
    return ended
  }
  const answer = (respond: (response: ServerResponse, content: Buffer) => void) => (hub.download = (_request, response, content) => (respond(response, content), true))

  test('sends a page instead of a file', async () => {
    answer((response) => response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'content-length': 26 }).end('<html>Please log in</html>'))
    expect((await failing()).failure?.message).toMatch(/sends 26 bytes, a page and no file, instead of the \d+/)
  })

  test('sends a page of unknown length', async () => {
    answer((response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Please log in</html>'))
    expect((await failing()).failure).toMatchObject({ code: 'download-failed', retryable: true })
  })

  test('sends other bytes: they are thrown away, and it says so', async () => {
    answer((response, content) => response.writeHead(200, { 'content-length': content.length }).end(Buffer.alloc(content.length, 'x')))
    const { failure, done } = await failing()
    expect(failure).toMatchObject({ retryable: true, message: expect.stringMatching(/is not the file that was published: its checksum is [0-9a-f]{64}.*thrown away/) })
    expect(done).toBe(0)
  })

  test('sends more bytes', async () => {
    answer((response, content) => response.writeHead(200).end(Buffer.concat([content, Buffer.from('more')])))
    expect((await failing()).failure?.message).toMatch(/sends more than the \d+ bytes/)
  })

  test('ends early again and again, keeping what has come', async () => {
    let sent = 0
    const kept = (): number => Math.max(0, ...readdirSync(dirname(place())).filter((name) => name.endsWith('.part')).map((name) => statSync(join(dirname(place()), name)).size))
    hub.download = (request, response, content) => {
      sent++
      const from = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0)
      response.writeHead(from > 0 ? 206 : 200, { etag: '"1"', 'content-length': content.length - from, ...(from > 0 ? { 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` } : {}) })
      response.flushHeaders()
      if (from === 0) response.write(content.subarray(0, 1000))
      // what is received and not yet read when the connection ends is lost with it
      const end = (): void => void (kept() >= 1000 ? response.socket?.end() : setTimeout(end, 5))
      end()
      return true
    }
    const { failure, done } = await failing()
    expect(failure).toMatchObject({ retryable: true, message: expect.stringMatching(/the next fetch goes on from there/) })
    expect(done).toBe(1000)
    expect(sent).toBeGreaterThan(1)
  })

  test('redirects to another host: its bytes are taken only where the checksum holds', async () => {
    const other = createServer((request, response) => sendFile(request, response, request.url === '/good' ? model : Buffer.alloc(model.length, 'x')))
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => new Promise<void>((resolve) => (other.closeAllConnections(), other.close(() => resolve()))))
    const to = (path: string) => answer((response) => response.writeHead(302, { location: `http://127.0.0.1:${(other.address() as AddressInfo).port}${path}` }).end())
    to('/evil')
    expect((await failing()).failure?.message).toMatch(/is not the file that was published/)
    to('/good')
    const { queue } = openQueue()
    queue.resume(1)
    expect((await queue.finished(1)).state).toBe('done')
  })

  test('redirects to an address that is no web address', async () => {
    answer((response) => response.writeHead(302, { location: 'file:///etc/passwd' }).end())
    expect((await failing()).failure?.message).toMatch(/redirects to .*, which is not followed/)
  })

  test('lacks the file, or names a folder above it', async () => {
    const { queue } = openQueue()
    const ended = await queue.finished(queue.add(source('gone.gguf'), null).id)
    expect(ended).toMatchObject({ state: 'failed', failure: { code: 'not-found', message: 'the model o/n has no file "gone.gguf"' } })
    hub.lie.paths = ['../../evil.gguf']
    await expect(listHubModel('o/n', join(directory, 'cache'))).rejects.toThrow(/leads out of it; nothing of it is fetched/)
  })
})

test.each(['../../evil.gguf', '/etc/x.gguf', 'a/../../x.gguf', 'a\\..\\x.gguf', 'C:x.gguf', 'x.gguf/', 'model.bin', 'x\u0000.gguf'])('the path %j is refused before anything is asked', (path) => {
  const { queue } = openQueue()
  expect(() => queue.add(source(path), null)).toThrow(expect.objectContaining({ code: 'bad-request' }))
  expect(() => queue.add({ ...source(), name: `../${path}` }, null)).toThrow(expect.objectContaining({ code: 'bad-request' }))
  expect(hub.requests).toEqual([])
})

test.runIf(process.platform === 'linux' && process.getuid?.() === 0)('a full disk is told before the first byte, and on the way', async () => {
  const small = join(directory, 'cache')
  mkdirSync(small)
  const mount = (): void => void execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=600k', 'tmpfs', small])
  try {
    mount()
  } catch {
    return // no right to mount, as in some containers
  }
  try {
    await fillDisk(small)
  } finally {
    execFileSync('umount', ['-l', small])
  }
})

async function fillDisk(small: string): Promise<void> {
  hub.files.set('large.gguf', Buffer.alloc(2_000_000))
  const { queue } = openQueue()
  expect(await queue.finished(queue.add(source('large.gguf'), null).id)).toMatchObject({ state: 'failed', done: 0, failure: { code: 'disk-full', retryable: true, message: expect.stringMatching(/needs 2 MB in .*, where 1 MB are free|where 0 MB/) } })
  hub.files.set('fills.gguf', Buffer.alloc(400_000, 'a'))
  hub.download = (_request, response, content) => {
    // another program takes the room while it comes
    writeFileSync(join(small, 'other'), Buffer.alloc(300_000))
    response.writeHead(200, { etag: '"1"', 'content-length': content.length }).end(content)
    return true
  }
  const { id } = queue.add(source('fills.gguf'), null)
  expect(await queue.finished(id)).toMatchObject({ state: 'failed', failure: { code: 'disk-full' } })
  rmSync(join(small, 'other'))
  hub.download = () => false
  queue.resume(id)
  expect((await queue.finished(id)).state).toBe('done')
}

describe('names', () => {
  test.each([
    ['o/n', { name: 'o/n', revision: null }],
    ['o/n@v1', { name: 'o/n', revision: 'v1' }],
    ['hf://o/n', { name: 'o/n', revision: null }],
    ['https://HUB/o/n', { name: 'o/n', revision: null }],
    ['https://HUB/o/n/tree/v1', { name: 'o/n', revision: 'v1' }],
    ['https://HUB/o/n/blob/main/x.gguf?download=true', { name: 'o/n', revision: 'main' }],
    ['https://HUB/o/n/discussions/3', { name: 'o/n', revision: null }]
  ])('%s', (text, wanted) => expect(parseModelName(text.replace('https://HUB', hub.url))).toEqual(wanted))

  test.each(['o', '', 'o/n/x', '../n', 'https://example.org/o/n', 'https://HUB/datasets/o/n', 'o/..', 'o/n@../x'])('%j is refused', (text) => {
    expect(() => parseModelName(text.replace('https://HUB', hub.url))).toThrow(expect.objectContaining({ code: 'bad-request' }))
  })

  test('of files', () => {
    expect(parseModelFile('o/n')).toBeNull()
    expect(parseModelFile('o/n/a/b.gguf')).toEqual({ name: 'o/n', revision: null, path: 'a/b.gguf' })
    expect(parseModelFile('o/n@v1/b.gguf')).toEqual({ name: 'o/n', revision: 'v1', path: 'b.gguf' })
    expect(parseModelFile(`${hub.url}/o/n/resolve/main/b.gguf?download=true`)).toEqual({ name: 'o/n', revision: 'main', path: 'b.gguf' })
    expect(() => parseModelFile('o/n/../../b.gguf')).toThrow(/leads out/)
    expect(() => parseModelFile('o/n/b.bin')).toThrow(/not a GGUF file/)
  })

  test('a model is listed with sizes, quantisations and parts', async () => {
    hub.files.set('n-00001-of-00002.gguf', Buffer.alloc(1200))
    hub.files.set('n.IQ2_XXS.gguf', Buffer.alloc(1100))
    hub.files.set('README.md', Buffer.from('# no model'))
    const { name, revision, licence, files } = await listHubModel('o/n', join(directory, 'cache'))
    expect({ name, revision, licence }).toEqual({ name: 'o/n', revision: commit, licence: 'mit' })
    expect(files.map(({ path, bytes, quantization, parts, missing, present }) => [path, bytes, quantization, parts, missing, present])).toEqual([
      ['n.IQ2_XXS.gguf', 1100, 'IQ2_XXS', 1, [], false],
      ['n-00001-of-00002.gguf', 1200, null, 2, ['n-00002-of-00002.gguf'], false],
      ['tiny-Q4_0.gguf', model.length, 'Q4_0', 1, [], false]
    ])
  })
})
