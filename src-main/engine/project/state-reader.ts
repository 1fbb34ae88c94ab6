/** States as they were collected, from the shards of a project: float16, row-major. */
import { closeSync, openSync, readSync } from 'node:fs'
import { StudioError } from '../../contract/errors.ts'
import { ownShard } from './own-files.ts'

/** Opens each shard once; close it after use. */
export class StateReader {
  readonly #directory: string
  readonly #size: number
  readonly #files = new Map<string, number>()

  /** @param size D, numbers of a state */
  constructor(directory: string, size: number) {
    this.#directory = directory
    this.#size = size
  }

  /** @returns (rows, D), from a byte offset on @throws StudioError 'project-damaged' where the shard ends before */
  read(shard: string, offset: number, rows: number): Float16Array {
    const file = this.#files.get(shard) ?? openSync(ownShard(this.#directory, shard), 'r')
    this.#files.set(shard, file)
    const numbers = new Float16Array(rows * this.#size)
    const read = readSync(file, new Uint8Array(numbers.buffer), 0, numbers.byteLength, offset)
    if (read !== numbers.byteLength) throw new StudioError('project-damaged', `${shard} is shorter than its responses`)
    return numbers
  }

  close(): void {
    for (const file of this.#files.values()) closeSync(file)
    this.#files.clear()
  }
}
