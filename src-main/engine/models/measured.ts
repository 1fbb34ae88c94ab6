/** The thread counts and batch sizes that were measured on this machine, kept between runs. */
import { availableParallelism, cpus, loadavg } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { batchMeasurement, threadMeasurement, type Backend } from '../../contract/device.ts'
import { keepIfPossible, readKept } from '../kept-json.ts'

/** what the machine had to do besides, before the measurement: see machineLoad */
const load = z.number().default(0)
const memory = z.object({
  threads: z.record(z.string(), z.object({ chosen: z.int().positive(), measurement: threadMeasurement, load })),
  batches: z.record(z.string(), z.object({ chosen: z.int().positive(), measurement: batchMeasurement, load }))
})
type Memory = z.infer<typeof memory>
type ToRemember = z.input<typeof memory>

/** Above it ggml's threads wait for others: what is measured then is worthless on the quiet machine. */
const busyLoad = 0.5
const quietLoad = 0.25

/** Processes that wanted to run in the last minute, a core; 0 where the system does not say (Windows). */
export function machineLoad(): number {
  return (loadavg()[0] ?? 0) / availableParallelism()
}

/** What a measurement holds for: a model, on a backend with so many layers there, on this machine's processor. */
export interface Measured {
  sha256: string
  backend: Backend
  gpuLayers: number
  /** whole texts were timed, not steps of one token */
  scoring?: boolean
}

/** null: not measured, or on a machine that was busy then and is not now */
export function rememberedThreads(cacheDirectory: string, of: Measured, load = machineLoad()): Memory['threads'][string] | null {
  return worthwhile(read(cacheDirectory).threads[keyOf(of)], load)
}

export function rememberThreads(cacheDirectory: string, of: Measured, threads: ToRemember['threads'][string]): void {
  const known = read(cacheDirectory)
  keepIfPossible(fileOf(cacheDirectory), { ...known, threads: { ...known.threads, [keyOf(of)]: threads } } satisfies ToRemember)
}

/** As rememberedThreads. @param threads with which it was measured */
export function rememberedBatch(cacheDirectory: string, of: Measured, threads: number, load = machineLoad()): Memory['batches'][string] | null {
  return worthwhile(read(cacheDirectory).batches[`${keyOf(of)}, threads ${threads}`], load)
}

export function rememberBatch(cacheDirectory: string, of: Measured, threads: number, batch: ToRemember['batches'][string]): void {
  const known = read(cacheDirectory)
  keepIfPossible(fileOf(cacheDirectory), { ...known, batches: { ...known.batches, [`${keyOf(of)}, threads ${threads}`]: batch } } satisfies ToRemember)
}

const fileOf = (cacheDirectory: string): string => join(cacheDirectory, 'measured.json')
const read = (cacheDirectory: string): Memory => readKept(fileOf(cacheDirectory), memory, { threads: {}, batches: {} })

function keyOf({ sha256, backend, gpuLayers, scoring }: Measured): string {
  const layers = gpuLayers === 0 ? '' : `, ${gpuLayers} layers`
  return `${sha256} on ${availableParallelism()} x ${cpus()[0]?.model ?? 'unknown'}, ${backend}${layers}${scoring === true ? ', scoring' : ''}`
}

function worthwhile<T extends { load: number }>(measured: T | undefined, now: number): T | null {
  return measured === undefined || (measured.load > busyLoad && now < quietLoad) ? null : measured
}
