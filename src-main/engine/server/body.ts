/** The JSON object that a request brings. */
import type { IncomingMessage } from 'node:http'
import { ApiError } from './api-error.ts'

/** far above any context: what is longer is no conversation */
export const maxBodyBytes = 4 * 1024 * 1024
/** What is too large is read on up to here and thrown away: a client that is still sending would not see the answer. */
const maxIgnoredBytes = 16 * maxBodyBytes

/** @throws ApiError 400, 413 or 415 */
export async function readBody(request: IncomingMessage): Promise<unknown> {
  const { headers } = request
  if (!/^application\/json\s*(;|$)/i.test(headers['content-type'] ?? '')) throw new ApiError(415, 'the body must be JSON, with "Content-Type: application/json"', { code: 'not_json' })
  if ((headers['content-encoding'] ?? 'identity') !== 'identity') throw new ApiError(415, 'the body must not be compressed', { code: 'compressed' })
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxIgnoredBytes) break // which closes the connection
    if (bytes <= maxBodyBytes) chunks.push(chunk)
  }
  if (bytes > maxBodyBytes) throw new ApiError(413, `the body is larger than ${maxBodyBytes / 1024 / 1024} MiB`, { code: 'body_too_large' })
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks)))
  } catch (error) {
    throw new ApiError(400, `the body is not JSON: ${error instanceof Error ? error.message : String(error)}`, { code: 'not_json' })
  }
}
