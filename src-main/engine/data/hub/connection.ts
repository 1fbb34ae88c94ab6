/** Talking to the hub: where it is, who asks, how long to wait, where a redirect may lead, and what went wrong in words. */
import { StudioError } from '../../../contract/errors.ts'

export interface Patience {
  /** for the head of an answer, and for a whole answer of the hub's API */
  answerMs: number
  /** a download that brings nothing for so long is taken for broken */
  silenceMs: number
  /** between attempts */
  pauseMs: number
}
export const usualPatience: Patience = { answerMs: 30_000, silenceMs: 30_000, pauseMs: 500 }

const mostRedirects = 5
/** Of a list of files; one of ten thousand files has some 3 MB. */
const mostAnswerBytes = 64 * 1024 * 1024

/** HF_ENDPOINT, as the hub's own tools have it. @throws StudioError 'bad-request' */
export function hubUrl(): string {
  const url = (process.env['HF_ENDPOINT'] || 'https://huggingface.co').replace(/\/+$/, '')
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) throw new StudioError('bad-request', `HF_ENDPOINT is "${url}", which is no address`)
  return url
}

/** HF_TOKEN, for private and gated data sets. */
export function accessToken(): string | undefined {
  return process.env['HF_TOKEN']?.trim() || undefined
}

/**
 * Follows redirects as the hub's downloads need it: to https, to the same host, or within this machine. The token goes
 * to the hub alone. `signal` of the request covers its body too, `answerMs` each answer's head.
 * @throws Error, or TypeError where fetch itself does
 */
export async function follow(address: string | URL, init: RequestInit, { answerMs }: Patience): Promise<Response> {
  const home = new URL(hubUrl())
  let url = new URL(address)
  for (let hop = 0; hop <= mostRedirects; hop++) {
    const headers = new Headers(init.headers)
    if (url.origin !== home.origin) headers.delete('authorization')
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(new Error(`${url.host} did not answer within ${answerMs / 1000} s`)), answerMs)
    const signal = init.signal ? AbortSignal.any([init.signal, late.signal]) : late.signal
    let response: Response
    try {
      response = await fetch(url, { ...init, headers, signal, redirect: 'manual' })
    } finally {
      clearTimeout(timer)
    }
    const next = response.headers.get('location')
    if (response.status < 300 || response.status >= 400 || next === null) return response
    await response.body?.cancel()
    if (init.method !== undefined && init.method !== 'GET') throw new Error(`${url.host} redirects a question, which is not followed`)
    const target = URL.canParse(next, url) ? new URL(next, url) : null
    if (target === null || !mayFollow(url, target)) throw new Error(`${url.host} redirects to ${target?.origin ?? next}, which is not followed`)
    url = target
  }
  throw new Error(`${url.host} redirects more than ${mostRedirects} times`)
}

function mayFollow(from: URL, to: URL): boolean {
  return to.protocol === 'https:' || to.origin === from.origin || (to.protocol === 'http:' && isLoopback(from) && isLoopback(to))
}

function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname)
}

/** For @huggingface/hub: the whole answer, within bounds of time and size. */
export function askWith({ signal, patience = usualPatience }: { signal?: AbortSignal; patience?: Patience }): typeof fetch {
  return async (input, init) => {
    const request = input instanceof Request ? input.url : input
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(new Error(`its answer took more than ${(2 * patience.answerMs) / 1000} s`)), 2 * patience.answerMs)
    let response: Response
    const pieces: Uint8Array[] = []
    try {
      response = await follow(request, { ...init, signal: signal === undefined ? late.signal : AbortSignal.any([signal, late.signal]) }, patience)
      let length = 0
      for await (const piece of response.body ?? []) {
        if ((length += piece.length) > mostAnswerBytes) throw new Error(`the hub answers with more than ${mostAnswerBytes / 1024 / 1024} MB`)
        pieces.push(piece)
      }
    } finally {
      clearTimeout(timer)
    }
    const { status, statusText, headers } = response
    const answer = new Response([204, 205, 304].includes(status) ? null : Buffer.concat(pieces), { status, statusText, headers })
    return Object.defineProperty(answer, 'url', { value: String(request) })
  }
}

/** Any failure of a request in words. @param what e.g. "the data set owner/name" @param host who was asked */
export function explained(error: unknown, what: string, signal?: AbortSignal, host = new URL(hubUrl()).host): unknown {
  if (signal?.aborted === true || error instanceof StudioError) return error
  if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return error
  if (error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number') return refusal(error.statusCode, what, host, error) // HubApiError
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new StudioError('download-failed', `${what} could not be read from ${host}: ${reason}`, { retryable: true, cause: error })
}

/** What a status means here. */
export function refusal(status: number, what: string, host: string, cause?: unknown): StudioError {
  switch (status) {
    case 401:
    case 403:
      return new StudioError('download-failed', `${host} does not give out ${what}: it is private, gated or not there; accept its terms there and set HF_TOKEN`, { cause })
    case 404:
      return new StudioError('not-found', `${host} does not have ${what}`, { cause })
    case 429:
      return new StudioError('download-failed', `${host} has had too many requests from here; wait a few minutes, then try again`, { retryable: true, cause })
    default:
      return new StudioError('download-failed', `${host} answers with ${status} for ${what}${status >= 500 ? '; try again later' : ''}`, { retryable: status >= 500, cause })
  }
}
