/** Whatever is pasted as a model: every form of the hub's names, and addresses of GGUF files on other hosts. */
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import type { ModelDownload } from '../../src-main/contract/models.ts'
import { Downloads } from '../../src-main/engine/models/downloads/downloads.ts'
import { inspectModel } from '../../src-main/engine/models/inspect.ts'
import { lookPasted, parsePasted } from '../../src-main/engine/models/pasted.ts'
import { openHub, sendFile, type Hub } from '../fixtures/hub.ts'
import { writeSplitModel, writeTinyModel } from '../fixtures/tiny-model.ts'

const made = mkdtempSync(join(tmpdir(), 're-control-pasted-'))
let model: Buffer
let parts: { name: string; content: Buffer }[] = []
beforeAll(() => {
  writeTinyModel(join(made, 'tiny.gguf'))
  model = readFileSync(join(made, 'tiny.gguf'))
  parts = writeSplitModel(join(made, 'split'), 2).map((file) => ({ name: basename(file), content: readFileSync(file) }))
})
afterAll(() => rmSync(made, { recursive: true }))

describe('what is pasted', () => {
  const hub = (path: string) => ({ kind: 'file', name: 'o/n', revision: 'main', path })
  const whole = (quantization: string | null = null, revision: string | null = null) => ({ kind: 'model', name: 'o/n', revision, quantization })
  test.each([
    ['o/n', whole()],
    [' o/n@v1 ', whole(null, 'v1')],
    ['o/n:Q4_K_M', whole('Q4_K_M')],
    ['hf.co/o/n', whole()],
    ['hf.co/o/n:IQ2_XXS', whole('IQ2_XXS')],
    ['huggingface.co/o/n:q8_0', whole('q8_0')],
    ['https://hf.co/o/n:Q4_K_M', whole('Q4_K_M')],
    ['https://huggingface.co/o/n', whole()],
    ['https://huggingface.co/o/n/', whole()],
    ['https://www.huggingface.co/o/n/tree/main', whole(null, 'main')],
    ['https://huggingface.co/o/n/tree/main/folder', whole(null, 'main')],
    ['https://huggingface.co/o/n?library=llama.cpp', whole()],
    ['https://huggingface.co/o/n/blob/main/file.gguf', hub('file.gguf')],
    ['<https://huggingface.co/o/n/resolve/main/a/file.gguf?download=true>', hub('a/file.gguf')],
    ['huggingface.co/o/n/blob/main/file-00002-of-00003.gguf', hub('file-00001-of-00003.gguf')],
    ['o/n/file.gguf', { ...hub('file.gguf'), revision: null }],
    ['https://example.org/models/x.gguf?sig=1#top', { kind: 'address', url: 'https://example.org/models/x.gguf?sig=1' }],
    ['https://example.org/x-00002-of-00002.gguf', { kind: 'address', url: 'https://example.org/x-00001-of-00002.gguf' }],
    ['http://127.0.0.1:8000/x.gguf', { kind: 'address', url: 'http://127.0.0.1:8000/x.gguf' }]
  ])('%s', (text, wanted) => expect(parsePasted(text)).toEqual(wanted))

  test.each([
    ['', /owner\/name, or its address/],
    ['tiny', /is not the name of a model; it is owner\/name/],
    ['http://example.org/x.gguf', /asked over https only/],
    ['https://user:word@example.org/x.gguf', /with a password/],
    ['https://example.org/o/n', /neither a model of the hub nor the address of a GGUF file/],
    ['https://example.org/x.safetensors', /neither a model of the hub/],
    ['https://huggingface.co/datasets/o/n', /is not the address of a model/],
    ['https://huggingface.co/o/n/blob/main/x.bin', /is not a GGUF file/],
    ['https://example.org/..%2F..%2Fx.gguf', /neither a model/],
    ['file:///etc/x.gguf', /no web address/],
    ['javascript://x/y.gguf', /no web address/],
    ['o/n:', /is not the name of a model/],
    ['hf.co/o', /is not the name of a model/]
  ])('%j is refused in one line', (text, why) => {
    try {
      expect(parsePasted(text)).toBe('refused')
    } catch (error) {
      expect(error).toMatchObject({ code: 'bad-request', message: expect.stringMatching(why) })
      expect((error as Error).message).not.toContain('\n')
    }
  })
})

