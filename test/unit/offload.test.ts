/** How many layers go to the graphics processors, and what is said of it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { deviceChoice, loadPlan, type Device, type DeviceCandidate } from '../../src-main/contract/device.ts'
import type { ModelFacts } from '../../src-main/contract/models.ts'
import { inspectModel } from '../../src-main/engine/models/inspect.ts'
import { rememberBatch, rememberedBatch, rememberedThreads, rememberThreads } from '../../src-main/engine/models/measured.ts'
import { planOffload } from '../../src-main/engine/models/offload.ts'
import { checkMemory, planLoad } from '../../src-main/engine/models/plan.ts'
import { sequences } from '../../src-main/engine/models/room.ts'
import { writeTinyModel } from '../fixtures/tiny-model.ts'

const directory = mkdtempSync(join(tmpdir(), 're-control-offload-'))
afterAll(() => rmSync(directory, { recursive: true }))

const MB = 1e6
const GB = 1e9
/** 22 layers of 20 MB with a cache of 1 kB a token each, a head of 100 MB, embeddings of 60 MB. */
const facts: ModelFacts = {
  file: '/models/some.gguf', bytes: 600 * MB, parts: 1, name: null, architecture: 'llama', parameters: 1.1e9, embeddingLength: 2048, blockCount: 22, contextLength: 2048,
  vocabularySize: 32000, quantization: 'Q4_0', licence: null, hasChatTemplate: true, memoryNeeded: 0, memoryAvailable: 0, fits: true,
  sizes: { layers: new Array<number>(22).fill(20 * MB), output: 100 * MB, shared: 0, cachePerToken: 1000, computePerToken: 1000 }
}
const room = { contextTokens: 10_000, batchTokens: 100 }
const layerBytes = 20 * MB + 10 * MB // weights and cache
const compute = 0.1 * MB
const margin = 512 * 2 ** 20
const gpu = (memoryFree: number, memoryTotal = memoryFree): Device => ({ name: 'GPU0', description: 'a card', memoryFree, memoryTotal })

describe('layers by fit', () => {
  const needed = (gpuLayers: number): number => (gpuLayers === 0 ? 0 : 100 * MB + (gpuLayers - 1) * layerBytes + compute)

  test('all of them and the output head where there is room, and nothing without a GPU', () => {
    expect(planOffload(facts, room, [gpu(8 * GB)], null)).toEqual({
      gpuLayers: 23, layers: 23, deviceMemoryFree: 8 * GB, deviceMemoryNeeded: needed(23), memoryNeeded: 60 * MB + compute
    })
    expect(planOffload(facts, room, [], null)).toMatchObject({ gpuLayers: 0, deviceMemoryNeeded: 0, memoryNeeded: 600 * MB + 22 * 10 * MB + compute })
  })

  test.each([0, 1, 2, 12, 22])('exactly %i where there is room for no more', (count) => {
    const free = needed(count) + margin
    if (count > 0) expect(planOffload(facts, room, [gpu(free)], null).gpuLayers).toBe(count)
    expect(planOffload(facts, room, [gpu(needed(count + 1) + margin - 1)], null).gpuLayers).toBe(count)
  })

  test('what is on the device is not in the machine\'s memory, and nothing is lost between them', () => {
    const all = planOffload(facts, room, [], null).memoryNeeded
    for (let chosen = 0; chosen <= 23; chosen++) {
      const { memoryNeeded, deviceMemoryNeeded } = planOffload(facts, room, [gpu(8 * GB)], chosen)
      expect(memoryNeeded + deviceMemoryNeeded).toBeCloseTo(chosen === 0 ? all : all + compute, 3)
    }
  })

  test('a tied output head is copied: the device needs it, and the machine keeps its own', () => {
    const tied = { ...facts, sizes: { ...facts.sizes, output: 0, shared: 100 * MB } }
    const { memoryNeeded, deviceMemoryNeeded } = planOffload(tied, room, [gpu(8 * GB)], 1)
    expect(deviceMemoryNeeded).toBe(100 * MB + compute)
    expect(memoryNeeded).toBe(planOffload(tied, room, [], null).memoryNeeded)
  })

  test('a longer context leaves room for fewer layers', () => {
    const layers = [1000, 20_000, 40_000, 200_000].map((contextTokens) => planOffload(facts, { ...room, contextTokens }, [gpu(1.5 * GB)], null).gpuLayers)
    expect(layers).toEqual([...layers].sort((a, b) => b - a))
    expect(layers[0]).toBe(23)
    expect(layers[3]).toBeLessThan(6)
  })

  test('two devices hold together what one could not, each with its own margin', () => {
    expect(planOffload(facts, room, [gpu(0.8 * GB)], null).gpuLayers).toBeLessThan(23)
    expect(planOffload(facts, room, [gpu(0.8 * GB), gpu(1.2 * GB)], null).gpuLayers).toBe(23)
  })

  test('a number that was chosen is taken, up to all there are, or refused with the numbers', () => {
    expect(planOffload(facts, room, [gpu(8 * GB)], 5).gpuLayers).toBe(5)
    expect(planOffload(facts, room, [gpu(8 * GB)], 500).gpuLayers).toBe(23)
    expect(planOffload(facts, room, [], 5).gpuLayers).toBe(0)
    expect(() => planOffload(facts, room, [gpu(0.3 * GB)], 20)).toThrow(expect.objectContaining({ code: 'not-enough-memory', message: expect.stringMatching(/20 of 23 layers need about 670 MB on the device and 300 MB are free/) }))
  })

  test('a driver that does not tell its memory gets all layers', () => {
    expect(planOffload(facts, room, [gpu(0, 0)], null).gpuLayers).toBe(23)
  })
})

