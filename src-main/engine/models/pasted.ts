/** What somebody pasted as a model: a name or an address of the hub in any of its forms, or an address of a GGUF file. */
import { existsSync } from 'node:fs'
import type { HubModel, PastedModel } from '../../contract/models.ts'
import { StudioError } from '../../contract/errors.ts'
import { hubUrl } from '../data/hub/connection.ts'
import type { HubFile, HubName } from '../data/hub/name.ts'
import { addressFiles, bytesAt, checkedAddress } from './address-model.ts'
import { listHubModel, parseModelFile, parseModelName } from './hub-model.ts'
import { firstPartOf } from './split.ts'

/** The hub by its own names, which stand for a mirror too where HF_ENDPOINT names one. */
const hubHosts = ['huggingface.co', 'www.huggingface.co', 'hf.co']

export type Pasted =
  | ({ kind: 'model'; /** as in hf.co/owner/name:Q4_K_M */ quantization: string | null } & HubName)
  | ({ kind: 'file' } & HubFile)
  | { kind: 'address'; url: string }

/** @throws StudioError 'bad-request' */
export function parsePasted(text: string): Pasted {
  let words = text.trim().replace(/^["'<]+|["'>]+$/g, '')
  if (words === '') throw new StudioError('bad-request', 'nothing was given: a model is owner/name, or its address')
  if (hubHosts.some((host) => words.toLowerCase().startsWith(`${host}/`))) words = `https://${words}`
  if (/^[a-z][a-z\d+.-]*:\/\//i.test(words) && !/^hf:\/\//i.test(words)) {
    const address = URL.canParse(words) ? new URL(words) : null
    const home = new URL(hubUrl())
    if (address === null || (address.host !== home.host && !hubHosts.includes(address.host))) return { kind: 'address', url: checkedAddress(words) }
    words = `${home.origin}${address.pathname}`
  }
  const [, before = words, quantization = null] = /^(.*[^:/]):([\w.-]+)\/?$/.exec(words) ?? []
  const named = quantization !== null && !/^https?$/.test(before) && !/^\d+$/.test(quantization)
  if (named) return { kind: 'model', ...parseModelName(before), quantization }
  const file = parseModelFile(words)
  return file === null ? { kind: 'model', ...parseModelName(words), quantization: null } : { kind: 'file', ...file, path: firstPartOf(file.path) }
}

/** Asks the hub, or the host of an address. @throws StudioError 'bad-request', 'not-found', 'not-usable' or 'download-failed' */
export async function lookPasted(text: string, cacheDirectory: string): Promise<PastedModel> {
  const pasted = parsePasted(text)
  if (pasted.kind === 'address') {
    const { url } = pasted
    const files = addressFiles(url, cacheDirectory)
    const sizes = await Promise.all(files.map((file) => bytesAt(file)))
    const [first] = files
    return { kind: 'address', url, host: new URL(url).host, name: first?.name ?? '', bytes: sizes.reduce((sum, bytes) => sum + bytes, 0), parts: files.length, present: files.every(({ place }) => existsSync(place)) }
  }
  const { name, revision } = pasted
  const model = await listHubModel(revision === null ? name : `${name}@${revision}`, cacheDirectory)
  if (pasted.kind === 'model') return { kind: 'hub', model, wanted: pasted.quantization === null ? null : fileOf(model, pasted.quantization).path }
  if (model.files.every(({ path }) => path !== pasted.path)) throw new StudioError('not-found', `the model ${name} has no file "${pasted.path}"${revision === null ? '' : ` at ${revision}`}`)
  return { kind: 'hub', model, wanted: pasted.path }
}

/** The file of a quantisation. @throws StudioError 'not-found', which names those that there are */
export function fileOf({ name, files }: HubModel, quantization: string): HubModel['files'][number] {
  const found = files.find((file) => file.quantization === quantization.toUpperCase())
  if (found !== undefined) return found
  const known = [...new Set(files.flatMap((file) => file.quantization ?? []))]
  throw new StudioError('not-found', `${name} has no GGUF file of ${quantization}${known.length === 0 ? '' : `; it has ${known.join(', ')}`}`)
}
