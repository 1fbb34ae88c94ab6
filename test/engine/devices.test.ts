/** Where the model runs: chosen, kept for the machine, measured and remembered, and said; by real model hosts. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { deviceChoice, loadedModel, type DeviceCandidate } from '../../src-main/contract/device.ts'
import { collectSettings } from '../../src-main/contract/collect.ts'
import { methods } from '../../src-main/contract/methods.ts'
import { createHandlers } from '../../src-main/engine/handlers.ts'
import { probeBackends } from '../../src-main/engine/models/backends.ts'
import { forkHost } from '../../src-main/engine/models/fork-host.ts'
import type { HostProcess } from '../../src-main/engine/models/host-client.ts'
import { Models } from '../../src-main/engine/models/models.ts'
import { greedy, hostEntry, openStudio, scoredPrompts, type Studio } from './studio.ts'

let studio: Studio
beforeEach(async () => {
  studio = await openStudio()
})
afterEach(() => studio.close())

const absent = process.platform === 'darwin' ? 'cuda' : 'metal'
const choose = (choice: object): void => studio.engine.models.choose(deviceChoice.parse(choice))
const load = async () => (await studio.engine.models.use(studio.project)).loaded

test('what was loaded is told with its reason, every backend\'s verdict, and what was measured', async () => {
  const loaded = await load()
  expect(loadedModel.parse(loaded)).toMatchObject({
    backend: 'cpu', gpuLayers: 0, layers: 3, threads: 1, batchTokens: 512, reason: 'CPU, as it was chosen; all layers are in the machine\'s memory',
    device: { description: expect.stringMatching(/./) }, threadMeasurement: [{ threads: 1, tokensPerSecond: 1 }], batchMeasurement: [{ batchTokens: 512, tokensPerSecond: 1 }]
  })
  expect(loaded.candidates.map(({ backend }) => backend)).toEqual(['metal', 'cuda', 'vulkan', 'cpu'])
})

test('threads and batch can be set, and are then not measured', async () => {
  choose({ device: 'cpu', threads: 2, batchTokens: 100 })
  expect(await load()).toMatchObject({ threads: 2, batchTokens: 100, threadMeasurement: [], batchMeasurement: [] })
  expect(studio.hosts()).toBe(1)
})

test('what is measured is measured once', async () => {
  choose({ device: 'cpu', threads: 2 })
  const first = await load()
  expect(first.batchMeasurement.map(({ batchTokens }) => batchTokens)).toContain(first.batchTokens)
  studio.engine.models.unload()
  const second = await load()
  expect(second.batchMeasurement).toEqual(first.batchMeasurement)
  expect(second.batchTokens).toBe(first.batchTokens)
  expect(studio.hosts()).toBe(2)
})

test('a choice that cannot be done fails in one sentence before anything is loaded, and another one helps', async () => {
  choose({ device: absent })
  const problem = { code: 'not-usable', message: expect.stringMatching(/^(Metal|CUDA) cannot be used: only on/) }
  await expect(load()).rejects.toMatchObject(problem)
  await expect(studio.engine.models.plan(studio.modelFile)).rejects.toMatchObject(problem)
  expect(await studio.engine.models.loaded).toBeNull()
  choose({ device: 'cpu' })
  expect(await load()).toMatchObject({ backend: 'cpu' })
})

test('the choice is the machine\'s: kept beside the projects, changed only between jobs, overridden for one run', async () => {
  const handlers = createHandlers(studio.engine)
  const choice = deviceChoice.parse({ device: 'cpu', threads: 2, batchTokens: 80 })
  expect(await handlers['device.choose'](choice)).toEqual(choice)
  expect(await handlers['device.choice']({})).toEqual(choice)
  const dataset = await studio.importRows(scoredPrompts(8))
  const job = studio.engine.jobs.start('collect', collectSettings.parse({ dataset, maxTokens: 50, sampling: greedy }))
  expect(() => handlers['device.choose'](choice)).toThrow(expect.objectContaining({ code: 'busy' }))
  await studio.engine.jobs.finished(job.id)
  studio.engine.models.override({ threads: null, batchTokens: 90 })
  expect(studio.engine.models.choice).toEqual({ ...choice, threads: null, batchTokens: 90 })
})

test('what the window asks for fits the contract', async () => {
  const handlers = createHandlers(studio.engine)
  for (const name of ['device.list', 'device.choice', 'model.plan', 'model.load'] as const) {
    expect(methods[name].output.safeParse(await handlers[name]({})).error, name).toBeUndefined()
  }
})

test('a driver that takes its process with it is a verdict, and the processor is used', async () => {
  choose({ device: 'auto', threads: 1, batchTokens: 80, gpuLayers: 0 })
  studio.onLaunch(() => {
    if (studio.hosts() === 1) studio.killHost()
  })
  const loaded = await load()
  const dead = loaded.candidates.find(({ backend }) => backend === 'metal') as DeviceCandidate
  expect(dead).toMatchObject({ usable: false, reason: expect.stringMatching(/could not be tried: the model's process was killed by SIGKILL/) })
  expect(loaded.backend).toBe('cpu')
  const { tokens } = await (await studio.engine.models.use(studio.project)).request('render', { prompt: { text: 'why?' } })
  expect(tokens).toBeGreaterThan(0)
})

const hasGpu = (await probeBackends(() => forkHost(hostEntry))).some(({ backend, usable }) => backend !== 'cpu' && usable === true)

test.runIf(hasGpu)('a GPU that dies of the load is given up for the processor, once, and said; what was chosen fails instead', async () => {
  let killed = 0
  /** A host that is killed as soon as it is to load onto a GPU. */
  const launch = (): HostProcess => {
    const host = forkHost(hostEntry)
    let exit: (reason: string) => void = () => {}
    return {
      ...host,
      onExit: (handle) => host.onExit((exit = handle)),
      send: (message) => {
        if (!('method' in message) || message.method !== 'load' || message.input.gpuLayers === 0) return host.send(message)
        killed++
        host.kill()
        exit('was killed by SIGKILL')
      }
    }
  }
  const notices: string[] = []
  const { cacheDirectory, dataDirectory } = studio.engine.options
  const models = new Models(launch, { cacheDirectory, dataDirectory }, { loaded: () => {}, died: (text) => notices.push(text) })
  models.choose(deviceChoice.parse({ threads: 1, batchTokens: 80 }))
  for (let time = 0; time < 2; time++) {
    expect((await models.use(studio.project)).loaded).toMatchObject({ backend: 'cpu', gpuLayers: 0, reason: expect.stringMatching(/could not load this model: the model's process was killed by SIGKILL/) })
    models.unload()
  }
  expect(killed).toBe(1)
  expect(notices).toEqual([expect.stringMatching(/could not load the model .* trying without it/)])
  const { backend } = (await models.candidates()).find((one) => one.backend !== 'cpu' && one.usable === true)!
  models.choose(deviceChoice.parse({ device: backend, threads: 1, batchTokens: 80 }))
  await expect(models.use(studio.project)).rejects.toMatchObject({ code: 'model-host-exited' })
  models.unload()
})

test('every run keeps what it was made with', async () => {
  const dataset = await studio.importRows(scoredPrompts(8, 6))
  const settings = collectSettings.parse({ dataset, maxTokens: 4, seed: 77, sampling: greedy })
  const { subject } = await studio.run('collect', settings)
  const loaded = await load()
  expect(studio.project.collections.manifest(subject as number)).toEqual({
    studio: expect.stringMatching(/^\d/), model: loaded.sha256, modelFile: studio.modelFile, backend: 'cpu', device: loaded.device.description, gpuLayers: 0, layers: 3,
    reason: loaded.reason, llamaCpp: loaded.build, threads: 1, batchTokens: 512, seed: 77, settings
  })
})
