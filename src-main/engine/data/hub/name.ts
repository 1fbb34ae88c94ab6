/** Names of the hub's data sets and files. Each part of a path is checked: it becomes a path on this machine. */
import { join } from 'node:path'
import { StudioError } from '../../../contract/errors.ts'

export interface HubName {
  /** owner/name */
  name: string
  /** branch, tag or commit; null is the main branch */
  revision: string | null
}

export interface HubFile extends HubName {
  path: string
}

const prefix = 'hf://datasets/'
const namePattern = /^[\w-][\w.-]{0,95}\/[\w-][\w.-]{0,95}$/
const commitPattern = /^[0-9a-f]{40}$/

export function isHubFile(file: string): boolean {
  return file.startsWith('hf://')
}

export function isCommit(revision: string | null): boolean {
  return revision !== null && commitPattern.test(revision)
}

/** owner/name, owner/name@revision, hf://datasets/owner/name, or the address in a browser. @throws StudioError 'bad-request' */
export function parseHubName(text: string, hubUrl: string): HubName {
  let words = text.trim().replace(/^hf:\/\//, '').replace(/^datasets\//, '')
  if (/^https?:\/\//.test(words)) {
    const address = URL.canParse(words) ? new URL(words) : null
    if (address === null || address.host !== new URL(hubUrl).host) throw new StudioError('bad-request', `${text} is not an address of ${new URL(hubUrl).host}`)
    const [datasets, owner = '', name = '', tree, revision, ...more] = address.pathname.split('/').filter((part) => part !== '')
    if (datasets !== 'datasets') throw new StudioError('bad-request', `${text} is not the address of a data set`)
    // refs/convert/parquet has slashes of its own
    const named = ['tree', 'resolve', 'blob'].includes(tree ?? '') && revision !== undefined
    words = `${owner}/${name}${named ? `@${decoded(revision === 'refs' ? [revision, ...more.slice(0, 2)].join('/') : revision)}` : ''}`
  }
  const [name = '', revision] = splitAt(words, '@')
  if (!namePattern.test(name) || name.includes('..')) throw new StudioError('bad-request', `"${text}" is not the name of a data set; it is owner/name`)
  return { name, revision: revision === null ? null : checkedRevision(decoded(revision), text) }
}

/** @throws StudioError 'bad-request' */
export function parseHubFile(file: string): HubFile {
  const match = /^hf:\/\/datasets\/([^/@]+\/[^/@]+)(?:@([^/]+))?\/(.+)$/.exec(file)
  const [, name = '', revision, path = ''] = match ?? []
  if (match === null || !namePattern.test(name) || name.includes('..')) throw new StudioError('bad-request', `"${file}" is not a file of the hub; it is ${prefix}<owner>/<name>[@<revision>]/<path>`)
  if (!isSafePath(path)) throw new StudioError('bad-request', `"${file}" leads out of its data set`)
  return { name, revision: revision === undefined ? null : checkedRevision(decoded(revision), file), path }
}

export function hubFileName({ name, revision, path }: HubFile): string {
  return `${prefix}${name}${revision === null ? '' : `@${encodeURIComponent(revision)}`}/${path}`
}

/** Whether a path of a repository stays within its folder, on any system. */
export function isSafePath(path: string): boolean {
  return path.length <= 1000 && path.split('/').every((part) => part !== '' && part !== '.' && part !== '..' && part.length <= 200 && !/[\\:*?"<>|\u0000-\u001f]/.test(part) && !/[. ]$/.test(part))
}

/** The folder of a data set in the cache. */
export function datasetDirectory(name: string, cacheDirectory: string): string {
  return join(cacheDirectory, 'datasets', ...name.split('/'))
}

/** Where a file of one commit is when it is here. */
export function cachedPath(name: string, commit: string, path: string, cacheDirectory: string): string {
  return join(datasetDirectory(name, cacheDirectory), 'commits', commit, ...path.split('/'))
}

function checkedRevision(revision: string, text: string): string {
  if (!/^[\w.\-~]+(\/[\w.\-~]+)*$/.test(revision) || revision.includes('..')) throw new StudioError('bad-request', `"${text}" names no revision`)
  return revision
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function splitAt(text: string, mark: string): [string, string | null] {
  const at = text.indexOf(mark)
  return at === -1 ? [text.replace(/\/$/, ''), null] : [text.slice(0, at), text.slice(at + 1)]
}
