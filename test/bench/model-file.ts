/** The model that the targets are stated for: the sample's TinyLlama as Q4_0, made once and kept in the cache directory. */
import { renameSync, rmSync, statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { quantizeModel } from '../../native/llama.ts'
import { cacheDirectory } from '../../src-main/engine/directories.ts'
import { keep, readKept } from '../../src-main/engine/kept-json.ts'
import { checksumOf } from '../../src-main/engine/models/checksum.ts'
import { fetchModel } from '../../src-main/engine/models/fetch.ts'
import { sampleModel } from '../../src-main/engine/sample.ts'

/** What the made file was when it was whole, and what it was made from. */
const record = z.object({ source: z.string(), bytes: z.number(), sha256: z.string() }).nullable()

/** The libraries must be open. @throws Error when the model cannot be fetched or made */
export async function q4Model(progress: (text: string) => void): Promise<string> {
  const cache = cacheDirectory()
  const source = await fetchModel(sampleModel, cache, resolve(import.meta.dirname, '..', '..', 'resources'), {
    signal: new AbortController().signal,
    phase: progress,
    progress: () => {}
  })
  const file = join(cache, 'models', `${sampleModel}-q4_0.gguf`)
  const sourceSum = await checksumOf(source, cache)
  const kept = readKept(`${file}.json`, record, null)
  const size = statSync(file, { throwIfNoEntry: false })?.size
  if (kept?.source === sourceSum && kept.bytes === size && (await checksumOf(file, cache)) === kept.sha256) return file

  progress('Writing the sample model as Q4_0')
  const part = `${file}.${process.pid}.part`
  try {
    await quantizeModel(source, part, { type: 'q4_0', threads: availableParallelism() })
    renameSync(part, file)
  } finally {
    rmSync(part, { force: true })
  }
  keep(`${file}.json`, { source: sourceSum, bytes: statSync(file).size, sha256: await checksumOf(file, cache) })
  return file
}
