/** A data set of the hub: its files at one commit, as far as rows may be in them. */
import { z } from 'zod'
import type { HubDataset } from '../../../contract/data.ts'
import { StudioError } from '../../../contract/errors.ts'
import { accessToken, askWith, explained, hubUrl } from './connection.ts'
import { fetchedFile, rememberCommit } from './local-file.ts'
import { hubFileName, isCommit, isSafePath, parseHubName, type HubName } from './name.ts'

const dataFile = /\.(jsonl|ndjson|json|csv|tsv|parquet)(\.gz)?$/i
/** A larger data set is in shards, of which nobody picks from such a list. */
const mostFiles = 10_000

/** What the hub's answers must have; they come from outside. */
const info = z.object({ sha: z.string(), tags: z.array(z.string()).optional() })
const entry = z.object({ type: z.string(), path: z.string(), size: z.number().min(0), lfs: z.object({ oid: z.string(), size: z.number().min(0) }).optional() })

/** @throws StudioError 'bad-request', 'not-found', 'not-usable' or 'download-failed' */
export async function listHubDataset(text: string, cacheDirectory: string): Promise<HubDataset> {
  const name = parseHubName(text, hubUrl())
  const { commit, licence } = await commitOf(name, cacheDirectory)
  const files: HubDataset['files'] = []
  try {
    const { listFiles } = await import('@huggingface/hub')
    const repo = { type: 'dataset', name: name.name } as const
    for await (const raw of listFiles({ repo, revision: commit, recursive: true, hubUrl: hubUrl(), accessToken: accessToken(), fetch: askWith({}) })) {
      const { type, path, size, lfs } = entry.parse(raw)
      if (type !== 'file' || !dataFile.test(path)) continue
      if (!isSafePath(path)) throw new StudioError('not-usable', `the data set ${name.name} has a file "${path.slice(0, 200)}", which leads out of it; nothing of it is fetched`)
      const file = hubFileName({ name: name.name, revision: commit, path })
      files.push({ path, file, bytes: lfs?.size ?? size, sha256: lfs?.oid ?? null, present: fetchedFile(file, cacheDirectory) !== null })
      if (files.length >= mostFiles) break
    }
  } catch (error) {
    throw explained(error, `the data set ${name.name}`)
  }
  return { name: name.name, revision: commit, licence, files }
}

/** The commit that a revision stands for now; remembered, so that its files are found without asking. @throws StudioError */
export async function commitOf({ name, revision }: HubName, cacheDirectory: string, asking: Parameters<typeof askWith>[0] = {}): Promise<{ commit: string; licence: string | null }> {
  const what = `the data set ${name}${revision === null ? '' : ` at "${revision}"`}`
  try {
    const { datasetInfo } = await import('@huggingface/hub')
    const answer = await datasetInfo({ name, revision: revision ?? undefined, additionalFields: ['sha', 'tags'], hubUrl: hubUrl(), accessToken: accessToken(), fetch: askWith(asking) })
    const { sha, tags = [] } = info.parse(answer)
    if (!isCommit(sha)) throw new Error(`it names "${sha.slice(0, 60)}" as its commit`)
    rememberCommit(name, revision, sha, cacheDirectory)
    return { commit: sha, licence: tags.find((tag) => tag.startsWith('license:'))?.slice('license:'.length) ?? null }
  } catch (error) {
    throw explained(error, what, asking.signal)
  }
}
