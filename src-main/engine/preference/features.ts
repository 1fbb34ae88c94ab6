/**
 * The states that a preference head learns from, kept as they come, so that a job that ended goes on: one file a job
 * beside the other states, gone when the job is.
 *
 * Format: 8 bytes that say what it is, 4 bytes length of the header, the header as JSON, then a record a pair: example,
 * tokens of the chosen and of the rejected answer (4 bytes each), the means of their states (D float32 each),
 * CRC-32 of all this. What lies behind the last whole record is the torn end of a crash and is cut off.
 */
import { closeSync, existsSync, fsyncSync, ftruncateSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { StudioError } from '../../contract/errors.ts'

const magic = Buffer.from('RCPREFS1') // the last is the version

/** What the states depend on. */
export interface FeatureOrigin {
  /** SHA-256 */
  model: string
  /** D */
  size: number
  maxTokens: number
}

export interface PairTokens {
  chosen: number
  rejected: number
}

export interface PairStates {
  /** (D), the mean over the answer's tokens */
  chosen: Float32Array
  rejected: Float32Array
}

export class FeatureFile {
  readonly #path: string
  readonly #file: number
  readonly #size: number
  #end: number
  readonly #places = new Map<number, PairTokens & { offset: number }>()

  /** Goes on with what the job has; a file of another origin begins anew. */
  constructor(statesDirectory: string, job: number, origin: FeatureOrigin) {
    this.#path = pathOf(statesDirectory, job)
    this.#size = origin.size
    const json = Buffer.from(JSON.stringify(origin))
    const length = Buffer.alloc(4)
    length.writeUInt32LE(json.length)
    const header = Buffer.concat([magic, length, json])
    this.#file = openSync(this.#path, existsSync(this.#path) ? 'r+' : 'w+')
    const known = Buffer.alloc(header.length)
    readSync(this.#file, known, 0, header.length, 0)
    if (!known.equals(header)) {
      ftruncateSync(this.#file, 0)
      writeSync(this.#file, header, 0, header.length, 0)
    }
    this.#end = header.length
    this.#findRecords()
    ftruncateSync(this.#file, this.#end)
  }

  has(example: number): boolean {
    return this.#places.has(example)
  }

  add(example: number, tokens: PairTokens, states: PairStates): void {
    const record = Buffer.alloc(this.#recordBytes)
    record.writeUInt32LE(example, 0)
    record.writeUInt32LE(tokens.chosen, 4)
    record.writeUInt32LE(tokens.rejected, 8)
    for (const [i, state] of [states.chosen, states.rejected].entries()) {
      Buffer.from(state.buffer, state.byteOffset, state.byteLength).copy(record, 12 + i * this.#size * 4)
    }
    record.writeUInt32LE(crc32(record.subarray(0, -4)), record.length - 4)
    for (let written = 0; written < record.length; ) written += writeSync(this.#file, record, written, record.length - written, this.#end + written)
    this.#places.set(example, { ...tokens, offset: this.#end })
    this.#end += record.length
  }

  tokens(example: number): PairTokens {
    const { chosen, rejected } = this.#place(example)
    return { chosen, rejected }
  }

  /** @throws StudioError 'project-damaged' when the file has changed since it was opened */
  states(example: number): PairStates {
    const record = Buffer.alloc(this.#recordBytes)
    readSync(this.#file, record, 0, record.length, this.#place(example).offset)
    if (!isWhole(record)) throw new StudioError('project-damaged', `${this.#path} is damaged; train the head again`)
    const state = (i: number): Float32Array => new Float32Array(Uint8Array.from(record.subarray(12 + i * this.#size * 4, 12 + (i + 1) * this.#size * 4)).buffer)
    return { chosen: state(0), rejected: state(1) }
  }

  close(): void {
    fsyncSync(this.#file)
    closeSync(this.#file)
  }

  static delete(statesDirectory: string, job: number): void {
    rmSync(pathOf(statesDirectory, job), { force: true })
  }

  get #recordBytes(): number {
    return 12 + 8 * this.#size + 4
  }

  #findRecords(): void {
    const record = Buffer.alloc(this.#recordBytes)
    while (readSync(this.#file, record, 0, record.length, this.#end) === record.length && isWhole(record)) {
      this.#places.set(record.readUInt32LE(0), { chosen: record.readUInt32LE(4), rejected: record.readUInt32LE(8), offset: this.#end })
      this.#end += record.length
    }
  }

  #place(example: number): PairTokens & { offset: number } {
    const place = this.#places.get(example)
    if (place === undefined) throw new StudioError('internal', `the states of example ${example} were not read`)
    return place
  }
}

const pathOf = (statesDirectory: string, job: number): string => join(statesDirectory, `preference-${job}.features`)

const isWhole = (record: Buffer): boolean => crc32(record.subarray(0, -4)) === record.readUInt32LE(record.length - 4)
