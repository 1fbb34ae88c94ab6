/** What the local server does with requests that no honest client sends. Raw sockets, so that nothing is put right on the way. */
import fc from 'fast-check'
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Secrets, type Keychain } from '../../src-main/engine/secrets.ts'
import { maxBodyBytes } from '../../src-main/engine/server/body.ts'
import { LocalServer } from '../../src-main/engine/server/local-server.ts'
import { StopStrings } from '../../src-main/engine/server/stop-strings.ts'
import { ServerToken } from '../../src-main/engine/server/token.ts'
import { openStudio, ownDirectory, type Studio } from './studio.ts'

let studio: Studio
let server: LocalServer
let port: number
let token: string
beforeAll(async () => {
  studio = await openStudio()
  server = new LocalServer(studio.engine, join(studio.directory, 'data'), () => {}, { headMs: 150, requestMs: 300, readMs: 5000, checkEveryMs: 50 })
  port = (await server.start(0)).port
  token = await server.token.get()
})
afterAll(async () => {
  await server.stop()
  await studio.close()
})

interface Reply {
  status: number
  headers: IncomingHttpHeaders
  body: string
}

function send({ path = '/v1/models', method = 'GET', headers = {}, body, host = '127.0.0.1' }: { path?: string; method?: string; headers?: Record<string, string>; body?: string | Buffer; host?: string } = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host, port, path, method, headers: { Authorization: `Bearer ${token}`, ...headers } }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk)).on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }))
    })
    request.on('error', reject)
    request.end(body)
  })
}

const post = (body: string | Buffer, headers: Record<string, string> = {}, path = '/v1/chat/completions'): Promise<Reply> => send({ method: 'POST', path, body, headers: { 'Content-Type': 'application/json', ...headers } })
const errorOf = ({ body }: Reply) => (JSON.parse(body) as { error: { message: string; type: string; param: string | null; code: string | null } }).error

/** Writes bytes as they are. @returns all that came back until the server closed the connection */
function raw(bytes: string | Buffer, { end = false } = {}): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => (end ? socket.end(bytes) : socket.write(bytes)))
    let text = ''
    socket.on('data', (chunk) => (text += chunk.toString('latin1')))
    socket.on('error', () => {})
    socket.on('close', () => resolve(text))
  })
}

describe('who is let in', () => {
  test('this machine only, on both of its own addresses', async () => {
    expect((await send()).status).toBe(200)
    const addresses = Object.values(networkInterfaces()).flatMap((all) => all ?? [])
    if (addresses.some(({ address }) => address === '::1')) expect((await send({ host: '::1' })).status).toBe(200)
    for (const { address, internal, family } of addresses) {
      if (!internal && family === 'IPv4') await expect(send({ host: address })).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    }
  })

  test.each(['evil.example', 'evil.example:80', '127.0.0.1', '127.0.0.1:1', '127.0.0.1.evil.example', 'localhost.evil.example', '[::1]', '0.0.0.0'])('not under the name %j', async (name) => {
    const reply = await send({ headers: { Host: name } })
    expect({ status: reply.status, code: errorOf(reply).code }).toEqual({ status: 403, code: 'wrong_host' })
  })

  test.each(['https://evil.example', 'http://localhost:3000', 'null', 'studio://app', 'file://'])('no web page of %s, and no answer has a header that would let one read it', async (origin) => {
    const reply = await send({ headers: { Origin: origin } })
    expect({ status: reply.status, code: errorOf(reply).code }).toEqual({ status: 403, code: 'web_page' })
    const preflight = await send({ method: 'OPTIONS', path: '/v1/chat/completions', headers: { Origin: origin, 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'authorization' } })
    expect(preflight.status).toBe(403)
    for (const { headers } of [reply, preflight, await send()]) expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([])
  })

  test('nobody without the whole token', async () => {
    for (const authorization of ['', 'Bearer', 'Bearer ', `Basic ${token}`, token, `Bearer ${token} x`, `Bearer ${token.toUpperCase()}`, 'Bearer \u00e9']) {
      const reply = await send({ headers: { Authorization: authorization } })
      expect(reply.status).toBe(401)
      expect(errorOf(reply).code).toBe('invalid_api_key')
      expect(reply.body).not.toContain(token)
    }
  })

  test('the token is kept by the keychain, made anew without one, and another one after renewing', async () => {
    const directory = ownDirectory()
    const keychain: Keychain = { safe: async () => true, encrypt: async (text) => Buffer.from(text).reverse().toString('base64'), decrypt: async (cipher) => Buffer.from(cipher, 'base64').reverse().toString() }
    const made = new ServerToken(new Secrets(directory, keychain, {}))
    const first = await made.get()
    expect(first).toMatch(/^rcs-[\w-]{43}$/)
    expect(made.kept).toBe(true)
    expect(await new ServerToken(new Secrets(directory, keychain, {})).get()).toBe(first)
    const second = await made.renew()
    expect(second).not.toBe(first)
    expect(await new ServerToken(new Secrets(directory, keychain, {})).get()).toBe(second)
    const loose = new ServerToken(new Secrets(directory, null, {}))
    expect([first, second]).not.toContain(await loose.get())
    expect(loose.kept).toBe(false)
  })
})

