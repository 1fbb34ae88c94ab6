/** The measured thread counts of this machine, kept between runs, a model and processor each. */
import { availableParallelism, cpus } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { keep, readKept } from '../kept-json.ts'

const remembered = z.object({
  threads: z.int().positive(),
  measurement: z.array(z.object({ threads: z.int(), tokensPerSecond: z.number() }))
})
export type RememberedThreads = z.infer<typeof remembered>
const memory = z.record(z.string(), remembered)

export function rememberedThreads(cacheDirectory: string, sha256: string): RememberedThreads | null {
  return readKept(fileOf(cacheDirectory), memory, {})[keyOf(sha256)] ?? null
}

export function rememberThreads(cacheDirectory: string, sha256: string, threads: RememberedThreads): void {
  const file = fileOf(cacheDirectory)
  keep(file, { ...readKept(file, memory, {}), [keyOf(sha256)]: threads })
}

const fileOf = (cacheDirectory: string): string => join(cacheDirectory, 'threads.json')
const keyOf = (sha256: string): string => `${sha256} on ${availableParallelism()} x ${cpus()[0]?.model ?? 'unknown'}`
