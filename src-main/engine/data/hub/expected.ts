/** What the hub says of one file at one commit: where its bytes are, how many they are, and their checksum. */
import { z } from 'zod'
import { StudioError } from '../../../contract/errors.ts'
import { accessToken, askWith, hubUrl, type Patience } from './connection.ts'
import type { HubFile } from './name.ts'
import type { Expected } from './part.ts'

export type RepoType = 'dataset' | 'model'

export const repoWords: Record<RepoType, string> = { dataset: 'the data set', model: 'the model' }

const pathInfo = z.object({ type: z.string(), path: z.string(), size: z.number().min(0), oid: z.string(), lfs: z.object({ oid: z.string(), size: z.number().min(0) }).optional() })

/** @throws StudioError 'not-found' or 'not-usable', Error for an answer that cannot be */
export async function expectedOf(type: RepoType, { name, revision, path }: HubFile, signal: AbortSignal, patience: Patience): Promise<Expected> {
  const { pathsInfo } = await import('@huggingface/hub')
  const answer = await pathsInfo({ repo: { type, name }, paths: [path], revision: revision ?? undefined, hubUrl: hubUrl(), accessToken: accessToken(), fetch: askWith({ signal, patience }) })
  const found = answer.find((info) => info.path === path)
  if (found === undefined) throw new StudioError('not-found', `${repoWords[type]} ${name} has no file "${path}"`)
  const { type: kind, size, oid, lfs } = pathInfo.parse(found)
  if (kind !== 'file') throw new StudioError('not-usable', `"${path}" of ${repoWords[type]} ${name} is a folder`)
  const checksum = lfs === undefined ? ({ algorithm: 'git-sha1', hex: oid } as const) : ({ algorithm: 'sha256', hex: lfs.oid } as const)
  if (!(lfs === undefined ? /^[0-9a-f]{40}$/ : /^[0-9a-f]{64}$/).test(checksum.hex)) throw new Error('it names no checksum')
  return { bytes: lfs?.size ?? size, checksum }
}

export function fileUrl(type: RepoType, { name, revision, path }: HubFile): string {
  const repo = type === 'dataset' ? `datasets/${name}` : name
  return `${hubUrl()}/${repo}/resolve/${encodeURIComponent(revision ?? 'main')}/${path.split('/').map(encodeURIComponent).join('/')}`
}
