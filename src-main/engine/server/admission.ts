/**
 * Who may ask at all: programs of this machine that know the token. A web page never may: a name that was rebound to
 * this address shows in Host, a request from another page in Origin, and no answer carries a CORS header.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { ApiError } from './api-error.ts'

const hosts = ['127.0.0.1', 'localhost', '[::1]']

/** @param port that is listened on @throws ApiError 401 or 403 */
export function admit({ headers }: Pick<IncomingMessage, 'headers'>, port: number, token: string): void {
  const host = headers.host?.toLowerCase()
  if (host === undefined || !hosts.some((name) => host === `${name}:${port}` || (port === 80 && host === name))) {
    throw new ApiError(403, `this server answers to 127.0.0.1:${port}, [::1]:${port} and localhost:${port} only`, { code: 'wrong_host' })
  }
  if (headers.origin !== undefined) throw new ApiError(403, 'this server does not answer web pages', { code: 'web_page' })
  const given = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1]
  if (given === undefined) throw new ApiError(401, 'a token is needed: "Authorization: Bearer <token>", as the studio shows it', { code: 'invalid_api_key' })
  if (!equal(given, token)) throw new ApiError(401, "this is not the server's token; the studio shows it", { code: 'invalid_api_key' })
}

/** In the same time wherever they differ, and whatever their lengths. */
function equal(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}
