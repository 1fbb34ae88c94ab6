/** The queue as it is kept: what is on its way is kept as paused, as nothing is fetched before somebody asks again. */
import { join } from 'node:path'
import { z } from 'zod'
import { failure } from '../../../contract/errors.ts'
import { modelSource } from '../../../contract/models.ts'
import { keep, readKept } from '../../kept-json.ts'

const kept = z.object({
  id: z.int().positive(),
  source: modelSource,
  title: z.string(),
  state: z.enum(['paused', 'failed', 'done']),
  /** of the whole file; null until it is known */
  total: z.number().nullable(),
  /** of a file of the hub, once it was asked for: what the bytes that are here are parts of */
  expected: z.object({ commit: z.string().regex(/^[0-9a-f]{40}$/), bytes: z.number().min(0), checksum: z.object({ algorithm: z.enum(['sha256', 'git-sha1']), hex: z.string().regex(/^[0-9a-f]+$/) }) }).nullable(),
  failure: failure.nullable(),
  file: z.string().nullable(),
  project: z.string().nullable()
})
export type KeptDownload = z.infer<typeof kept>

export function readQueue(dataDirectory: string): KeptDownload[] {
  return readKept(fileOf(dataDirectory), z.array(kept), [])
}

export function keepQueue(dataDirectory: string, downloads: KeptDownload[]): void {
  keep(fileOf(dataDirectory), downloads)
}

const fileOf = (dataDirectory: string): string => join(dataDirectory, 'downloads.json')
