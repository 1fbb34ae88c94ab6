/** The queue as it is kept: what is on its way is kept as paused, as nothing is fetched before somebody asks again. */
import { join } from 'node:path'
import { z } from 'zod'
import { failure } from '../../../contract/errors.ts'
import { modelSource } from '../../../contract/models.ts'
import { keep, readKept } from '../../kept-json.ts'

/** Of each file of the model, the first one first; the hub's are of a commit and have checksums. */
const expected = z.object({
  commit: z.string().regex(/^[0-9a-f]{40}$/).nullable(),
  files: z.array(z.object({ bytes: z.number().min(0), checksum: z.object({ algorithm: z.enum(['sha256', 'git-sha1']), hex: z.string().regex(/^[0-9a-f]+$/) }).nullable() })).min(1)
})
export type ExpectedFiles = z.infer<typeof expected>

/** As earlier versions kept it, which knew models in one file only. */
function asOfOneFile(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('checksum' in value)) return value
  const { commit, bytes, checksum } = value as Record<string, unknown>
  return { commit, files: [{ bytes, checksum }] }
}

const kept = z.object({
  id: z.int().positive(),
  source: modelSource,
  title: z.string(),
  state: z.enum(['paused', 'failed', 'done']),
  /** of the whole file; null until it is known */
  total: z.number().nullable(),
  /** once it was asked for: what the bytes that are here are parts of */
  expected: z.preprocess(asOfOneFile, expected.nullable()),
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
