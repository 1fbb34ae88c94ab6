import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { responseSeed } from '../../src-main/engine/collect/seed.ts'
import { splitOf as splitBy } from '../../src-main/engine/data/split.ts'

const splitOf = (row: Record<string, unknown>, prompt: string, heldOut = 0.2, seed = 0) => splitBy(row, prompt, { heldOut, seed })

describe('train or held out', () => {
  test('equal prompts are on the same side, whatever else their rows hold', () => {
    for (let i = 0; i < 200; i++) {
      const prompt = `prompt ${i}`
      expect(splitOf({ prompt, score: i, split: 'something else' }, prompt)).toBe(splitOf({}, prompt))
    }
  })

  test('about a fifth is held out', () => {
    const heldOut = Array.from({ length: 5000 }, (_, i) => splitOf({}, `prompt ${i}`)).filter((side) => side === 'held-out').length
    expect(heldOut / 5000).toBeGreaterThan(0.18)
    expect(heldOut / 5000).toBeLessThan(0.22)
  })

  test('the share is what was asked for, none and most of them included', () => {
    for (const share of [0, 0.5, 0.9]) {
      const heldOut = Array.from({ length: 5000 }, (_, i) => splitOf({}, `prompt ${i}`, share)).filter((side) => side === 'held-out').length
      expect(Math.abs(heldOut / 5000 - share)).toBeLessThan(share === 0 ? 1e-9 : 0.02)
    }
  })

  // what was imported before there was a seed keeps its side when it is imported again
  test('seed 0 hashes the prompt alone; another seed draws another split, the same each time', () => {
    const prompts = Array.from({ length: 300 }, (_, i) => `prompt ${i}`)
    const byHash = (text: string) => (createHash('sha256').update(text).digest().readUInt32LE(0) / 2 ** 32 < 0.2 ? 'held-out' : 'train')
    expect(prompts.map((prompt) => splitOf({}, prompt, 0.2, 0))).toEqual(prompts.map(byHash))
    const [first, again, other] = [7, 7, 8].map((seed) => prompts.map((prompt) => splitOf({}, prompt, 0.2, seed)))
    expect(again).toEqual(first)
    expect(other).not.toEqual(first)
  })

  test.each([
    ['train', 'train'],
    ['Train', 'train'],
    ['held-out', 'held-out'],
    ['test', 'held-out'],
    ['validation', 'held-out'],
    ['EVAL', 'held-out']
  ])('a row\'s own split column "%s" says %s, for every prompt', (own, side) => {
    for (let i = 0; i < 20; i++) expect(splitOf({ split: own }, `prompt ${i}`)).toBe(side)
  })

  // 'constructor' and its like are words in a file that anyone may have written
  test.each(['constructor', 'toString', '__proto__', 'hasOwnProperty', 3, null, ['train'], { train: true }])('a split column of %j is no word of ours: the prompt decides', (own) => {
    expect(splitOf({ split: own }, 'prompt')).toBe(splitOf({}, 'prompt'))
  })
})

/** MurmurHash3's finaliser in whole numbers of any size, the shortest form of its definition. */
function reference(seed: number, line: number, sample: number): number {
  const limit = 1n << 32n
  const mix = (value: bigint): bigint => {
    let x = (value + 0x9e3779b9n) % limit
    x = ((x ^ (x >> 16n)) * 0x85ebca6bn) % limit
    x = ((x ^ (x >> 13n)) * 0xc2b2ae35n) % limit
    return x ^ (x >> 16n)
  }
  return Number(mix(mix(mix(BigInt(seed)) ^ BigInt(line)) ^ BigInt(sample)))
}

describe('the seed of a response', () => {
  test('follows from the run\'s seed, the line and the sample alone', () => {
    for (const seed of [0, 1, 42, 0xffffffff]) {
      for (const line of [1, 2, 999_999]) {
        for (const sample of [0, 1, 63]) expect(responseSeed(seed, line, sample)).toBe(reference(seed, line, sample))
      }
    }
  })

  test('is a 32-bit number of its own for every line and sample', () => {
    const seeds = new Set<number>()
    for (let line = 1; line <= 2000; line++) for (let sample = 0; sample < 8; sample++) seeds.add(responseSeed(1, line, sample))
    expect(seeds.size).toBe(16_000)
    for (const seed of seeds) expect(seed === seed >>> 0).toBe(true)
  })

  test('differs between runs', () => {
    expect(responseSeed(1, 2, 0)).not.toBe(responseSeed(2, 1, 0))
    expect(responseSeed(1, 1, 0)).not.toBe(responseSeed(2, 1, 0))
  })
})
