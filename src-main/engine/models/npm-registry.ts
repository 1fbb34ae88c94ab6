/** A package's tarball, from whatever registry npm is set up for, and without npm from the public one. What comes is pinned by its checksum. */
import { execFile } from 'node:child_process'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { promisify } from 'node:util'

const run = promisify(execFile)

const askMs = 60_000
const packMs = 60 * 60_000
const publicRegistry = 'https://registry.npmjs.org/'

/** An installed studio is often alone on its machine. */
export class NpmMissing extends Error {
  constructor(cause: unknown) {
    super('npm is not installed here', { cause })
  }
}

/**
 * Streams the tarball. Where only npm itself gets through (a proxy or certificates of its own), npm fetches it whole
 * into `directory` first. @param name package@version
 */
export async function packageTarball(name: string, directory: string, signal: AbortSignal): Promise<Readable> {
  const address = await tarballAddress(name, signal)
  const reply = await fetch(address, { signal }).catch((error: unknown) => {
    signal.throwIfAborted()
    if (error instanceof TypeError) return null // no connection of our own
    throw error
  })
  if (reply?.ok === true && reply.body !== null) return Readable.fromWeb(reply.body as Parameters<typeof Readable.fromWeb>[0])
  const packed = await packedTarball(name, directory, signal).catch((error: unknown) => {
    if (!(error instanceof NpmMissing)) throw error
    throw new Error(`${new URL(address).host} ${reply === null ? 'cannot be reached' : `answered with status ${reply.status}`}`, { cause: error })
  })
  return createReadStream(packed)
}

/** Where the registry has it; the place that registries keep it at, where npm is missing or fails. @param name package@version */
export async function tarballAddress(name: string, signal: AbortSignal): Promise<string> {
  const address = await npm(['view', name, 'dist.tarball'], askMs, signal).catch(() => '')
  signal.throwIfAborted()
  return URL.canParse(address) ? address : usualAddress(name)
}

/** @scope/name@1.2.3 is at /@scope/name/-/name-1.2.3.tgz */
function usualAddress(name: string): string {
  const at = name.lastIndexOf('@')
  const [whole, version] = [name.slice(0, at), name.slice(at + 1)]
  const chosen = process.env['npm_config_registry'] ?? ''
  const registry = /^https?:/.test(chosen) && URL.canParse(chosen) ? chosen : publicRegistry
  return `${registry.replace(/\/+$/, '')}/${whole}/-/${whole.slice(whole.indexOf('/') + 1)}-${version}.tgz`
}

/** Has npm itself fetch it into a folder. @returns the file there @throws NpmMissing, or Error with what npm says */
export async function packedTarball(name: string, directory: string, signal: AbortSignal): Promise<string> {
  return join(directory, await npm(['pack', name, '--pack-destination', directory], packMs, signal))
}

async function npm(words: string[], timeout: number, signal: AbortSignal): Promise<string> {
  // under `npm start` and `npm run` npm says where it is itself
  const script = process.env['npm_execpath']
  const node = process.env['npm_node_execpath']
  const command = [...words, '--loglevel=error']
  const running =
    script !== undefined && node !== undefined
      ? run(node, [script, ...command], { timeout, signal })
      : run('npm', command, { timeout, signal, shell: process.platform === 'win32' })
  const { stdout } = await running.catch((error: unknown) => {
    signal.throwIfAborted()
    throw inOneLine(error, timeout)
  })
  return stdout.trim().split('\n').at(-1) ?? ''
}

const unreachable = ['ENOTFOUND', 'EAI_AGAIN', 'ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'ENETUNREACH', 'EHOSTUNREACH']

/** What npm says when it fails, of which most is where its log is. */
function inOneLine(error: unknown, timeout: number): Error {
  const { stderr = '', killed = false, code = '' } = error as { stderr?: string; killed?: boolean; code?: unknown }
  if (killed) return new Error(`npm did not come to an end within ${timeout / 1000} s`, { cause: error })
  if (code === 'ENOENT') return new NpmMissing(error)
  const [, reason = ''] = /^npm (?:error|ERR!) code (\w+)/m.exec(stderr) ?? []
  if (unreachable.includes(reason)) return new Error(`npm cannot reach its registry (${reason})`, { cause: error })
  return new Error(reason === '' ? 'npm failed' : `npm failed (${reason})`, { cause: error })
}
