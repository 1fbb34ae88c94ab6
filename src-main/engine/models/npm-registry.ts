/** A package's tarball, from whatever registry npm is set up for. */
import { execFile } from 'node:child_process'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { promisify } from 'node:util'

const run = promisify(execFile)

const askMs = 60_000
const packMs = 60 * 60_000

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
  return createReadStream(await packedTarball(name, directory, signal))
}

/** Where the registry has it. @param name package@version @throws Error */
export async function tarballAddress(name: string, signal: AbortSignal): Promise<string> {
  const address = await npm(['view', name, 'dist.tarball'], askMs, signal)
  if (!URL.canParse(address)) throw new Error(`npm knows no package ${name}`)
  return address
}

/** Has npm itself fetch it into a folder. @returns the file there @throws Error */
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
  if (code === 'ENOENT') return new Error('npm is not installed here', { cause: error })
  const [, reason = ''] = /^npm (?:error|ERR!) code (\w+)/m.exec(stderr) ?? []
  if (unreachable.includes(reason)) return new Error(`npm cannot reach its registry (${reason})`, { cause: error })
  return new Error(reason === '' ? 'npm failed' : `npm failed (${reason})`, { cause: error })
}
