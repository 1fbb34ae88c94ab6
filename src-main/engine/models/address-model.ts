/** A GGUF file at an address of any host: what it may be, where it is kept here, and what the host says of it. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { StudioError } from '../../contract/errors.ts'
import { explained, follow, refusal, usualPatience, type Patience } from '../data/hub/connection.ts'
import { isSafePath } from '../data/hub/name.ts'
import { firstPartOf, partNamesOf } from './split.ts'

const magic = 'GGUF'

export interface AddressFile {
  url: string
  name: string
  /** where it is on this machine once it was fetched */
  place: string
}

/** As it is kept: of a model in several files the first one's. @throws StudioError 'bad-request' */
export function checkedAddress(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !/^https?:$/.test(url.protocol)) throw new StudioError('bad-request', `"${text.slice(0, 200)}" is no web address`)
  if (url.protocol === 'http:' && !/^(localhost|\[::1\]|127\.\d+\.\d+\.\d+)$/.test(url.hostname)) throw new StudioError('bad-request', `${url.host} is asked over https only: what comes over http could be changed on its way`)
  if (url.username !== '' || url.password !== '') throw new StudioError('bad-request', 'an address with a password in it would be kept in the list of downloads; use one without')
  const name = nameIn(url)
  if (!/\.gguf$/i.test(name) || !isSafePath(name)) throw new StudioError('bad-request', `${url.host}${url.pathname} is neither a model of the hub nor the address of a GGUF file, which would end in .gguf`)
  url.hash = ''
  return named(url, firstPartOf(name))
}

/** All files of a model, the first one first. @param address as `checkedAddress` gives it */
export function addressFiles(address: string, cacheDirectory: string): AddressFile[] {
  const url = new URL(address)
  const folder = join(cacheDirectory, 'models', 'addresses', url.host.replaceAll(/[^\w.-]/g, '_'), createHash('sha256').update(address).digest('hex').slice(0, 16))
  return partNamesOf(nameIn(url)).map((name) => ({ url: named(url, name), name, place: join(folder, name) }))
}

/** How many bytes the file has, by a request for its first four. @throws StudioError 'not-found', 'not-usable' or 'download-failed' */
export async function bytesAt({ url, name }: AddressFile, signal?: AbortSignal, patience: Patience = usualPatience): Promise<number> {
  const { host } = new URL(url)
  try {
    const response = await follow(url, { headers: { 'accept-encoding': 'identity', range: `bytes=0-${magic.length - 1}` }, ...(signal && { signal }) }, patience)
    const { status, headers } = response
    const begins = status === 200 || status === 206 ? await firstBytes(response) : ''
    await response.body?.cancel().catch(() => {})
    if (status === 401 || status === 403) throw new StudioError('download-failed', `${host} does not give out ${name} (${status}): the studio logs in nowhere but at the hub`)
    if (status !== 200 && status !== 206) throw refusal(status, name, host)
    if (begins !== magic) throw new StudioError('not-usable', `${host} has no GGUF file at that address, but ${headers.get('content-type')?.startsWith('text/html') === true ? 'a page' : 'something else'}`)
    const bytes = Number(status === 206 ? /\/(\d+)$/.exec(headers.get('content-range') ?? '')?.[1] : (headers.get('content-length') ?? NaN))
    if (!Number.isSafeInteger(bytes) || bytes <= magic.length) throw new StudioError('not-usable', `${host} does not say how long ${name} is, so nobody could tell whether all of it has come`)
    return bytes
  } catch (error) {
    throw explained(error, name, signal, host)
  }
}

async function firstBytes(response: Response): Promise<string> {
  const reader = response.body?.getReader()
  let text = ''
  try {
    while (reader !== undefined && text.length < magic.length) {
      const { done, value } = await reader.read()
      if (done) break
      text += Buffer.from(value).toString('latin1')
    }
  } finally {
    await reader?.cancel().catch(() => {})
    reader?.releaseLock()
  }
  return text.slice(0, magic.length)
}

function nameIn({ pathname }: URL): string {
  const last = pathname.split('/').at(-1) ?? ''
  try {
    return decodeURIComponent(last)
  } catch {
    return last
  }
}

/** The same address with another file's name. */
function named(url: URL, name: string): string {
  const other = new URL(url)
  other.pathname = other.pathname.replace(/[^/]*$/, () => encodeURIComponent(name))
  return other.href
}
