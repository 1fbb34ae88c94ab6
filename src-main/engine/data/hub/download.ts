/** The bytes of a file over a connection that may break: each attempt goes on where the last one ended. */
import { createWriteStream } from 'node:fs'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { StudioError } from '../../../contract/errors.ts'
import type { JobContext } from '../../jobs/runner.ts'
import { accessToken, follow, refusal, type Patience } from './connection.ts'
import type { Part } from './part.ts'

export type FetchContext = Pick<JobContext, 'signal' | 'phase' | 'progress'>

/** Attempts in a row that bring nothing new; one that does starts the count again. */
const mostVainAttempts = 3

/** A failure that another attempt may not have. */
class Interrupted extends Error {}

interface Wanted {
  /** of the whole file */
  bytes: number
  name: string
}

/** @throws StudioError or Error; the part stays, unless it cannot be of this file */
export async function download(url: string, part: Part, wanted: Wanted, job: FetchContext, patience: Patience): Promise<void> {
  const { bytes, name } = wanted
  for (let vain = 0; part.bytes !== bytes || part.bytes === 0; ) {
    const before = part.bytes
    try {
      await attempt(url, part, wanted, job, patience)
      if (bytes === 0) return
    } catch (error) {
      job.signal.throwIfAborted()
      if (!(error instanceof Interrupted)) throw error
      vain = part.bytes > before ? 0 : vain + 1
      if (vain >= mostVainAttempts) throw new StudioError('download-failed', `${name} could not be fetched: ${error.message}; ${part.bytes} of ${bytes} bytes are kept, and the next fetch goes on from there`, { retryable: true, cause: error })
      await new Promise((resolve) => setTimeout(resolve, patience.pauseMs * vain))
    }
  }
}

async function attempt(url: string, part: Part, { bytes, name }: Wanted, job: FetchContext, patience: Patience): Promise<void> {
  const { etag } = part
  const from = etag === null || part.bytes > bytes ? 0 : part.bytes
  const token = accessToken()
  const response = await connected(url, {
    signal: job.signal,
    headers: {
      'accept-encoding': 'identity',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(from > 0 && etag !== null ? { range: `bytes=${from}-`, 'if-range': etag } : {})
    }
  }, patience)
  const goesOn = from > 0 && response.status === 206
  if (response.status !== 200 && !goesOn) {
    await response.body?.cancel()
    if (response.status === 416) part.discard() // the server's file is another one
    if (response.status === 416 || response.status >= 500) throw new Interrupted(refusal(response.status, name).message)
    throw refusal(response.status, name)
  }
  if (goesOn) {
    const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '')
    if (range === null || Number(range[1]) !== from || (range[2] !== '*' && Number(range[2]) !== bytes)) {
      await response.body?.cancel()
      part.discard()
      throw new Interrupted('the server sent another part of it than was asked for')
    }
  } else part.begin(response.headers.get('etag'))
  await receive(response, part, { from: goesOn ? from : 0, bytes }, job, patience)
}

async function connected(url: string, init: RequestInit, patience: Patience): Promise<Response> {
  try {
    return await follow(url, init, patience)
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    // a refused connection or a reset one; a redirect that is not followed will not be followed later
    if (error instanceof TypeError) throw new Interrupted(cause instanceof Error ? cause.message : String(cause), { cause: error })
    throw error
  }
}

async function receive(response: Response, part: Part, { from, bytes }: { from: number; bytes: number }, job: FetchContext, { silenceMs }: Patience): Promise<void> {
  const silence = new AbortController()
  const stop = (): void => silence.abort(new Interrupted(`the connection was silent for ${silenceMs / 1000} s`))
  let timer = setTimeout(stop, silenceMs)
  let at = from
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      clearTimeout(timer)
      timer = setTimeout(stop, silenceMs)
      at += chunk.length
      job.progress(Math.min(at, bytes))
      done(at > bytes ? new TooLong(`the server sends more than the ${bytes} bytes that the file has`) : null, chunk)
    }
  })
  try {
    await pipeline(response.body ?? [], counted, createWriteStream(part.path, { flags: from > 0 ? 'a' : 'w' }), { signal: AbortSignal.any([job.signal, silence.signal]) })
  } catch (error) {
    if (error instanceof TooLong) part.discard()
    if (error instanceof TooLong || (error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
    if (silence.signal.aborted) throw silence.signal.reason
    throw new Interrupted(error instanceof Error && error.cause instanceof Error ? error.cause.message : error instanceof Error ? error.message : String(error), { cause: error })
  } finally {
    clearTimeout(timer)
  }
  if (at < bytes) throw new Interrupted(`the connection ended after ${at} of ${bytes} bytes`)
}

class TooLong extends Error {}