describe('the plan', () => {
  const candidate = (backend: DeviceCandidate['backend'], usable: boolean, devices: Device[] = [], reason = 'no driver'): DeviceCandidate => ({ backend, usable, reason, devices })
  const processor = { name: 'CPU', description: 'some processor', memoryFree: 8 * GB, memoryTotal: 8 * GB }
  const cpu = candidate('cpu', true, [processor], 'always there')
  const without = [candidate('metal', false, [], 'only on Macs'), candidate('cuda', false), candidate('vulkan', false, [], 'no loader'), cpu]
  const withVulkan = [...without.slice(0, 2), candidate('vulkan', true, [gpu(8 * GB)], 'a card'), cpu]
  const withBoth = [without[0]!, candidate('cuda', true, [gpu(4 * GB)], 'a card'), ...withVulkan.slice(2)]
  const plan = (candidates: DeviceCandidate[], choice: object = {}) => loadPlan.parse(planLoad(facts, 'sha', deviceChoice.parse(choice), candidates, directory))

  test('takes CUDA before Vulkan before the processor, and says what was wrong with those before', () => {
    expect(plan(withBoth)).toMatchObject({ backend: 'cuda', gpuLayers: 23, device: { description: 'a card' } })
    const vulkan = plan(withVulkan)
    expect(vulkan).toMatchObject({ backend: 'vulkan', gpuLayers: 23 })
    expect(vulkan.reason).toMatch(/^Vulkan, the first .*CUDA: no driver.*all 23 layers fit/)
    const none = plan(without)
    expect(none).toMatchObject({ backend: 'cpu', gpuLayers: 0, device: processor })
    expect(none.reason).toMatch(/^The processor, as no GPU .*CUDA: no driver; Vulkan: no loader/)
  })

  test('follows the choice, and fails where it cannot be done', () => {
    expect(plan(withBoth, { device: 'vulkan', gpuLayers: 3, threads: 5, batchTokens: 100 })).toMatchObject({ backend: 'vulkan', gpuLayers: 3, threads: 5, batchTokens: 100 })
    expect(plan(withBoth, { device: 'cpu' })).toMatchObject({ backend: 'cpu', gpuLayers: 0, reason: expect.stringContaining('as it was chosen') })
    expect(plan(withBoth, { gpuLayers: 0 })).toMatchObject({ backend: 'cpu', gpuLayers: 0, device: processor })
    expect(() => plan(withVulkan, { device: 'cuda' })).toThrow(expect.objectContaining({ code: 'not-usable', message: 'CUDA cannot be used: no driver' }))
  })

  test('a GPU without room for a single layer leaves it to the processor, and says so', () => {
    const full = [...without.slice(0, 2), candidate('vulkan', true, [gpu(100 * MB, 8 * GB)]), cpu]
    expect(plan(full)).toMatchObject({ backend: 'cpu', gpuLayers: 0, device: processor, reason: expect.stringMatching(/not one layer fits in its 100 MB/) })
  })

  test('knows what was measured for this model, backend and number of layers, and nothing of others', () => {
    rememberThreads(directory, { sha256: 'sha', backend: 'cpu', gpuLayers: 0 }, { chosen: 3, measurement: [{ threads: 3, tokensPerSecond: 1 }] })
    rememberBatch(directory, { sha256: 'sha', backend: 'cpu', gpuLayers: 0 }, 3, { chosen: 256, measurement: [{ batchTokens: 256, tokensPerSecond: 1 }] })
    expect(plan(without)).toMatchObject({ threads: 3, batchTokens: 256 })
    expect(plan(without, { threads: 2 })).toMatchObject({ threads: 2, batchTokens: null })
    expect(plan(withVulkan)).toMatchObject({ threads: null, batchTokens: null })
    expect(planLoad(facts, null, deviceChoice.parse({}), without, directory)).toMatchObject({ threads: null, batchTokens: null })
  })

  test('what was measured beside other work is measured again once the machine is quiet', () => {
    const of = { sha256: 'busy', backend: 'cpu', gpuLayers: 0 } as const
    rememberThreads(directory, of, { chosen: 1, measurement: [{ threads: 1, tokensPerSecond: 1 }], load: 2 })
    rememberBatch(directory, of, 1, { chosen: 64, measurement: [{ batchTokens: 64, tokensPerSecond: 1 }], load: 2 })
    expect(rememberedThreads(directory, of, 1.5)).toMatchObject({ chosen: 1 })
    expect(rememberedBatch(directory, of, 1, 1.5)).toMatchObject({ chosen: 64 })
    expect(rememberedThreads(directory, of, 0.1)).toBeNull()
    expect(rememberedBatch(directory, of, 1, 0.1)).toBeNull()
    rememberThreads(directory, of, { chosen: 2, measurement: [{ threads: 2, tokensPerSecond: 2 }], load: 0.1 })
    expect(rememberedThreads(directory, of, 0.1)).toMatchObject({ chosen: 2 })
  })

  test('more than the machine has is refused with the numbers', () => {
    const large = { ...facts, bytes: 1e15 }
    const tooLarge = planLoad(large, null, deviceChoice.parse({}), without, directory)
    expect(tooLarge.fits).toBe(false)
    expect(() => checkMemory(large.file, tooLarge)).toThrow(expect.objectContaining({ code: 'not-enough-memory', message: expect.stringMatching(/some\.gguf needs about 1\d+\.\d GB of memory and [\d.]+ [MG]B are free/) }))
    expect(() => checkMemory(facts.file, plan(without))).not.toThrow()
  })
})

test('the sizes of a header are those of its file', async () => {
  const file = join(directory, 'tiny.gguf')
  const weights = writeTinyModel(file)
  const { sizes, bytes, blockCount, memoryNeeded } = await inspectModel(file)
  const layer = weights.layers.map((one) => Object.values(one).reduce((sum, part: Float32Array | { data: Float32Array }) => sum + 4 * ('data' in part ? part.data.length : part.length), 0))
  expect(sizes.layers).toEqual(layer)
  expect(sizes.output).toBe(4 * (weights.output.data.length + weights.outputNorm.length))
  expect(sizes.shared).toBe(0)
  expect(sizes.cachePerToken).toBe((64 / weights.heads) * weights.keyValueHeads * 2 * 2)
  expect(layer.reduce((a, b) => a + b) + sizes.output + 4 * weights.tokenEmbedding.data.length).toBeLessThan(bytes)
  expect(memoryNeeded).toBeGreaterThan(bytes + blockCount * sizes.cachePerToken)
})

test('a step has room for every sequence that can run', () => {
  expect(deviceChoice.safeParse({ batchTokens: sequences }).success).toBe(true)
  expect(deviceChoice.safeParse({ batchTokens: sequences - 1 }).success).toBe(false)
})
