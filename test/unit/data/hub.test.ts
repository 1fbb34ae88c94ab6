import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { importSettings } from '../../../src-main/contract/data.ts'
import type { Patience } from '../../../src-main/engine/data/hub/connection.ts'
import { fetchFile } from '../../../src-main/engine/data/hub/fetch.ts'
import { listHubDataset } from '../../../src-main/engine/data/hub/list.ts'
import { cachedPath, hubFileName, isSafePath, parseHubFile, parseHubName } from '../../../src-main/engine/data/hub/name.ts'
import { previewData } from '../../../src-main/engine/data/preview.ts'
import { commit, openHub, sendFile, type Hub } from '../../fixtures/hub.ts'

let hub: Hub
let cache = ''
const patience: Patience = { answerMs: 400, silenceMs: 300, pauseMs: 1 }
const large = Buffer.from(Array.from({ length: 20_000 }, (_, i) => `{"prompt": "prompt ${i}"}`).join('\n'))
const file = `hf://datasets/o/n@${commit}/data/rows.jsonl`
const place = () => cachedPath('o/n', commit, 'data/rows.jsonl', cache)
const parts = () => (existsSync(dirname(place())) ? readdirSync(dirname(place())).filter((name) => name.endsWith('.part')) : [])

function fetching(what = file, abort = new AbortController()) {
  const seen: number[] = []
  return { abort, seen, done: fetchFile(what, cache, { signal: abort.signal, phase: () => {}, progress: (done) => void seen.push(done) }, patience) }
}
/** Resolves when so many bytes of the file are on the disk. */
async function arrived(bytes: number): Promise<void> {
  while (!parts().some((name) => statSync(join(dirname(place()), name)).size >= bytes)) await new Promise((resolve) => setTimeout(resolve, 2))
}
const downloads = () => hub.requests.filter(({ line }) => line.includes('/resolve/'))

beforeEach(async () => {
  hub = await openHub()
  hub.files.set('data/rows.jsonl', large)
  hub.files.set('README.md', Buffer.from('# read me'))
  hub.files.set('small.csv', Buffer.from('prompt\nq\n'))
  cache = mkdtempSync(join(tmpdir(), 're-control-hub-'))
  vi.stubEnv('HF_ENDPOINT', hub.url)
  vi.stubEnv('HF_TOKEN', '')
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await hub.close()
  rmSync(cache, { recursive: true, force: true })
})

describe('a data set of the hub', () => {
  test('is listed at its commit: files that may hold rows, what import takes, and whether they are here', async () => {
    const listed = await listHubDataset('o/n', cache)
    expect(listed).toMatchObject({ name: 'o/n', revision: commit, licence: 'mit' })
    expect(listed.files).toEqual([
      { path: 'data/rows.jsonl', file, bytes: large.length, sha256: expect.stringMatching(/^[0-9a-f]{64}$/), present: false },
      { path: 'small.csv', file: `hf://datasets/o/n@${commit}/small.csv`, bytes: 9, sha256: null, present: false }
    ])
    await fetching().done
    expect((await listHubDataset('o/n', cache)).files.map(({ present }) => present)).toEqual([true, false])
  })

  test.each(['../../evil.jsonl', '/etc/rows.csv', 'a/../../rows.jsonl', 'a\\..\\rows.jsonl', 'C:rows.csv', 'a//rows.csv'])('with a file "%s" is refused as a whole', async (path) => {
    hub.lie.paths = [path]
    await expect(listHubDataset('o/n', cache)).rejects.toThrow(/leads out of it/)
  })

  test.each([[{}], [[]], ['text'], [{ sha: 'main', tags: [] }], [{ sha: 7 }], [null]])('whose hub answers with %j fails in words', async (answer) => {
    hub.lie.answer = answer
    await expect(listHubDataset('o/n', cache)).rejects.toThrow(expect.objectContaining({ code: 'download-failed' }))
  })

  test.each([
    [401, 'download-failed', /private, gated or not there.*HF_TOKEN/],
    [403, 'download-failed', /private, gated or not there/],
    [404, 'not-found', /does not have the data set o\/n/],
    [429, 'download-failed', /too many requests/],
    [500, 'download-failed', /answers with 500.*try again later/]
  ])('%i has a message of its own', async (status, code, message) => {
    hub.before = (_request, response) => (response.writeHead(status).end('<html>'), true)
    await expect(listHubDataset('o/n', cache)).rejects.toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }))
  })

  test('that nobody answers for fails in words', async () => {
    await hub.close()
    await expect(listHubDataset('o/n', cache)).rejects.toThrow(expect.objectContaining({ code: 'download-failed', retryable: true, message: expect.stringMatching(/could not be read from 127/) }))
    hub = await openHub()
  })
})

