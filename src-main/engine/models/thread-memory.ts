/** The measured thread counts of this machine, kept between runs, a model and processor each. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'

const remembered = z.object({
  threads: z.int().positive(),
  measurement: z.array(z.object({ threads: z.int(), tokensPerSecond: z.number() }))
})
export type RememberedThreads = z.infer<typeof remembered>
const memory = z.record(z.string(), remembered)

export function rememberedThreads(cacheDirectory: string, sha256: string): RememberedThreads | null {
  return read(cacheDirectory)[keyOf(sha256)] ?? null
}

export function rememberThreads(cacheDirectory: string, sha256: string, threads: RememberedThreads): void {
  mkdirSync(cacheDirectory, { recursive: true })
  const file = fileOf(cacheDirectory)
  writeFileSync(`${file}.part`, JSON.stringify({ ...read(cacheDirectory), [keyOf(sha256)]: threads }, null, 2))
  renameSync(`${file}.part`, file)
}

/** An unreadable memory is no memory: the threads are measured again. */
function read(cacheDirectory: string): z.infer<typeof memory> {
  try {
    return memory.parse(JSON.parse(readFileSync(fileOf(cacheDirectory), 'utf8')))
  } catch {
    return {}
  }
}

const fileOf = (cacheDirectory: string): string => join(cacheDirectory, 'threads.json')
const keyOf = (sha256: string): string => `${sha256} on ${availableParallelism()} x ${cpus()[0]?.model ?? 'unknown'}`
