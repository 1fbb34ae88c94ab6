/** SHA-256 of model files, remembered by size and time of change so that gigabytes are read once. */
import { createHash } from 'node:crypto'
import { createReadStream, statSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { z } from 'zod'
import { keep, readKept } from '../kept-json.ts'

const memory = z.record(z.string(), z.string())

export async function checksumOf(file: string, cacheDirectory: string): Promise<string> {
  const { size, mtimeMs } = statSync(file)
  const key = `${file} ${size} ${mtimeMs}`
  const list = join(cacheDirectory, 'checksums.json')
  const known = readKept(list, memory, {})
  if (known[key] !== undefined) return known[key]
  const sha256 = await sha256Of(file)
  keep(list, { ...known, [key]: sha256 })
  return sha256
}

export async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), hash)
  return hash.digest('hex')
}
