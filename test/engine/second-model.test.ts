/** A second model beside the steered one, in a process of its own. */
import { statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { keep } from '../../src-main/engine/kept-json.ts'
import type { FinishedEvent } from '../../src-main/model-host/messages/generate.ts'
import type { HostClient } from '../../src-main/engine/models/host-client.ts'
import { roomBeside } from '../../src-main/engine/models/plan.ts'
import { writeTinyModel } from '../fixtures/tiny-model.ts'
import { greedy, openStudio, type Studio } from './studio.ts'

let studio: Studio
let file: string
const never = new AbortController().signal
beforeEach(async () => {
  studio = await openStudio()
  file = join(studio.directory, 'second.gguf')
  writeTinyModel(file, { repeats: 'abc', embedding: 32 })
})
afterEach(() => studio.close())

async function answer(host: HostClient): Promise<string> {
  const finished: FinishedEvent[] = []
  const request = { key: 0, prompt: { messages: [{ role: 'user' as const, content: 'a' }] }, sampling: greedy, seed: 1, maxTokens: 6, control: null }
  await host.request('generate', { requests: [request], parallel: 1, states: false, tokens: false, deterministic: false }, { onEvent: (event) => void (event.kind === 'finished' && finished.push(event)) })
  return finished[0]!.text
}

test('both answer side by side, and closing the second leaves the first', async () => {
  const first = await studio.engine.models.use(studio.project)
  const { host, close } = await studio.engine.models.openSecond(file, never)
  expect(host.loaded).toMatchObject({ file, stateSize: 32 })
  const [own, others] = await Promise.all([answer(host), answer(first)])
  expect(own).toMatch(/^(abc|bca|cab)+/)
  expect(others).not.toBe(own)
  close()
  await expect(answer(host)).rejects.toMatchObject({ code: 'model-host-exited' })
  expect(await studio.engine.models.use(studio.project)).toBe(first)
  expect(await answer(first)).toBe(others)
})

test('its death is an error of the request; second(...) goes on with a new one, three deaths in a row end it', async () => {
  const { host } = await studio.engine.models.openSecond(file, never)
  const running = answer(host)
  studio.killHost()
  await expect(running).rejects.toMatchObject({ code: 'model-host-exited', retryable: true })

  let attempts = 0
  const { models } = studio.engine
  const second = models.second(file, never)
  const text = await second.use((host) => {
    const result = answer(host)
    if (++attempts < 3) studio.killHost()
    return result
  })
  expect(text).toMatch(/^(abc|bca|cab)+/)
  expect(attempts).toBe(3)
  expect(await second.use(answer)).toBe(text)
  expect(studio.hosts()).toBe(4) // the last one is still there
  const endless = second.use((host) => {
    studio.killHost()
    return answer(host)
  })
  await expect(endless).rejects.toMatchObject({ code: 'model-host-exited', message: expect.stringContaining('3 times in a row') })
})

test('cancelled while it loads or later: its process is gone, the error says so', async () => {
  const early = new AbortController()
  studio.onLaunch(() => early.abort())
  await expect(studio.engine.models.openSecond(file, early.signal)).rejects.toMatchObject({ code: 'cancelled' })
  studio.onLaunch(() => {})
  const late = new AbortController()
  const { host } = await studio.engine.models.openSecond(file, late.signal)
  late.abort()
  expect(host.alive).toBe(false)
})

test('what is no model, and what no memory is enough for, is refused; the first model stays', async () => {
  const { models, options } = studio.engine
  const first = await models.use(studio.project)
  await expect(models.openSecond(join(studio.directory, 'none.gguf'), never)).rejects.toMatchObject({ code: 'not-found' })
  truncateSync(file, 2 ** 42) // sparse: it takes no room on the disk
  const { size, mtimeMs } = statSync(file)
  keep(join(options.cacheDirectory, 'checksums.json'), { [`${file} ${size} ${mtimeMs}`]: 'ab'.repeat(32) }) // which would take hours
  await expect(models.openSecond(file, never)).rejects.toMatchObject({ code: 'not-enough-memory', message: expect.stringMatching(/needs about .* beside .* are free/) })
  expect(await models.use(studio.project)).toBe(first)
})

test('the project\'s model makes room where that helps and it is not at work', () => {
  const project = { bytes: 40, memory: 60, busy: false }
  expect(roomBeside({ needed: 100, available: 100, project: null })).toBe('fits')
  expect(roomBeside({ needed: 101, available: 100, project: null })).toBe('none')
  expect(roomBeside({ needed: 60, available: 100, project })).toBe('fits')
  expect(roomBeside({ needed: 61, available: 100, project })).toBe('unload')
  expect(roomBeside({ needed: 61, available: 100, project: { ...project, busy: true } })).toBe('none')
  expect(roomBeside({ needed: 160, available: 100, project })).toBe('unload')
  expect(roomBeside({ needed: 161, available: 100, project })).toBe('none')
})
