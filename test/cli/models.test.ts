/** Models in the terminal: what is on this machine, and downloads from a hub of our own. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { commit, openHub, type Hub } from '../fixtures/hub.ts'
import { writeSplitModel } from '../fixtures/tiny-model.ts'
import { makeHome, type Home } from './terminal.ts'

let hub: Hub
let home: Home
let model: Buffer
beforeAll(async () => {
  hub = await openHub()
  vi.stubEnv('HF_ENDPOINT', hub.url)
  vi.stubEnv('HF_TOKEN', '')
  home = await makeHome()
  model = readFileSync(home.modelFile)
  hub.files.set('tiny-Q4_0.gguf', model)
})
afterAll(async () => {
  vi.unstubAllEnvs()
  home.remove()
  await hub.close()
})

const place = (name: string): string => home.path('cache', 're-control-studio', 'models', 'hub', 'o', 'n', commit, name)

test('a model of the hub is downloaded by its name, listed with its fit, and asks nobody the second time', async () => {
  const first = await home.cli('model', 'download', 'o/n', '--json')
  expect(first.code).toBe(0)
  expect(first.json).toEqual({ source: { kind: 'hub', name: 'o/n', revision: null, path: 'tiny-Q4_0.gguf' }, file: place('tiny-Q4_0.gguf') })
  expect(readFileSync(place('tiny-Q4_0.gguf'))).toEqual(model)
  const asked = hub.requests.length
  expect((await home.cli('model', 'download', 'o/n/tiny-Q4_0.gguf')).stdout.trim()).toBe(place('tiny-Q4_0.gguf'))
  expect(hub.requests.length).toBe(asked)
  const listed = await home.cli('model', 'list', '--json')
  expect(listed.json['models']).toMatchObject([{ file: place('tiny-Q4_0.gguf'), downloaded: true, facts: { architecture: 'llama', licence: 'apache-2.0' }, fit: { verdict: 'fits' } }])
  expect(listed.json['catalogue']).toMatchObject([{ id: 'tinyllama-1.1b-chat', present: false }])
  expect((await home.cli('model', 'list')).stdout).toMatch(/tiny-Q4_0\.gguf +llama +0\.00 B +F32 +2048 +0\.7 MB +apache-2\.0 +fits on the processor/)
})

test.each([
  [['nothing'], /the catalogue has no model nothing/],
  [['o/n/../../x.gguf'], /leads out of its model/],
  [['o/n/README.md'], /is not a GGUF file/],
  [['o/n/gone.gguf'], /the model o\/n has no file "gone\.gguf"/],
  [[], /model download takes NAME/]
])('%j is one line of error', async (words, reason) => {
  const { code, stdout, stderr } = await home.cli('model', 'download', ...words)
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr.trim().split('\n').at(-1)).toMatch(reason)
})

test('a model of several files wants one of them named', async () => {
  hub.files.set('tiny-Q8_0.gguf', model)
  const { code, stderr } = await home.cli('model', 'download', 'o/n')
  expect(code).toBe(1)
  expect(stderr).toMatch(/o\/n has 2 GGUF files; name one of them: o\/n\/tiny-Q4_0\.gguf \(1 MB\), o\/n\/tiny-Q8_0\.gguf/)
  hub.files.delete('tiny-Q8_0.gguf')
})

test('model checksum: of the file, of each of several, and of their list', async () => {
  const one = await home.cli('model', 'checksum', home.modelFile, '--json')
  expect(one.json).toMatchObject({ file: home.modelFile, sha256: createHash('sha256').update(model).digest('hex'), parts: 1 })
  const [first = ''] = writeSplitModel(home.path('split'), 2)
  const { stdout, stderr } = await home.cli('model', 'checksum', first)
  expect(stdout.trim().split('\n').map((line) => line.replace(/^[0-9a-f]{64} {2}/, ''))).toEqual([first, first.replace('00001-of', '00002-of'), 'all 2 together'])
  expect(stderr).toMatch(/Reading split-00001-of-00002\.gguf/)
})

test('Ctrl-C keeps what has come, and the same command goes on from there', async () => {
  hub.files.set('late-Q8_0.gguf', model)
  const half = Math.floor(model.length / 2)
  const arrived = Promise.withResolvers<void>()
  hub.download = (_request, response) => {
    response.writeHead(200, { etag: '"1"', 'content-length': model.length })
    response.write(model.subarray(0, half), () => arrived.resolve())
    return true
  }
  const { process: child, result } = home.start('model', 'download', 'o/n/late-Q8_0.gguf')
  await arrived.promise
  const queue = home.path('data', 're-control-studio', 'downloads.json')
  await expect.poll(() => (JSON.parse(readFileSync(queue, 'utf8')) as { expected: unknown }[]).at(-1)?.expected, { timeout: 30_000 }).not.toBeNull()
  const other = await home.cli('model', 'download', 'o/n/tiny-Q4_0.gguf')
  expect(other.stderr).toMatch(/another studio or terminal is downloading models/)
  child.kill('SIGINT')
  expect(await result).toMatchObject({ code: 130, stderr: expect.stringMatching(/interrupted; what has come is kept/) })
  hub.download = (request, response) => {
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1])
    expect(from).toBeGreaterThan(0)
    response.writeHead(206, { etag: '"1"', 'content-range': `bytes ${from}-${model.length - 1}/${model.length}` }).end(model.subarray(from))
    return true
  }
  expect((await home.cli('model', 'download', 'o/n/late-Q8_0.gguf')).code).toBe(0)
  expect(readFileSync(place('late-Q8_0.gguf'))).toEqual(model)
})
