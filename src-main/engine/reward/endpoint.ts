/**
 * One question to an OpenAI-compatible chat completions endpoint, which is not to be trusted: it may hang, drip, lie
 * about its lengths, redirect, or answer with anything at all. https://platform.openai.com/docs/api-reference/chat
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import type { Message } from '../../contract/data.ts'
import { StudioError } from '../../contract/errors.ts'
import type { Pace } from './pace.ts'
import type { Answer } from './parse-score.ts'

export interface EndpointSettings {
  url: string
  model: string
  maxTokens: number
  temperature: number
  timeoutSeconds: number
  retries: number
}

/** There is no answer to this request. `endpoint`: because of the endpoint, so that others may fare no better. */
export class NoAnswer extends Error {
  readonly endpoint: boolean

  constructor(message: string, endpoint: boolean) {
    super(message)
    this.endpoint = endpoint
  }
}

/** It may go better the next time. */
class Passing extends NoAnswer {
  readonly retryAfterMs: number | null

  constructor(message: string, retryAfterMs: number | null = null) {
    super(message, true)
    this.retryAfterMs = retryAfterMs
  }
}

/** It takes the limit of an answer under its newer name only, as OpenAI's own models do. */
class OtherLimit extends NoAnswer {}

const maxAnswerBytes = 1 << 20
const maxErrorBytes = 1 << 16
const firstBackOffMs = 500
const maxBackOffMs = 30_000
const maxRetryAfterMs = 120_000
const echoLength = 24

const completion = z.object({
  choices: z.array(z.object({ message: z.object({ content: z.string().nullable() }), finish_reason: z.string().nullish() })).min(1)
})
const refusal = z.object({ error: z.object({ message: z.string(), code: z.unknown() }) }).transform(({ error }) => error)
const plainRefusal = z.object({ message: z.string(), code: z.unknown() }) // vLLM before 0.10
const anyRefusal = z.union([refusal, plainRefusal])

export class Endpoint {
  readonly #settings: EndpointSettings
  readonly #key: string | null
  readonly #pace: Pace
  readonly #address: URL
  /** as messages name it: without its query, which may hold more than an address */
  readonly #name: string
  #limit: 'max_tokens' | 'max_completion_tokens' = 'max_tokens' // the one that everybody else takes

  constructor(settings: EndpointSettings, key: string | null, pace: Pace) {
    this.#settings = settings
    this.#key = key
    this.#pace = pace
    this.#address = addressOf(settings.url)
    this.#name = nameOf(this.#address)
  }

  /**
   * Asks again, later and later, where that may help.
   * @throws NoAnswer; StudioError where the endpoint will answer nothing: a key that it refuses, a model it does not have
   */
  async ask(messages: Message[], signal: AbortSignal): Promise<Answer> {
    for (let attempt = 0; ; attempt++) {
      await this.#pace.turn(signal)
      try {
        return await this.#askOnce(messages, signal)
      } catch (error) {
        if (error instanceof OtherLimit && attempt === 0) {
          this.#limit = 'max_completion_tokens'
          continue
        }
        if (!(error instanceof Passing)) throw error
        const { retries } = this.#settings
        if (error.retryAfterMs !== null) this.#pace.hold(error.retryAfterMs)
        if (attempt >= retries) throw retries === 0 ? error : new NoAnswer(`${error.message} (asked ${retries + 1} times)`, true)
        const backOff = Math.min(maxBackOffMs, firstBackOffMs * 2 ** attempt)
        await sleep(backOff * (0.5 + Math.random() / 2), undefined, { signal }) // so that those that failed together do not ask together
      }
    }
  }

  async #askOnce(messages: Message[], signal: AbortSignal): Promise<Answer> {
    const { timeoutSeconds } = this.#settings
    const ending = new AbortController()
    const abort = (): void => ending.abort()
    signal.addEventListener('abort', abort)
    // for all of it, to the last byte: a body that drips is never idle
    let late = false
    const deadline = setTimeout(() => {
      late = true
      ending.abort()
    }, timeoutSeconds * 1000)
    try {
      const response = await fetch(this.#address, this.#request(messages, ending.signal))
      return await this.#read(response, messages)
    } catch (error) {
      signal.throwIfAborted()
      if (late) throw new Passing(`${this.#name} gave no whole answer within ${timeoutSeconds} s`)
      if (error instanceof NoAnswer || error instanceof StudioError) throw error
      throw new Passing(`${this.#name}: ${networkProblem(error)}`)
    } finally {
      clearTimeout(deadline)
      signal.removeEventListener('abort', abort)
      ending.abort() // whatever is left of the body is not read
    }
  }

