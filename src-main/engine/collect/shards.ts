/**
 * Raw states on the disk: float16, row-major, appended to shard files and never changed. The order is always
 * shard, fsync, row: bytes behind the last row that points to them are the torn end of a crash and are cut off.
 */
import { closeSync, existsSync, fsyncSync, ftruncateSync, openSync, readSync, rmSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { syncToDisk } from '../files.ts'
import { ownShard } from '../project/own-files.ts'

/** A shard that is at least this long gets no more states. */
const shardBytes = 512 * 1024 * 1024

export interface StoredStates {
  shard: string
  offset: number
  crc32: number
}

export class ShardWriter {
  readonly #directory: string
  readonly #collection: number
  #number = 0
  #length = 0
  #file: number | null = null

  /** @param known what rows point to already, by shard */
  constructor(directory: string, collection: number, known: { shard: string; bytes: number }[]) {
    this.#directory = directory
    this.#collection = collection
    const last = known.at(-1)
    if (last !== undefined) {
      this.#number = known.length - 1
      this.#length = last.bytes
    }
  }

  /** Durable when it returns. */
  append(states: Uint16Array): StoredStates {
    return this.appendAll([states])[0] as StoredStates
  }

  /** The same for several responses at once, which waits for the disk once. */
  appendAll(responses: readonly Uint16Array[]): StoredStates[] {
    const stored = responses.map((states) => this.#write(states))
    if (this.#file !== null) fsyncSync(this.#file)
    return stored
  }

  close(): void {
    if (this.#file !== null) closeSync(this.#file)
    this.#file = null
  }

  #write(states: Uint16Array): StoredStates {
    if (this.#length >= shardBytes) this.#next()
    const shard = shardName(this.#collection, this.#number)
    const file = (this.#file ??= this.#open(shard))
    const bytes = Buffer.from(states.buffer, states.byteOffset, states.byteLength)
    const offset = this.#length
    for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written, bytes.length - written, offset + written)
    this.#length += bytes.length
    return { shard, offset, crc32: crc32(bytes) }
  }

  #open(shard: string): number {
    const path = join(this.#directory, shard)
    const isNew = !existsSync(path)
    const file = openSync(path, isNew ? 'w+' : 'r+')
    ftruncateSync(file, this.#length)
    if (isNew) syncToDisk(this.#directory)
    return file
  }

  #next(): void {
    if (this.#file !== null) fsyncSync(this.#file)
    this.close()
    this.#number++
    this.#length = 0
  }
}

/** Why a response's states cannot be used, or null when they are whole. */
export function stateProblem(directory: string, states: StoredStates & { bytes: number }): string | null {
  const path = ownShard(directory, states.shard)
  const size = statSync(path, { throwIfNoEntry: false })?.size
  if (size === undefined) return `${states.shard} is missing`
  if (size < states.offset + states.bytes) return `${states.shard} is cut off`
  const bytes = Buffer.alloc(states.bytes)
  const file = openSync(path, 'r')
  try {
    readSync(file, bytes, 0, bytes.length, states.offset)
  } finally {
    closeSync(file)
  }
  return crc32(bytes) === states.crc32 ? null : `${states.shard} is damaged at byte ${states.offset}`
}

export function deleteShards(directory: string, collection: number): void {
  for (let number = 0; existsSync(join(directory, shardName(collection, number))); number++) rmSync(join(directory, shardName(collection, number)))
}

function shardName(collection: number, number: number): string {
  return `collection-${collection}.${String(number).padStart(4, '0')}.f16`
}