describe('fetching', () => {
  test('brings a file to its place, asks once, and needs nobody the second time', async () => {
    expect(readFileSync(await fetching().done)).toEqual(large)
    expect(parts()).toEqual([])
    const asked = hub.requests.length
    expect(await fetching().done).toBe(place())
    expect(hub.requests).toHaveLength(asked)
  })

  test('a branch stands for the commit that it was at', async () => {
    const named = 'hf://datasets/o/n/data/rows.jsonl'
    await expect(previewData(importSettings.parse({ file: named }), cache)).rejects.toThrow(expect.objectContaining({ code: 'not-found', message: expect.stringMatching(/fetch it first/) }))
    expect(await fetching(named).done).toBe(place())
    expect((await previewData(importSettings.parse({ file: named }), cache)).rows).toHaveLength(20)
  })

  test('a small file is checked by git\'s own hash', async () => {
    expect(readFileSync(await fetching(`hf://datasets/o/n@${commit}/small.csv`).done, 'utf8')).toBe('prompt\nq\n')
  })

  test('a connection that is cut goes on where it was', async () => {
    let cuts = 0
    hub.download = (request, response, content) => {
      const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0)
      response.writeHead(from > 0 ? 206 : 200, { etag: '"v1"', 'content-length': content.length - from, 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` })
      if (++cuts > 3) response.end(content.subarray(from))
      else void arrived(from + 50_000).then(() => response.destroy(), () => {})
      if (cuts <= 3) response.write(content.subarray(from, from + 50_000))
      return true
    }
    expect(readFileSync(await fetching().done)).toEqual(large)
    expect(downloads().map(({ range }) => range)).toEqual([undefined, 'bytes=50000-', 'bytes=100000-', 'bytes=150000-'])
  })

  test('what was stopped is kept and goes on in the next fetch', async () => {
    hub.download = (_request, response, content) => {
      response.writeHead(200, { etag: `"${'x'}"`, 'content-length': content.length })
      response.write(content.subarray(0, 100_000))
      return true // and no more
    }
    const first = fetching()
    await arrived(1)
    first.abort.abort('stopped')
    await expect(first.done).rejects.toBeDefined()
    expect(parts()).toHaveLength(1)
    let ifRange: unknown
    hub.download = (request, response, content) => {
      ifRange = request.headers['if-range']
      const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1])
      response.writeHead(206, { etag: '"x"', 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` }).end(content.subarray(from))
      return true
    }
    expect(readFileSync(await fetching().done)).toEqual(large)
    expect(ifRange).toBe('"x"')
  })

  test('a file that changed on the server since is fetched anew', async () => {
    let first = true
    hub.download = (request, response, content) => {
      if (!first) {
        sendFile(request, response, content) // If-Range does not hold: 200 with everything
        return true
      }
      first = false
      response.writeHead(200, { etag: '"older"', 'content-length': content.length })
      response.write('x'.repeat(100_000), () => response.destroy())
      return true
    }
    expect(readFileSync(await fetching().done)).toEqual(large)
  })

  test('wrong bytes never get to its place, and are not kept', async () => {
    hub.download = (_request, response, content) => (response.writeHead(200, { etag: '"w"' }).end(Buffer.alloc(content.length, 'w')), true)
    await expect(fetching().done).rejects.toThrow(/its checksum is [0-9a-f]{64}, not/)
    expect(existsSync(place())).toBe(false)
    expect(parts()).toEqual([])
  })

  test('more bytes than it has are not taken', async () => {
    hub.download = (_request, response, content) => (response.writeHead(200, { etag: '"w"' }).end(Buffer.concat([content, content])), true)
    await expect(fetching().done).rejects.toThrow(/sends more than/)
    expect(parts()).toEqual([])
  })

  test('another range than was asked for is not taken', async () => {
    let answers = 0
    hub.download = (_request, response, content) => {
      answers++
      if (answers === 1) {
        response.writeHead(200, { etag: '"e"', 'content-length': content.length })
        response.write(content.subarray(0, 70_000), () => response.destroy())
      } else if (answers === 2) response.writeHead(206, { etag: '"e"', 'content-range': `bytes 5-${content.length - 1}/${content.length}` }).end(content.subarray(5))
      else return false
      return true
    }
    expect(readFileSync(await fetching().done)).toEqual(large)
  })

  test('an answer that never comes ends in words', async () => {
    hub.before = () => true
    await expect(fetching().done).rejects.toThrow(expect.objectContaining({ code: 'download-failed', message: expect.stringMatching(/did not answer within/) }))
  })

  test('a download that stops half-way ends in words', async () => {
    hub.download = (_request, response, content) => {
      response.writeHead(200, { etag: 'W/"weak"', 'content-length': content.length })
      response.write(content.subarray(0, 10))
      return true
    }
    await expect(fetching().done).rejects.toThrow(/could not be fetched: the connection was silent.*next fetch goes on/)
  })

  test.each([
    [404, 'not-found', /does not have/],
    [401, 'download-failed', /HF_TOKEN/],
    [429, 'download-failed', /too many requests/],
    [500, 'download-failed', /answers with 500/]
  ])('%i for the file itself has a message of its own', async (status, code, message) => {
    hub.download = (_request, response) => (response.writeHead(status).end(), true)
    await expect(fetching().done).rejects.toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }))
  })

  test('a file that the data set does not have', async () => {
    await expect(fetching(`hf://datasets/o/n@${commit}/none.jsonl`).done).rejects.toThrow(expect.objectContaining({ code: 'not-found', message: expect.stringMatching(/no file "none.jsonl"/) }))
  })
})

