/** A model of the hub: its name, its GGUF files at one commit, and where one of them is on this machine. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { HubModel } from '../../contract/models.ts'
import { StudioError } from '../../contract/errors.ts'
import { accessToken, askWith, explained, hubUrl } from '../data/hub/connection.ts'
import { isCommit, isSafePath, parseHubName, type HubFile, type HubName } from '../data/hub/name.ts'
import { byModel, partNamesOf } from './split.ts'

/** More than any repository of one model has. */
const mostFiles = 1000

const info = z.object({ sha: z.string(), tags: z.array(z.string()).optional() })
const entry = z.object({ type: z.string(), path: z.string(), size: z.number().min(0), lfs: z.object({ oid: z.string(), size: z.number().min(0) }).optional() })

/** owner/name, owner/name@revision, hf://owner/name, or the address in a browser. @throws StudioError 'bad-request' */
export function parseModelName(text: string): HubName {
  const words = text.trim().replace(/^hf:\/\//, '').replace(/^models\//, '')
  if (/^https?:\/\//.test(words)) {
    const { host } = new URL(hubUrl())
    const address = URL.canParse(words) ? new URL(words) : null
    if (address === null || address.host !== host) throw new StudioError('bad-request', `${text} is not an address of ${host}`)
    if (['datasets', 'spaces'].includes(address.pathname.split('/')[1] ?? '')) throw new StudioError('bad-request', `${text} is not the address of a model`)
    return parseModelName(address.pathname.replace(/^\/|\/$/g, '').replace(/^([^/]+\/[^/]+)\/(?:tree|blob|resolve)\/([^/]+).*$/, '$1@$2').replace(/^([^/@]+\/[^/@]+)\/.*$/, '$1'))
  }
  try {
    return parseHubName(words, hubUrl())
  } catch {
    throw new StudioError('bad-request', `"${text}" is not the name of a model; it is owner/name`)
  }
}

/** owner/name/path of a file, owner/name@revision/path, or its address. null: only a model is named. @throws StudioError 'bad-request' */
export function parseModelFile(text: string): HubFile | null {
  const address = /^https?:\/\/[^/]+\/[^/]+\/[^/]+\/(?:blob|resolve)\/[^/]+\/([^?#]+)/.exec(text.trim())
  const plain = /^([^/@\s:]+\/[^/@\s]+(?:@[^/]+)?)\/(.+)$/.exec(text.trim())
  const [model, path] = address !== null ? [text, decodeURIComponent(address[1] ?? '')] : plain !== null ? [plain[1] ?? '', plain[2] ?? ''] : ['', '']
  if (path === '') return null
  const { name, revision } = parseModelName(model)
  if (!isSafePath(path)) throw new StudioError('bad-request', `"${text}" leads out of its model`)
  if (!isGguf(path)) throw new StudioError('bad-request', `"${path}" is not a GGUF file`)
  return { name, revision, path }
}

/** The main branch's commit now. @throws StudioError */
export async function modelCommit({ name, revision }: HubName, asking: Parameters<typeof askWith>[0] = {}): Promise<{ commit: string; licence: string | null }> {
  try {
    const { modelInfo } = await import('@huggingface/hub')
    const answer = await modelInfo({ name, revision: revision ?? undefined, additionalFields: ['sha', 'tags'], hubUrl: hubUrl(), accessToken: accessToken(), fetch: askWith(asking) })
    const { sha, tags = [] } = info.parse(answer)
    if (!isCommit(sha)) throw new Error(`it names "${sha.slice(0, 60)}" as its commit`)
    return { commit: sha, licence: tags.find((tag) => tag.startsWith('license:'))?.slice('license:'.length) ?? null }
  } catch (error) {
    throw explained(error, `the model ${name}${revision === null ? '' : ` at "${revision}"`}`, asking.signal)
  }
}

/** @throws StudioError 'bad-request', 'not-found', 'not-usable' or 'download-failed' */
export async function listHubModel(text: string, cacheDirectory: string): Promise<HubModel> {
  const named = parseModelName(text)
  const { name } = named
  const { commit, licence } = await modelCommit(named)
  const found: { path: string; bytes: number; sha256: string | null }[] = []
  try {
    const { listFiles } = await import('@huggingface/hub')
    for await (const raw of listFiles({ repo: { type: 'model', name }, revision: commit, recursive: true, hubUrl: hubUrl(), accessToken: accessToken(), fetch: askWith({}) })) {
      const { type, path, size, lfs } = entry.parse(raw)
      if (type !== 'file' || !isGguf(path)) continue
      if (!isSafePath(path)) throw new StudioError('not-usable', `the model ${name} has a file "${path.slice(0, 200)}", which leads out of it; nothing of it is fetched`)
      found.push({ path, bytes: lfs?.size ?? size, sha256: lfs?.oid ?? null })
      if (found.length >= mostFiles) break
    }
  } catch (error) {
    throw explained(error, `the model ${name}`)
  }
  const files = byModel(found, ({ path }) => path).map(({ name: path, parts, missing }) => ({
    path,
    bytes: parts.reduce((sum, { bytes }) => sum + bytes, 0),
    sha256: parts.length === 1 ? (parts[0]?.sha256 ?? null) : null,
    quantization: quantizationIn(path),
    parts: parts.length + missing.length,
    missing,
    present: partNamesOf(path).every((part) => existsSync(hubModelPath({ name, revision: commit, path: part }, cacheDirectory)))
  }))
  return { name, revision: commit, licence, files: files.sort((a, b) => a.bytes - b.bytes) }
}

/** Where a file of one commit is when it is here. */
export function hubModelPath({ name, revision, path }: HubFile, cacheDirectory: string): string {
  return join(cacheDirectory, 'models', 'hub', ...name.split('/'), revision ?? 'main', ...path.split('/'))
}

function isGguf(path: string): boolean {
  return /\.gguf$/i.test(path)
}

/** "model-Q4_K_M.gguf" is Q4_K_M. */
function quantizationIn(path: string): string | null {
  return /(?:^|[-._/])((?:UD-)?(?:I?Q\d\w*|BF16|F16|F32|FP16|MXFP4\w*))(?=[-.]|$)/i.exec(path.replace(/\.gguf$/i, ''))?.[1]?.toUpperCase() ?? null
}