  #request(messages: Message[], signal: AbortSignal): RequestInit {
    const { model, temperature, maxTokens } = this.#settings
    return {
      method: 'POST',
      redirect: 'manual', // the key goes to this address and to no other
      signal,
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        ...(this.#key !== null && { authorization: `Bearer ${this.#key}` })
      },
      body: JSON.stringify({ model, messages, temperature, [this.#limit]: maxTokens, stream: false })
    }
  }

  async #read(response: Response, messages: Message[]): Promise<Answer> {
    const { status } = response
    if (status !== 200) throw await this.#refusal(response, messages)
    const type = response.headers.get('content-type') ?? ''
    if (!/\bjson\b/i.test(type)) throw new NoAnswer(`${this.#name} answered with ${type === '' ? 'no content type' : this.#shown(type)} and not with JSON`, true)
    const parsed = completion.safeParse(parseJson(await textOf(response, maxAnswerBytes)))
    if (!parsed.success) throw new NoAnswer(`${this.#name} answered with JSON that is no chat completion`, true)
    const [choice] = parsed.data.choices
    const content = choice?.message.content ?? null
    if (content === null) throw new NoAnswer('the judge gave no text', false)
    return { text: content, cutOff: choice?.finish_reason === 'length' }
  }

  async #refusal(response: Response, messages: Message[]): Promise<Error> {
    const { status, headers } = response
    if (status >= 300 && status < 400) {
      const target = originOf(headers.get('location'), this.#address)
      return new NoAnswer(`${this.#name} redirects${target === null ? '' : ` to ${target}`}, which is not followed: give the address that it redirects to, if it can be trusted`, true)
    }
    if (status < 400) return new NoAnswer(`${this.#name} answered with status ${status}`, true)
    const { message, code } = await this.#reason(response, messages)
    const said = message === '' ? '' : `: ${message}`
    if (status === 401 || status === 403) {
      const what = this.#key === null ? 'refuses requests without a key' : 'refuses the key'
      return new StudioError('not-usable', `${this.#name} ${what} (status ${status})${said}`)
    }
    const noModel = code === 'model_not_found' || /\bmodel\b.*(not exist|not found)/i.test(message)
    if (status === 404 || (status === 400 && noModel)) {
      return new StudioError('not-found', `${this.#name} is not there, or has no model ${this.#settings.model} (status ${status})${said}`)
    }
    const text = `${this.#name} answered with status ${status}${said}`
    if (status === 400 && message.includes('max_completion_tokens')) return new OtherLimit(text, false)
    if (status === 429 || status === 503) return new Passing(text, retryAfter(headers.get('retry-after')))
    if (status === 408 || status >= 500) return new Passing(text)
    return new NoAnswer(text, false)
  }

  /** What the endpoint says of its refusal; empty where it repeats the request, which is no business of a message. */
  async #reason(response: Response, messages: Message[]): Promise<{ message: string; code: unknown }> {
    const body = await textOf(response, maxErrorBytes).catch(() => '')
    const parsed = anyRefusal.safeParse(parseJson(body))
    if (!parsed.success) return { message: '', code: null }
    const message = this.#shown(parsed.data.message)
    return { message: repeats(message, messages) ? '' : message, code: parsed.data.code }
  }

  /** Text of the endpoint's as a message may show it. */
  #shown(text: string): string {
    return excerpt(this.withoutKey(text))
  }

  /** For messages: an endpoint can send back what it was sent. */
  withoutKey(text: string): string {
    return this.#key === null ? text : text.replaceAll(this.#key, '[key]')
  }
}

/** Where the completions are, below the API's base address. @throws StudioError 'bad-request' */
export function addressOf(url: string): URL {
  if (!URL.canParse(url)) throw new StudioError('bad-request', 'the endpoint\'s address is no URL')
  const address = new URL(url)
  const path = address.pathname.replace(/\/+$/, '')
  address.pathname = path.endsWith('/chat/completions') ? path : `${path}/chat/completions`
  address.hash = ''
  return address
}

export function nameOf({ origin, pathname }: URL): string {
  return `${origin}${pathname}`
}

/** One line of a text, at most 200 characters. */
function excerpt(text: string): string {
  const line = onOneLine(text).trim()
  return line.length <= 200 ? line : `${line.slice(0, 200)}...`
}

/** @throws NoAnswer when there is more than `most`; then the rest is not read */
async function textOf({ body }: Response, most: number): Promise<string> {
  if (body === null) return ''
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body as ReadableStream<Uint8Array>) {
    bytes += chunk.length
    if (bytes > most) throw new NoAnswer(`the endpoint's answer is longer than ${most >> 10} KB`, true)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Seconds or a date, bounded. */
function retryAfter(header: string | null): number | null {
  if (header === null) return null
  const ms = /^\s*\d+\s*$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now()
  return Number.isNaN(ms) ? null : Math.min(maxRetryAfterMs, Math.max(0, ms))
}

function originOf(location: string | null, base: URL): string | null {
  return location !== null && URL.canParse(location, base) ? new URL(location, base).origin : null
}

function repeats(message: string, messages: Message[]): boolean {
  const asked = messages.map(({ content }) => onOneLine(content)).join(' ')
  for (let at = 0; at + echoLength <= message.length; at++) if (asked.includes(message.slice(at, at + echoLength))) return true
  return false
}

function onOneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ')
}

const problems: Record<string, string> = {
  ECONNREFUSED: 'nothing answers there',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'the host\'s name could not be looked up',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  UND_ERR_SOCKET: 'the connection was cut',
  UND_ERR_CONNECT_TIMEOUT: 'no connection came about',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'its answer has another length than it says'
}

/** fetch says "fetch failed" and hides why in its cause. */
function networkProblem(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  if (cause instanceof Error && cause.message === 'bad port') return 'this port is one of other protocols, which are never asked (https://fetch.spec.whatwg.org/#port-blocking)'
  return problems[code] ?? `the connection failed${code === '' ? '' : ` (${code})`}`
}