describe('redirects', () => {
  test('to another server of this machine are followed, as to a CDN, and the token stays at the hub', async () => {
    vi.stubEnv('HF_TOKEN', 'hf_secret')
    const tokens: (string | undefined)[] = []
    const cdn = createServer((request, response) => {
      tokens.push(request.headers.authorization)
      sendFile(request, response, large)
    })
    await new Promise<void>((resolve) => cdn.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void cdn.close())
    hub.download = (_request, response) => (response.writeHead(302, { location: `http://127.0.0.1:${(cdn.address() as AddressInfo).port}/blob` }).end(), true)
    expect(readFileSync(await fetching().done)).toEqual(large)
    expect(downloads()[0]?.token).toBe('Bearer hf_secret')
    expect(tokens).toEqual([undefined])
  })

  test.each(['http://example.com/rows.jsonl', 'file:///etc/passwd', 'ftp://127.0.0.1/x', 'nonsense://x'])('to %s are not', async (location) => {
    hub.download = (_request, response) => (response.writeHead(302, { location }).end(), true)
    await expect(fetching().done).rejects.toThrow(/which is not followed/)
  })

  test('in a circle end', async () => {
    hub.download = (request, response) => (response.writeHead(302, { location: request.url ?? '' }).end(), true)
    await expect(fetching().done).rejects.toThrow(/redirects more than/)
  })
})

describe('names', () => {
  const home = 'https://huggingface.co'
  test.each([
    ['o/n', { name: 'o/n', revision: null }],
    [' o/n@v1.0 ', { name: 'o/n', revision: 'v1.0' }],
    ['hf://datasets/o/n@refs%2Fconvert%2Fparquet', { name: 'o/n', revision: 'refs/convert/parquet' }],
    ['https://huggingface.co/datasets/o/n', { name: 'o/n', revision: null }],
    ['https://huggingface.co/datasets/o/n/tree/main/data', { name: 'o/n', revision: 'main' }],
    ['https://huggingface.co/datasets/o/n/tree/refs%2Fconvert%2Fparquet/default', { name: 'o/n', revision: 'refs/convert/parquet' }]
  ])('%s', (text, name) => expect(parseHubName(text, home)).toEqual(name))

  test.each(['n', '', 'o/n/m', '../n', 'o/..', 'https://example.com/datasets/o/n', 'https://huggingface.co/o/n', 'o/n@../x', 'o/n@', 'o\0/n', 'o/n?x'])('%j is none', (text) => {
    expect(() => parseHubName(text, home)).toThrow(expect.objectContaining({ code: 'bad-request' }))
  })

  test.each(['hf://datasets/o/n/../x', 'hf://datasets/o/n@r/a/./b', 'hf://datasets/o/../x', 'hf://datasets/o/n', 'hf://models/o/n/x', 'hf://datasets/o/n@../x/y', 'hf://datasets/o/n//x'])('%s is no file', (text) => {
    expect(() => parseHubFile(text)).toThrow(expect.objectContaining({ code: 'bad-request' }))
  })

  test('a file\'s name leads back to it', () => {
    for (const revision of [null, 'main', 'refs/convert/parquet', commit]) {
      const named = { name: 'o/n', revision, path: 'data/train-00000-of-00001.parquet' }
      expect(parseHubFile(hubFileName(named))).toEqual(named)
    }
  })

  test.each(['con/..', 'a/b.', 'a/b ', '.', '..', '', 'a\u0000b', 'a:b', `${'a'.repeat(300)}`])('%j is no path', (path) => expect(isSafePath(path)).toBe(false))
})
