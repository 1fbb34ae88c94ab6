/** The bytes of a file over a connection that may break: each attempt goes on where the last one ended. */
import { open } from 'node:fs/promises'
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
  /** The address stands for one content for ever, so that a part goes on where the server has no ETag. */
  fixed?: boolean
  /** An address that is none of the hub's: it gets no token, wherever it redirects to. */
  anonymous?: boolean
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

async function attempt(url: string, part: Part, { bytes, name, fixed = false, anonymous = false }: Wanted, job: FetchContext, patience: Patience): Promise<void> {
  const { etag } = part
  const from = (etag === null && !fixed) || part.bytes > bytes ? 0 : part.bytes
  const token = anonymous ? undefined : accessToken()
  const { host } = new URL(url)
  const silence = new AbortController()
  const headers = {
    'accept-encoding': 'identity',
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(from > 0 ? { range: `bytes=${from}-` } : {}),
    ...(from > 0 && etag !== null ? { 'if-range': etag } : {})
  }
  const response = await connected(url, { signal: AbortSignal.any([job.signal, silence.signal]), headers }, patience)
  if (response.status === 206) {
    const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '')
    if (from === 0 || range === null || Number(range[1]) !== from || (range[2] !== '*' && Number(range[2]) !== bytes)) {
      await response.body?.cancel()
      part.discard()
      throw new Interrupted('the server sent another part of it than was asked for')
    }
  } else if (response.status !== 200) {
    await response.body?.cancel()
    if (response.status === 416) part.discard() // the server's file is another one
    if (response.status === 416 || response.status >= 500) throw new Interrupted(refusal(response.status, name, host).message)
    throw refusal(response.status, name, host)
  } else {
    const length = Number(response.headers.get('content-length') ?? bytes)
    if (length !== bytes) {
      await response.body?.cancel()
      const page = response.headers.get('content-type')?.startsWith('text/html') === true ? ', a page and no file,' : ''
      throw new Error(`${host} sends ${length} bytes${page} instead of the ${bytes} that ${name} has`)
    }
    part.begin(response.headers.get('etag'))
  }

  const { silenceMs } = patience
  const timer = setTimeout(() => silence.abort(new Interrupted(`the connection was silent for ${silenceMs / 1000} s`)), silenceMs)
  let at = response.status === 206 ? from : 0
  const output = await open(part.path, 'a')
  try {
    for await (const piece of received(response.body)) {
      timer.refresh()
      at += piece.length
      if (at > bytes) {
        part.discard()
        throw new Error(`the server sends more than the ${bytes} bytes that the file has`)
      }
      await output.writeFile(piece)
      job.progress(at)
    }
  } finally {
    clearTimeout(timer)
    silence.abort() // ends what may still be coming
    await output.close()
  }
  if (at < bytes) throw new Interrupted(`the connection ended after ${at} of ${bytes} bytes`)
}

async function connected(url: string, init: RequestInit, patience: Patience): Promise<Response> {
  try {
    return await follow(url, init, patience)
  } catch (error) {
    // a connection that was refused or reset; a redirect that is not followed will not be followed later
    if (error instanceof TypeError) throw new Interrupted(reasonOf(error), { cause: error })
    throw error
  }
}

/** @throws Interrupted where the connection breaks */
async function* received(body: ReadableStream<Uint8Array> | null): AsyncGenerator<Uint8Array> {
  const pieces = (body ?? new ReadableStream<Uint8Array>({ start: (controller) => controller.close() }))[Symbol.asyncIterator]()
  for (;;) {
    let next: IteratorResult<Uint8Array>
    try {
      next = await pieces.next()
    } catch (error) {
      throw error instanceof Interrupted ? error : new Interrupted(reasonOf(error), { cause: error })
    }
    if (next.done === true) return
    yield next.value
  }
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  return cause instanceof Error ? cause.message : String(cause)
}
