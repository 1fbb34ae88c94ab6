/**
 * What a training job goes on from: one file a job beside the states, written as a whole or not at all, gone when the
 * job is. A file, as it is large and replaced often: SQLite would write it twice and keep the room it took.
 *
 * Format: 8 bytes that say what it is, 4 bytes length of the header, the header as JSON, the native trainer's bytes,
 * the best epoch's weights and its predictions, CRC-32 of all this. Numbers are little-endian.
 */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { z } from 'zod'
import { epoch } from '../../contract/value.ts'
import { StudioError } from '../../contract/errors.ts'
import type { TrainCheckpoint } from '../../model-host/messages/train.ts'
import { packNetwork, unpackNetwork } from './network.ts'
import { replaceFile } from '../replace-file.ts'

const magic = Buffer.from('RCTRCKP1') // the last is the version

const bestHeader = z.object({
  epoch: z.int(),
  error: z.number(),
  inputDim: z.int().positive(),
  hiddenDims: z.array(z.int().positive()),
  weightBytes: z.int().nonnegative(),
  predictedBytes: z.int().nonnegative()
})
const headerSchema = z.object({ trainerBytes: z.int().nonnegative(), curve: z.array(epoch), best: bestHeader.nullable() })
type Header = z.infer<typeof headerSchema>

export function encodeCheckpoint({ trainer, curve, best }: TrainCheckpoint, inputDim: number): Buffer {
  const weights = best === null ? Buffer.alloc(0) : packNetwork({ inputDim, layers: best.layers })
  const predicted = best === null ? Buffer.alloc(0) : Buffer.from(best.predicted.buffer, best.predicted.byteOffset, best.predicted.byteLength)
  const header: Header = {
    trainerBytes: trainer.length,
    curve,
    best: best && {
      epoch: best.epoch,
      error: best.error,
      inputDim,
      hiddenDims: best.layers.slice(0, -1).map((layer) => layer.bias.length),
      weightBytes: weights.length,
      predictedBytes: predicted.length
    }
  }
  const json = Buffer.from(JSON.stringify(header))
  const parts = [magic, uint32(json.length), json, trainer, weights, predicted]
  return Buffer.concat([...parts, uint32(parts.reduce((sum, part) => crc32(part, sum), 0))])
}

/** @throws StudioError 'project-damaged' */
export function decodeCheckpoint(bytes: Buffer): TrainCheckpoint {
  const end = bytes.length - 4
  const whole = end >= 12 && bytes.subarray(0, 8).equals(magic) && crc32(bytes.subarray(0, end)) === bytes.readUInt32LE(end)
  if (!whole) throw new StudioError('project-damaged', 'the checkpoint is damaged')
  let offset = 12
  const take = (length: number): Buffer => bytes.subarray(offset, (offset += length))
  const { trainerBytes, curve, best } = headerSchema.parse(JSON.parse(take(bytes.readUInt32LE(8)).toString('utf8')))
  const trainer = take(trainerBytes)
  if (best === null) return { trainer, curve, best }
  const { epoch, error, inputDim, hiddenDims } = best
  const { layers } = unpackNetwork(take(best.weightBytes), inputDim, hiddenDims)
  const predicted = new Float32Array(best.predictedBytes / 4)
  Buffer.from(predicted.buffer).set(take(best.predictedBytes))
  return { trainer, curve, best: { epoch, error, layers, predicted } }
}

/** The checkpoint of one job. */
export class CheckpointFile {
  readonly #directory: string
  readonly #name: string
  #waiting: Buffer | null = null
  #writing: Promise<void> | null = null

  /** @param member of an ensemble, from 0 */
  constructor(statesDirectory: string, job: number, member = 0) {
    this.#directory = statesDirectory
    this.#name = member === 0 ? `training-${job}.checkpoint` : `training-${job}.member-${member}.checkpoint`
  }

  /** null when there is none. @throws StudioError 'project-damaged' */
  read(): TrainCheckpoint | null {
    const path = join(this.#directory, this.#name)
    return existsSync(path) ? decodeCheckpoint(readFileSync(path)) : null
  }

  /** Resolves when this or a later one is on the disk; while one is written, only the last of the others waits. */
  write(bytes: Buffer): Promise<void> {
    this.#waiting = bytes
    this.#writing ??= this.#drain().finally(() => (this.#writing = null))
    return this.#writing
  }

  async #drain(): Promise<void> {
    while (this.#waiting !== null) {
      const bytes = this.#waiting
      this.#waiting = null
      await replaceFile(join(this.#directory, this.#name), bytes)
    }
  }
}

/** All checkpoints of a job, with what a killed process left of one that it was writing. What cannot be deleted only takes room. */
export function deleteCheckpoints(statesDirectory: string, job: number): void {
  try {
    for (const name of readdirSync(statesDirectory)) {
      if (name.startsWith(`training-${job}.`)) rmSync(join(statesDirectory, name))
    }
  } catch {
    // see above
  }
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}
