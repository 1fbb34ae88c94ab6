/** SHA-256 of model files, remembered by size and time of change so that gigabytes are read once. */
import { createHash } from 'node:crypto'
import { createReadStream, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { z } from 'zod'

const memory = z.record(z.string(), z.string())

export async function checksumOf(file: string, cacheDirectory: string): Promise<string> {
  const { size, mtimeMs } = statSync(file)
  const key = `${file} ${size} ${mtimeMs}`
  const list = join(cacheDirectory, 'checksums.json')
  let known: z.infer<typeof memory> = {}
  try {
    known = memory.parse(JSON.parse(readFileSync(list, 'utf8')))
  } catch {
    // none yet, or unreadable: computed anew
  }
  if (known[key] !== undefined) return known[key]
  const sha256 = await sha256Of(file)
  mkdirSync(cacheDirectory, { recursive: true })
  writeFileSync(`${list}.part`, JSON.stringify({ ...known, [key]: sha256 }, null, 2))
  renameSync(`${list}.part`, list)
  return sha256
}

export async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), hash)
  return hash.digest('hex')
}
