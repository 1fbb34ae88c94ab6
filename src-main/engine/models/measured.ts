/** The thread counts and batch sizes that were measured on this machine, kept between runs. */
import { availableParallelism, cpus } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { batchMeasurement, threadMeasurement, type Backend } from '../../contract/device.ts'
import { keep, readKept } from '../kept-json.ts'

const memory = z.object({
  threads: z.record(z.string(), z.object({ chosen: z.int().positive(), measurement: threadMeasurement })),
  batches: z.record(z.string(), z.object({ chosen: z.int().positive(), measurement: batchMeasurement }))
})
type Memory = z.infer<typeof memory>

/** What a measurement holds for: a model, on a backend with so many layers there, on this machine's processor. */
export interface Measured {
  sha256: string
  backend: Backend
  gpuLayers: number
  /** whole texts were timed, not steps of one token */
  scoring?: boolean
}

export function rememberedThreads(cacheDirectory: string, of: Measured): Memory['threads'][string] | null {
  return read(cacheDirectory).threads[keyOf(of)] ?? null
}

export function rememberThreads(cacheDirectory: string, of: Measured, threads: Memory['threads'][string]): void {
  const known = read(cacheDirectory)
  keep(fileOf(cacheDirectory), { ...known, threads: { ...known.threads, [keyOf(of)]: threads } } satisfies Memory)
}

/** @param threads with which it was measured */
export function rememberedBatch(cacheDirectory: string, of: Measured, threads: number): Memory['batches'][string] | null {
  return read(cacheDirectory).batches[`${keyOf(of)}, threads ${threads}`] ?? null
}

export function rememberBatch(cacheDirectory: string, of: Measured, threads: number, batch: Memory['batches'][string]): void {
  const known = read(cacheDirectory)
  keep(fileOf(cacheDirectory), { ...known, batches: { ...known.batches, [`${keyOf(of)}, threads ${threads}`]: batch } } satisfies Memory)
}

const fileOf = (cacheDirectory: string): string => join(cacheDirectory, 'measured.json')
const read = (cacheDirectory: string): Memory => readKept(fileOf(cacheDirectory), memory, { threads: {}, batches: {} })

function keyOf({ sha256, backend, gpuLayers, scoring }: Measured): string {
  const layers = gpuLayers === 0 ? '' : `, ${gpuLayers} layers`
  return `${sha256} on ${availableParallelism()} x ${cpus()[0]?.model ?? 'unknown'}, ${backend}${layers}${scoring === true ? ', scoring' : ''}`
}
