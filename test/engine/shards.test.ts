import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { beforeEach, describe, expect, test } from 'vitest'
import { deleteShards, ShardWriter, stateProblem, type StoredStates } from '../../src-main/engine/collect/shards.ts'
import { seededRandom } from '../fixtures/random.ts'
import { ownDirectory } from './studio.ts'

let directory = ''
beforeEach(() => {
  directory = join(ownDirectory(), 'states')
  mkdirSync(directory)
})

const statesOf = (seed: number, count: number): Uint16Array => {
  const random = seededRandom(seed)
  return Uint16Array.from({ length: count }, () => random.uniform() * 65536)
}
const bytesOf = (states: Uint16Array): Buffer => Buffer.from(states.buffer, states.byteOffset, states.byteLength)
const path = (stored: StoredStates): string => join(directory, stored.shard)

/** Three responses' states in a shard. */
function threeResponses(): { states: Uint16Array[]; stored: StoredStates[] } {
  const writer = new ShardWriter(directory, 7, [])
  const states = [64, 128, 32].map((count, i) => statesOf(i, count))
  const stored = states.map((s) => writer.append(s))
  writer.close()
  return { states, stored }
}

describe('states', () => {
  test('are appended one response after the other, bit by bit, with their checksum', () => {
    const { states, stored } = threeResponses()
    expect(new Set(stored.map((s) => s.shard)).size).toBe(1)
    expect(stored.map((s) => s.offset)).toEqual([0, 128, 384])
    expect(stored.map((s) => s.crc32)).toEqual(states.map((s) => crc32(bytesOf(s))))
    expect(readFileSync(path(stored[0]!)).equals(Buffer.concat(states.map(bytesOf)))).toBe(true)
  })

  test('a view into a larger buffer stores its own part only', () => {
    const all = statesOf(1, 100)
    const writer = new ShardWriter(directory, 1, [])
    const stored = writer.append(all.subarray(40, 60))
    writer.close()
    expect(readFileSync(path(stored)).equals(bytesOf(all.slice(40, 60)))).toBe(true)
  })

  test('go on behind the last row; the torn end of a crash is cut off', () => {
    const { states, stored } = threeResponses()
    appendFileSync(path(stored[0]!), 'torn: written, but no row points to it')
    const writer = new ShardWriter(directory, 7, [{ shard: stored[0]!.shard, bytes: 384 }]) // the third response's row was never written
    const fourth = statesOf(9, 16)
    const added = writer.append(fourth)
    writer.close()
    expect(added).toMatchObject({ shard: stored[0]!.shard, offset: 384 })
    expect(readFileSync(path(added)).equals(Buffer.concat([states[0]!, states[1]!, fourth].map(bytesOf)))).toBe(true)
  })

  test('nothing is written or cut before there is something to append', () => {
    const { stored } = threeResponses()
    const before = statSync(path(stored[0]!)).size
    new ShardWriter(directory, 7, [{ shard: stored[0]!.shard, bytes: 128 }]).close()
    new ShardWriter(directory, 8, []).close()
    expect(statSync(path(stored[0]!)).size).toBe(before)
  })

  test('of a collection are deleted together, and of no other', () => {
    const { stored } = threeResponses()
    const other = new ShardWriter(directory, 70, [])
    const kept = other.append(statesOf(1, 4))
    other.close()
    writeFileSync(join(directory, 'collection-7.0001.f16'), '')
    deleteShards(directory, 7)
    expect(existsSync(path(stored[0]!))).toBe(false)
    expect(existsSync(join(directory, 'collection-7.0001.f16'))).toBe(false)
    expect(existsSync(path(kept))).toBe(true)
  })
})

describe('a check before they are used', () => {
  const problems = ({ states, stored }: ReturnType<typeof threeResponses>): (string | null)[] =>
    stored.map((s, i) => stateProblem(directory, { ...s, bytes: states[i]!.byteLength }))

  test('finds nothing wrong with whole ones', () => {
    expect(problems(threeResponses())).toEqual([null, null, null])
  })

  test('finds one flipped bit, wherever it is, and in whose states', () => {
    const three = threeResponses()
    const whole = readFileSync(path(three.stored[0]!))
    for (const at of [0, 127, 128, 383, 384, whole.length - 1]) {
      const damaged = Buffer.from(whole)
      damaged[at]! ^= 4
      writeFileSync(path(three.stored[0]!), damaged)
      const owner = three.stored.findLastIndex((s) => s.offset <= at)
      expect(problems(three).map((problem) => problem !== null)).toEqual([0, 1, 2].map((i) => i === owner))
      expect(problems(three)[owner]).toContain(`damaged at byte ${three.stored[owner]!.offset}`)
    }
  })

  test('finds what is cut off and what is missing', () => {
    const three = threeResponses()
    truncateSync(path(three.stored[0]!), 383)
    expect(problems(three)).toEqual([null, expect.stringContaining('cut off'), expect.stringContaining('cut off')])
    rmSync(path(three.stored[0]!))
    expect(problems(three)).toEqual([0, 1, 2].map(() => expect.stringContaining('missing')))
  })
})
