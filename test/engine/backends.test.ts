/** CUDA and Vulkan as somebody's choice: fetched from a registry of our own, unpacked, removed, and every way in which a package can be wrong. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, readSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { pack } from 'tar-stream'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import type { ModelDownload } from '../../src-main/contract/models.ts'
import { createHandlers } from '../../src-main/engine/handlers.ts'
import { Downloads } from '../../src-main/engine/models/downloads/downloads.ts'
import { removeBackend } from '../../src-main/engine/models/fetch-backend.ts'
import { furtherBackends, kinds } from '../../src-main/engine/models/further-backends.ts'
import { sendFile } from '../fixtures/hub.ts'
import { openStudio, ownDirectory, root } from './studio.ts'

type Member = { name: string; type?: 'file' | 'directory' | 'symlink' | 'link' | 'character-device' | 'fifo'; linkname?: string; bytes?: Buffer }

const library = Buffer.alloc(200_000, 'library ')
const version = '1.2.3'
const source = { kind: 'backend' as const, id: 'vulkan' as const }
const platform = { linux: 'linux', win32: 'win' }[process.platform as string]
const folder = `${platform}-x64-vulkan`
const usual: Member[] = [{ name: 'package/package.json', bytes: Buffer.from(JSON.stringify({ version })) }, { name: 'package/bins/one/libggml-vulkan.so', bytes: library }, { name: 'package/LICENSE', bytes: Buffer.from('MIT') }]

let directory = ''
let directories = { cacheDirectory: '', resourcesDirectory: '', dataDirectory: '' }
let requests: { url: string; range: string | undefined }[] = []
let answer: (request: IncomingMessage, response: ServerResponse, tarball: Buffer) => void = sendFile
const place = () => join(directories.cacheDirectory, 'backends', folder)
const left = () => (existsSync(join(place(), '..')) ? readdirSync(join(place(), '..')) : [])

beforeEach(async () => {
  directory = ownDirectory()
  directories = { cacheDirectory: join(directory, 'cache'), resourcesDirectory: join(directory, 'resources'), dataDirectory: join(directory, 'data') }
  mkdirSync(directories.resourcesDirectory)
  requests = []
  answer = sendFile
  for (const name of ['npm_execpath', 'npm_node_execpath']) vi.stubEnv(name, undefined)
  vi.stubEnv('PATH', join(directory, 'nothing')) // no npm: the tarball's usual address is asked
  onTestFinished(() => void vi.unstubAllEnvs())
})

async function tarballOf(members: Member[]): Promise<Buffer> {
  const tar = pack()
  for (const { bytes, ...header } of members) tar.entry({ type: 'file', ...header }, bytes ?? Buffer.alloc(0))
  tar.finalize()
  const chunks: Buffer[] = []
  for await (const chunk of tar) chunks.push(chunk as Buffer)
  return gzipSync(Buffer.concat(chunks), { level: 0 })
}

/** A registry with the package of these members, pinned as `pinned` has it. */
async function publish(members = usual, pinned: { version?: string; bytes?: number; sha512?: string } = {}): Promise<Buffer> {
  const tarball = await tarballOf(members)
  const server = createServer((request, response) => {
    requests.push({ url: request.url ?? '', range: request.headers.range })
    answer(request, response, tarball)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => new Promise<void>((resolve) => (server.closeAllConnections(), server.close(() => resolve()))))
  vi.stubEnv('npm_config_registry', `http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  pin({ version, bytes: tarball.length, sha512: createHash('sha512').update(tarball).digest('base64'), ...pinned })
  return tarball
}

function pin(one: { version: string; bytes: number; sha512: string }): void {
  writeFileSync(join(directories.resourcesDirectory, 'backends.json'), JSON.stringify({ [folder]: one, 'elsewhere-x64-cuda': one }))
}

function openQueue(): Downloads {
  const queue = new Downloads(directories, { changed: () => {}, finished: () => {}, warn: () => {} }, { answerMs: 2000, silenceMs: 2000, pauseMs: 1 })
  onTestFinished(() => queue.pauseAll())
  return queue
}

async function fetched(queue = openQueue()): Promise<ModelDownload> {
  return queue.finished(queue.add(source, null).id)
}

const stateNow = () => furtherBackends(directories, () => true).map(({ id, state }) => [id, state])

describe.runIf(platform !== undefined && process.arch === 'x64')('a further backend', () => {
  test('is fetched when somebody asks, unpacked whole, and removed again', async () => {
    const tarball = await publish()
    expect(furtherBackends(directories, () => false)).toEqual([{ id: 'vulkan', title: 'Vulkan', backend: 'vulkan', needs: null, package: `@node-llama-cpp/${folder}@${version}`, bytes: tarball.length, state: 'absent', directory: null, missing: [expect.stringMatching(/^the Vulkan loader \(/)] }])
    expect(requests).toEqual([])
    expect(await fetched()).toMatchObject({ state: 'done', file: place(), done: tarball.length, total: tarball.length, title: 'Vulkan backend' })
    expect(requests.map(({ url }) => url)).toEqual([`/@node-llama-cpp/${folder}/-/${folder}-${version}.tgz`])
    expect(readFileSync(join(place(), 'bins', 'one', 'libggml-vulkan.so'))).toEqual(library)
    expect(left()).toEqual([folder])
    expect(stateNow()).toEqual([['vulkan', 'fetched']])
    expect(await fetched()).toMatchObject({ state: 'done' })
    expect(requests).toHaveLength(1) // it is here
    expect(removeBackend('vulkan', directories)).toEqual([place()])
    expect(left()).toEqual([])
    expect(() => removeBackend('vulkan', directories)).toThrow(/was not fetched/)
  })

  test('goes on after a pause and a restart where its bytes ended; cancelled, nothing of it stays', async () => {
    const tarball = await publish()
    const half = Math.floor(tarball.length / 2)
    answer = (_request, response) => void response.writeHead(200, { 'content-length': tarball.length }).write(tarball.subarray(0, half))
    const first = openQueue()
    const { id } = first.add(source, null)
    while ((first.list()[0]?.done ?? 0) < half) await new Promise((next) => setTimeout(next, 2))
    await first.pause(id)
    const queue = openQueue()
    expect(queue.list()).toMatchObject([{ state: 'paused', done: half, total: tarball.length }])
    answer = sendFile
    queue.resume(id)
    expect((await queue.finished(id)).state).toBe('done')
    expect(requests.map(({ range }) => range)).toEqual([undefined, `bytes=${half}-`])
    expect(readFileSync(join(place(), 'bins', 'one', 'libggml-vulkan.so'))).toEqual(library)

    removeBackend('vulkan', directories)
    queue.forget(place())
    answer = (_request, response) => void response.writeHead(200, { 'content-length': tarball.length }).write(tarball.subarray(0, half))
    const again = queue.add(source, null).id
    while ((queue.list()[0]?.done ?? 0) < half) await new Promise((next) => setTimeout(next, 2))
    await queue.cancel(again)
    expect(left()).toEqual([])
    expect(queue.list()).toEqual([])
  })

  test('of another version of the studio is told, replaced, and what an interrupted unpacking left is in nobody\'s way', async () => {
    mkdirSync(join(place(), 'bins', 'old'), { recursive: true })
    writeFileSync(join(place(), 'package.json'), '{"version":"1.0.0"}')
    mkdirSync(join(`${place()}.unpacking`, 'bins'), { recursive: true })
    const tarball = await publish()
    expect(stateNow()).toEqual([['vulkan', 'outdated']])
    writeFileSync(`${place()}.tgz`, tarball) // it was whole when the process was killed
    expect((await fetched()).state).toBe('done')
    expect(requests).toEqual([])
    expect(readdirSync(join(place(), 'bins'))).toEqual(['one'])
    expect(left()).toEqual([folder])
  })

  test('with other bytes than the pinned ones is thrown away', async () => {
    const tarball = await publish()
    answer = (_request, response) => void response.writeHead(200, { 'content-length': tarball.length }).end(Buffer.from(tarball).fill('x', 5000, 5001))
    expect(await fetched()).toMatchObject({ state: 'failed', done: 0, failure: { code: 'download-failed', message: expect.stringMatching(/is not the file that was published: its checksum is/) } })
    expect(left()).toEqual([])
    writeFileSync(`${place()}.tgz`, Buffer.from(tarball).fill('x', 5000, 5001)) // and so is one that lies there
    expect((await fetched()).failure?.message).toMatch(/is not the file that was published/)
    expect(left()).toEqual([])
  })

  const hostile: [string, Member[], RegExp][] = [
    ['a path that leads out', [{ name: 'package/../../../evil', bytes: library }], /names the path .* leads out/],
    ['an absolute path', [{ name: '/evil', bytes: library }], /names the path .* leads out/],
    ['a path of another folder', [{ name: 'evil/x', bytes: library }], /names the path .* leads out/],
    ['a path with a backslash', [{ name: 'package/..\\..\\evil', bytes: library }], /names the path .* leads out/],
    ['a symbolic link', [{ name: 'package/bins/one', type: 'symlink', linkname: '/etc' }, { name: 'package/bins/one/evil', bytes: library }], /holds a symlink/],
    ['a hard link', [{ name: 'package/bins/evil', type: 'link', linkname: '/etc/passwd' }], /holds a link/],
    ['a device', [{ name: 'package/evil', type: 'character-device' }], /holds a character-device/],
    ['a pipe', [{ name: 'package/evil', type: 'fifo' }], /holds a fifo/],
    ['the same file twice', [{ name: 'package/bins/one/libggml-vulkan.so', bytes: library }], /EEXIST/],
    ['a file as a folder', [{ name: 'package/LICENSE/evil', bytes: library }], /ENOTDIR|EEXIST/]
  ]
  test.each(hostile)('with %s is refused, though its checksum is right', async (_what, members, reason) => {
    await publish([...usual, ...members])
    expect(await fetched()).toMatchObject({ state: 'failed', failure: { code: 'download-failed', message: expect.stringMatching(reason) } })
    expect(existsSync(place())).toBe(false)
    expect(left().filter((name) => !name.endsWith('.tgz'))).toEqual([])
    expect(execFileSync('/usr/bin/find', [directory, '-name', '*evil*']).toString()).toBe('')
  })

  test.each<[string, (tarball: Buffer) => Buffer]>([
    ['that is cut short', (tarball) => tarball.subarray(0, tarball.length - 3000)],
    ['that says it is smaller', (tarball) => (tarball.writeUInt32LE(10, tarball.length - 4), tarball)],
    ['that is no archive', () => Buffer.from('no archive at all, but long enough to be one')]
  ])('as a tarball %s is refused', async (_what, spoil) => {
    const bytes = spoil(await tarballOf(usual))
    await publish(usual, { bytes: bytes.length, sha512: createHash('sha512').update(bytes).digest('base64') })
    answer = (_request, response) => void response.writeHead(200, { 'content-length': bytes.length }).end(bytes)
    expect(await fetched()).toMatchObject({ state: 'failed', failure: { code: expect.stringMatching(/download-failed|disk-full/) } })
    expect(existsSync(place())).toBe(false)
  })

  test('without libraries is refused', async () => {
    await publish(usual.filter(({ name }) => !name.includes('bins')))
    expect((await fetched()).failure?.message).toMatch(/holds no libraries/)
  })

  test.runIf(process.platform === 'linux' && process.getuid?.() === 0)('has a full disk told before it is unpacked, and goes on without fetching again', async () => {
    mkdirSync(directories.cacheDirectory)
    try {
      execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=300k', 'tmpfs', directories.cacheDirectory])
    } catch {
      return // no right to mount, as in some containers
    }
    try {
      await publish()
      const queue = openQueue()
      expect(await fetched(queue)).toMatchObject({ state: 'failed', failure: { code: 'disk-full', retryable: true } })
      expect(left()).toEqual([`${folder}.tgz`])
      execFileSync('/bin/mount', ['-o', 'remount,size=2m', directories.cacheDirectory])
      queue.resume(1)
      expect((await queue.finished(1)).state).toBe('done')
      expect(requests).toHaveLength(1)
    } finally {
      execFileSync('/bin/umount', ['-l', directories.cacheDirectory])
    }
  })

  test('is listed and removed through the contract; a checkout\'s own is not', async () => {
    const studio = await openStudio()
    onTestFinished(() => studio.close())
    Object.assign(studio.engine.options, directories)
    await publish()
    const handlers = createHandlers(studio.engine)
    expect(await handlers['device.backends']({})).toMatchObject([{ id: 'vulkan', state: 'absent' }])
    await fetched()
    expect(await handlers['device.backends']({})).toMatchObject([{ id: 'vulkan', state: 'fetched', directory: place() }])
    expect(await handlers['device.removeBackend']({ id: 'vulkan' })).toMatchObject([{ id: 'vulkan', state: 'absent' }])
    await expect(handlers['device.removeBackend']({ id: 'cuda' })).rejects.toMatchObject({ code: 'not-found', message: expect.stringMatching(/there is no CUDA 13 backend for/) })
    expect(() => openQueue().add({ kind: 'backend', id: 'cuda' }, null)).toThrow(/there is no CUDA 13 backend for/)
  })
})

/** The drivers' and CUDA's libraries that a library of the ELF format is linked with: their names are at its beginning. */
function linkedWith(file: string): string[] {
  const beginning = Buffer.alloc(4 << 20)
  const handle = openSync(file, 'r')
  readSync(handle, beginning, 0, beginning.length, 0)
  closeSync(handle)
  return [...new Set(beginning.toString('latin1').match(/lib(cuda|cudart|cublas|vulkan)\.so\.\d+/g))].sort()
}

const libraries = [
  ['cuda', 'linux-x64-cuda/bins/linux-x64-cuda/libggml-cuda.so'],
  ['cuda-ext', 'linux-x64-cuda-ext/bins/linux-x64-cuda/fallback/libggml-cuda.so'],
  ['vulkan', 'linux-x64-vulkan/bins/linux-x64-vulkan/libggml-vulkan.so']
] as const
for (const [id, path] of libraries) {
  const file = join(root, 'node_modules', '@node-llama-cpp', path)
  test.runIf(existsSync(file))(`what ${id} is said to need is what its library is linked with`, () => {
    expect(linkedWith(file)).toEqual(kinds[id].libraries.map(({ linux }) => linux).sort())
  })
}