describe('over the network', () => {
  let directory = ''
  let hub: Hub
  /** another host, which the hub's token is none of the business of */
  let host: { url: string; files: Map<string, Buffer>; requests: IncomingMessage[]; answer: (request: IncomingMessage, response: ServerResponse, content: Buffer) => boolean }
  beforeEach(async () => {
    directory = mkdtempSync(join(made, 'test-'))
    hub = await openHub()
    host = { url: '', files: new Map([['/m/tiny.gguf', model]]), requests: [], answer: () => false }
    const { files, requests } = host
    const server = createServer((request, response) => {
      requests.push(request)
      const content = files.get(decodeURIComponent(new URL(request.url ?? '', 'http://host').pathname))
      if (content === undefined) response.writeHead(404).end()
      else if (!host.answer(request, response, content)) sendPart(request, response, content)
    })
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    host.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    onTestFinished(async () => {
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
      await hub.close()
    })
    vi.stubEnv('HF_ENDPOINT', hub.url)
    vi.stubEnv('HF_TOKEN', 'hf_secret')
  })
  afterEach(() => vi.unstubAllEnvs())

  /** An honest server knows ranges with an end, too. */
  function sendPart(request: IncomingMessage, response: ServerResponse, content: Buffer): void {
    const to = /^bytes=0-(\d+)$/.exec(request.headers.range ?? '')?.[1]
    if (to === undefined) sendFile(request, response, content)
    else response.writeHead(206, { 'content-range': `bytes 0-${to}/${content.length}`, 'content-length': Number(to) + 1 }).end(content.subarray(0, Number(to) + 1))
  }

  const openQueue = (): Downloads => {
    const queue = new Downloads({ cacheDirectory: directory, dataDirectory: join(directory, 'data'), resourcesDirectory: resolve(import.meta.dirname, '../../resources') }, { changed: () => {}, finished: () => {}, warn: () => {} }, { answerMs: 2000, silenceMs: 2000, pauseMs: 1 })
    onTestFinished(() => queue.pauseAll())
    return queue
  }
  const fetched = async (url: string): Promise<ModelDownload> => {
    const queue = openQueue()
    return queue.finished(queue.add({ kind: 'address', url }, null).id)
  }

  test('a file or a quantisation that the address names is found among those of the hub, or it is said what there is', async () => {
    hub.files.set('tiny-Q4_0.gguf', model)
    hub.files.set('tiny-Q8_0.gguf', model)
    expect(await lookPasted('https://huggingface.co/o/n/blob/main/tiny-Q8_0.gguf', directory)).toMatchObject({ kind: 'hub', wanted: 'tiny-Q8_0.gguf', model: { files: { length: 2 } } })
    expect(await lookPasted('hf.co/o/n:q4_0', directory)).toMatchObject({ wanted: 'tiny-Q4_0.gguf' })
    await expect(lookPasted('o/n:Q2_K', directory)).rejects.toMatchObject({ code: 'not-found', message: 'o/n has no GGUF file of Q2_K; it has Q4_0, Q8_0' })
    await expect(lookPasted('o/n/gone.gguf', directory)).rejects.toMatchObject({ code: 'not-found', message: 'the model o/n has no file "gone.gguf"' })
  })

  test('a file of another host is described, fetched and resumed without a token, and its bytes are checked as far as can be', async () => {
    const url = `${host.url}/m/tiny.gguf`
    expect(await lookPasted(url, directory)).toEqual({ kind: 'address', url, host: new URL(url).host, name: 'tiny.gguf', bytes: model.length, parts: 1, present: false })
    const half = Math.floor(model.length / 2)
    const came = Promise.withResolvers<void>()
    host.answer = (request, response, content) => {
      if (request.headers.range !== undefined) return false
      response.writeHead(200, { etag: `"${sha256(content)}"`, 'content-length': content.length })
      response.write(content.subarray(0, half), () => came.resolve())
      return true
    }
    const queue = openQueue()
    const { id, title } = queue.add({ kind: 'address', url }, null)
    expect(title).toBe(`${new URL(url).host}: tiny.gguf`)
    await came.promise
    await expect.poll(() => queue.list()[0]?.done, { timeout: 20_000, interval: 5 }).toBe(half)
    await queue.pause(id)
    queue.resume(id)
    const { state, file } = await queue.finished(id)
    expect(state).toBe('done')
    expect(readFileSync(file!)).toEqual(model)
    expect((await inspectModel(file!)).architecture).toBe('llama')
    expect(host.requests.at(-1)?.headers).toMatchObject({ range: `bytes=${half}-`, 'if-range': `"${sha256(model)}"` })
    expect(host.requests.every(({ headers }) => headers.authorization === undefined)).toBe(true)
    expect(hub.requests).toEqual([])
    expect(await lookPasted(url, directory)).toMatchObject({ present: true })
  })

  test('all files of a model come from the address of any of them', async () => {
    for (const { name, content } of parts) host.files.set(`/m/${name}`, content)
    const { state, file, total } = await fetched(`${host.url}/m/${parts[1]!.name}`)
    expect({ state, total }).toEqual({ state: 'done', total: parts.reduce((sum, { content }) => sum + content.length, 0) })
    expect(await inspectModel(file!)).toMatchObject({ parts: 2 })
    host.files.delete(`/m/${parts[1]!.name}`)
    await expect(lookPasted(`${host.url}/m/${parts[0]!.name}`, directory)).rejects.toMatchObject({ code: 'not-found', message: expect.stringContaining(parts[1]!.name) })
  })

  test('a redirect to the hub takes no token there; one to a plain other host is not followed', async () => {
    hub.files.set('tiny-Q4_0.gguf', model)
    host.answer = (_request, response) => (response.writeHead(302, { location: `${hub.url}/o/n/resolve/${'a'.repeat(40)}/tiny-Q4_0.gguf` }).end(), true)
    expect((await fetched(`${host.url}/m/tiny.gguf`)).state).toBe('done')
    expect(hub.requests.length).toBeGreaterThan(0)
    expect(hub.requests.every(({ token }) => token === undefined)).toBe(true)
    host.answer = (_request, response) => (response.writeHead(302, { location: 'http://example.org/tiny.gguf' }).end(), true)
    await expect(lookPasted(`${host.url}/m/tiny.gguf`, directory)).rejects.toMatchObject({ code: 'download-failed', message: expect.stringContaining('is not followed') })
  })

  test.each<[string, (response: ServerResponse, content: Buffer) => void, RegExp]>([
    ['a page', (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Log in</html>'), /has no GGUF file at that address, but a page/],
    ['another file', (response) => response.writeHead(200, { 'content-length': 4 }).end('PK..'), /but something else/],
    ['a refusal', (response) => response.writeHead(403).end(), /does not give out tiny\.gguf \(403\): the studio logs in nowhere but at the hub/],
    ['an error', (response) => response.writeHead(503).end(), /answers with 503 for tiny\.gguf; try again later/],
    ['no length', (response, content) => response.writeHead(200).end(content), /does not say how long tiny\.gguf is/]
  ])('%s is one line of error', async (_what, respond, why) => {
    host.answer = (_request, response, content) => (respond(response, content), true)
    await expect(lookPasted(`${host.url}/m/tiny.gguf`, directory)).rejects.toThrow(why)
    expect(await fetched(`${host.url}/m/tiny.gguf`)).toMatchObject({ state: 'failed', failure: { message: expect.stringMatching(why) } })
  })

  test('what begins like a model and is none is thrown away, and said', async () => {
    host.files.set('/m/tiny.gguf', Buffer.concat([model.subarray(0, 4000), Buffer.alloc(50_000)]))
    const { state, failure, done } = await fetched(`${host.url}/m/tiny.gguf`)
    expect({ state, done }).toEqual({ state: 'failed', done: 0 })
    expect(failure?.message).toMatch(/is not usable as a model: .*; what had come was thrown away/)
    expect(existsSync(join(directory, 'models', 'addresses'))).toBe(true)
  })

  const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')
})