describe('what is asked', () => {
  test('elsewhere, or in another way, is told where to go', async () => {
    for (const path of ['/', '/v1', '/v1/', '/v1/embeddings', '/v1/chat', '//v1/models', '/v1/../etc/passwd', '/%2e%2e/x', '*', '/v1/models/%zz']) {
      const reply = await send({ path })
      expect({ path, status: reply.status }).toEqual({ path, status: 404 })
      expect(errorOf(reply).message).toBeTruthy()
    }
    expect((await send({ method: 'DELETE' })).status).toBe(405)
    expect((await send({ path: '/v1/chat/completions' })).status).toBe(405)
  })

  test('must be JSON of a bounded size', async () => {
    const whole = JSON.stringify({ messages: [{ role: 'user', content: 'a' }], max_tokens: 1 })
    expect((await post(whole)).status).toBe(200)
    expect((await post(whole, { 'Content-Type': 'text/plain' })).status).toBe(415)
    expect((await post(whole, { 'Content-Type': 'application/x-www-form-urlencoded' })).status).toBe(415)
    expect((await post(whole, { 'Content-Encoding': 'gzip' })).status).toBe(415)
    for (const bad of ['', '{', 'null', '[]', '"x"', '1e999', '{"messages":', Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), `${'['.repeat(100_000)}`]) {
      const reply = await post(bad)
      expect(reply.status).toBe(400)
      expect(errorOf(reply).message.length).toBeLessThan(1100)
    }
    const large = await post(Buffer.alloc(maxBodyBytes + 1, 0x20))
    expect({ status: large.status, code: errorOf(large).code }).toEqual({ status: 413, code: 'body_too_large' })
    expect((await post(Buffer.alloc(maxBodyBytes + 1, 0x20), { 'Transfer-Encoding': 'chunked' })).status).toBe(413)
    expect((await post(whole)).status).toBe(200)
  })

  test('any JSON at all gets an answer of its own shape', async () => {
    const field = fc.constantFrom('model', 'messages', 'method', 'settings', 'value_function', 'n', 'seed', 'stop', 'stream', 'stream_options', 'max_tokens', 'temperature', 'top_p', 'tools', 'response_format', '__proto__', 'constructor')
    const message = fc.record({ role: fc.oneof(fc.constant('user'), fc.string()), content: fc.oneof(fc.string(), fc.jsonValue()) })
    await fc.assert(
      fc.asyncProperty(fc.dictionary(field, fc.oneof(fc.jsonValue(), fc.array(message))), async (body) => {
        const reply = await post(JSON.stringify({ max_tokens: 2, ...body }))
        if (reply.status === 200) return
        expect([400, 404]).toContain(reply.status)
        expect(errorOf(reply)).toEqual({ message: expect.any(String), type: 'invalid_request_error', param: reply.body.includes('"param":null') ? null : expect.any(String), code: errorOf(reply).code })
      }),
      { seed: 6, numRuns: 150 }
    )
  })

  test('malformed HTTP closes its connection and nobody else\'s', async () => {
    const head = `POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\n`
    const monsters = [
      'hello\r\n\r\n', '\0\0\0\0\r\n\r\n', 'GET / HTTP/9.9\r\n\r\n', 'GET /v1/models HTTP/1.1\r\n\r\n', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', `${head}Content-Length: -1\r\n\r\n`, `${head}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`,
      `${head}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, `${head}Transfer-Encoding: chunked\r\n\r\nzz\r\n`, `${head}X: ${'y'.repeat(100_000)}\r\n\r\n`, `${head}${'A: b\r\n'.repeat(5000)}\r\n`, `GET /${'a'.repeat(100_000)} HTTP/1.1\r\n\r\n`,
      `CONNECT evil.example:443 HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`, `GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`
    ]
    for (const answer of await Promise.all(monsters.map((monster) => raw(monster, { end: true })))) expect(answer).not.toMatch(/^HTTP\/1\.1 200/)
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
      expect(await raw(Buffer.from(bytes), { end: true })).not.toMatch(/^HTTP\/1\.1 200/)
    }), { seed: 7, numRuns: 60 })
    expect((await send()).status).toBe(200)
  })

  test('too slowly is given up: a head, a body, and a line that says nothing', async () => {
    const head = `POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n`
    const [never, unfinished, bodiless] = await Promise.all([raw(''), raw(head), raw(`${head}\r\n{"mess`)])
    expect(never).toMatch(/^(HTTP\/1\.1 408|$)/)
    expect(unfinished).toMatch(/^HTTP\/1\.1 408/)
    expect(bodiless).toMatch(/^HTTP\/1\.1 408/)
    expect(server.state.active).toBe(0)
    expect((await send()).status).toBe(200)
  })

  test('a hundred idle connections keep nobody out, and are closed', async () => {
    const idle = Array.from({ length: 100 }, () => raw(''))
    expect((await send()).status).toBe(200)
    await Promise.all(idle)
  })

  test('a port that is taken is refused in one line, and nothing listens', async () => {
    const other = new LocalServer(studio.engine, ownDirectory(), () => {})
    await expect(other.start(port)).rejects.toMatchObject({ code: 'busy', message: `port ${port} is taken by another program: choose another one` })
    expect(other.state.running).toBe(false)
  })
})

test('stop strings: whatever the pieces, the text ends before the first one, and nothing after it is told', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 12 })
  const stop = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 3 })
  fc.assert(
    fc.property(fc.array(letters, { maxLength: 8 }), fc.array(stop, { maxLength: 3 }), (pieces, stops) => {
      const whole = pieces.join('')
      const ends = stops.map((one) => whole.indexOf(one)).filter((at) => at >= 0)
      const filter = new StopStrings(stops)
      const told = pieces.map((piece) => filter.take(piece)).join('') + filter.rest()
      expect(filter.met).toBe(ends.length > 0)
      if (ends.length === 0) expect(told).toBe(whole)
      expect(whole.startsWith(told)).toBe(true)
      for (const one of stops) expect(told.includes(one)).toBe(false)
    }),
    { seed: 5 }
  )
})
