/** GGUF files of somebody who wishes us ill: refused in a sentence, at most at the price of a model's process. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { modelFacts } from '../../src-main/contract/models.ts'
import { toFailure } from '../../src-main/contract/errors.ts'
import { forkHost } from '../../src-main/engine/models/fork-host.ts'
import { writeGguf } from '../../src-main/engine/models/gguf-writer.ts'
import { HostClient } from '../../src-main/engine/models/host-client.ts'
import { checkLora } from '../../src-main/engine/models/lora.ts'
import { readControlVector } from '../../src-main/engine/models/control-vector.ts'
import { classificationHead } from '../../src-main/engine/models/classification-head.ts'
import { inspectModel } from '../../src-main/engine/models/inspect.ts'
import { hostEntry, openStudio } from '../engine/studio.ts'
import { seededRandom } from '../fixtures/random.ts'
import { boundariesOf, spoilt } from '../fixtures/spoilt-gguf.ts'
import { tryOnHost } from '../fixtures/spoilt-on-host.ts'
import { writeTinyModel } from '../fixtures/tiny-model.ts'

const directory = mkdtempSync(join(tmpdir(), 're-control-gguf-'))
afterAll(() => rmSync(directory, { recursive: true }))

const file = join(directory, 'tiny.gguf')
writeTinyModel(file)
const whole = readFileSync(file)
const boundaries = boundariesOf(whole)
const changed = join(directory, 'changed.gguf')

const readers: [string, (path: string) => Promise<unknown>][] = [
  ['a model', async (path) => modelFacts.parse(await inspectModel(path))],
  ['an adapter', (path) => checkLora(path, file)],
  ['a control vector', (path) => readControlVector(path, { layers: 3, size: 64, strength: 1, firstLayer: 1, lastLayer: null })],
  ['a reward model', classificationHead]
]

/** 'read', or the failure's code. */
async function codeOf(bytes: Buffer, read = readers[0]![1]): Promise<string> {
  writeFileSync(changed, bytes)
  return read(changed).then(() => 'read', (error: unknown) => toFailure(error).code)
}

/** The tiny model with another value for one of its numbers. */
function withNumber(key: string, value: number): Buffer {
  const bytes = Buffer.from(whole)
  const at = bytes.indexOf(key)
  expect(at).toBeGreaterThan(0)
  bytes.writeUInt32LE(value, at + key.length + 4)
  return bytes
}

test('cut at every boundary of its header, and a byte to either side', async () => {
  expect(boundaries.length).toBeGreaterThan(100)
  const read: number[] = []
  for (const boundary of boundaries) {
    for (const length of [boundary - 1, boundary, boundary + 1]) if ((await codeOf(whole.subarray(0, Math.max(0, length)))) !== 'not-usable') read.push(length)
  }
  expect(read).toEqual([])
})

test.each(readers)('spoilt in 150 ways as %s: read or refused', async (_name, read) => {
  const random = seededRandom(31)
  const codes = new Set<string>()
  for (let trial = 0; trial < 150; trial++) codes.add(await codeOf(spoilt(whole, boundaries, random), read))
  expect([...codes].filter((code) => !['read', 'not-usable', 'bad-request'].includes(code))).toEqual([])
})

describe('counts', () => {
  const header = (tensors: bigint, facts: bigint): Buffer => {
    const bytes = Buffer.alloc(24)
    bytes.write('GGUF')
    bytes.writeUInt32LE(3, 4)
    bytes.writeBigUInt64LE(tensors, 8)
    bytes.writeBigUInt64LE(facts, 16)
    return bytes
  }

  // all that lies behind its end was read as zeros: ten million tensors of nothing
  test.each([[9_999_999n, 0n], [0n, 99_999n], [1n << 63n, 1n << 63n]])('%s tensors and %s facts in a file of 24 bytes', async (tensors, facts) => {
    writeFileSync(changed, header(tensors, facts))
    await expect(inspectModel(changed)).rejects.toThrow(/header says more than the 24 bytes/)
  })

  test.each([3, 1 << 20, 0x7fffffff, 0xffffffff])('%s blocks in a model of two', async (blocks) => {
    writeFileSync(changed, withNumber('llama.block_count', blocks))
    if (blocks === 3) expect((await inspectModel(changed)).blockCount).toBe(3)
    else await expect(inspectModel(changed)).rejects.toThrow(/its header says \d+ blocks, and it has \d+ tensors/)
  })

  test.each(['llama.embedding_length', 'llama.attention.head_count', 'llama.attention.head_count_kv', 'llama.context_length'])('%s of 4294967295 is refused or told as too much memory', async (key) => {
    expect(['read', 'not-usable']).toContain(await codeOf(withNumber(key, 0xffffffff)))
  })
})

test('a model too large for the memory is told so before anything is started', async () => {
  const studio = await openStudio()
  try {
    const large = join(studio.directory, 'large.gguf')
    // two thousand million heads: their keys and values alone would take a petabyte
    writeFileSync(large, withNumber('llama.attention.head_count_kv', 0x7fffffff))
    studio.project.modelFile = large
    await expect(studio.engine.models.use(studio.project)).rejects.toThrow(expect.objectContaining({ code: 'not-enough-memory', message: expect.stringMatching(/needs about [\d.]+ GB of memory and [\d.]+ (MB|GB) are free/) }))
  } finally {
    await studio.close()
  }
}, 60_000)

test('those that pass the inspection, in the real host: loaded, refused, or the end of a process and of nothing else', async () => {
  const random = seededRandom(32)
  const outcomes = await tryOnHost(() => HostClient.launch(() => forkHost(hostEntry)), changed, 12, () => spoilt(whole, boundaries, random))
  expect(outcomes.total).toBe(12)
  expect(outcomes.problems).toEqual([])
}, 120_000)

describe('files of the right form', () => {
  test.each<[string, () => void]>([
    ['no tensors', () => writeGguf(changed, { 'general.architecture': { string: 'llama' } }, [])],
    ['an architecture that nobody knows', () => writeGguf(changed, { 'general.architecture': { string: '__proto__' } }, [{ name: 'a', dims: [1], data: new Float32Array(1) }])],
    ['facts of the wrong types', () => writeGguf(changed, { 'general.architecture': { u32: 7 }, 'llama.block_count': { string: 'two' } }, [{ name: 'a', dims: [1], data: new Float32Array(1) }])]
  ])('%s', async (_name, write) => {
    write()
    for (const [, read] of readers) expect(await read(changed).then(() => 'read', (error: unknown) => toFailure(error).code)).toBe('not-usable')
  })
})
