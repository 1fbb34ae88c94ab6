/**
 * An OpenAI-compatible endpoint of the steered model, for programs of this machine. Off until it is started. Each answer
 * is a call of the model host, which batches what runs at once; here are only the doors: who is let in, how many, how
 * long they may take to ask, and what becomes of them when the server stops.
 */
import type { createServer, IncomingMessage, Server, ServerResponse } from 'node:http'
import { join } from 'node:path'
import type { Socket } from 'node:net'
import { z } from 'zod'
import type { MethodChoice } from '../../contract/control.ts'
import type { ServerState } from '../../contract/server.ts'
import { StudioError } from '../../contract/errors.ts'
import { versionOf } from '../files.ts'
import { keep, readKept } from '../kept-json.ts'
import { inspectModel } from '../models/inspect.ts'
import { admit } from './admission.ts'
import type { Serving } from './answer.ts'
import { ApiError, toApiError } from './api-error.ts'
import { askedOfChat, askedOfPrompt, type Asked } from './asked.ts'
import { readBody } from './body.ts'
import { complete, json } from './completions.ts'
import { listenOnLoopback } from './listen.ts'
import { modelFileOf, servedModels, usualChoice, type ServedFacts, type ServedModel } from './served-models.ts'
import { ServerToken } from './token.ts'

const usualPort = 7433
const kept = z.object({ port: z.int().min(1).max(65535) })
/** answers that run or wait for a place; more are told to come again */
const mostAnswers = 128
const mostConnections = 512
const tellEveryMs = 250
const graceMs = 5000

export interface Patience {
  /** for the head of a request, and for all of it */
  headMs: number
  requestMs: number
  /** for a client to read what it was answered, once all of it is written */
  readMs: number
  checkEveryMs: number
}

const usualPatience: Patience = { headMs: 10_000, requestMs: 30_000, readMs: 30_000, checkEveryMs: 2000 }

interface Running {
  answers: number
  abort: AbortController
  ended: Promise<void>
}

interface Listening {
  port: number
  servers: Server[]
}

export class LocalServer {
  readonly token: ServerToken
  readonly #serving: Serving
  readonly #file: string
  readonly #tell: (state: ServerState) => void
  readonly #patience: Patience
  readonly #running = new Set<Running>()
  #listening: Listening | null = null
  #changing: Promise<unknown> = Promise.resolve()
  #usual: MethodChoice = usualChoice
  #served = 0
  #failed = 0
  #read: { version: string; facts: Promise<ServedFacts> } | null = null
  #telling: NodeJS.Timeout | null = null
  #stopping = false

  constructor(serving: Serving, dataDirectory: string, tell: (state: ServerState) => void, patience = usualPatience) {
    this.#serving = serving
    this.#file = join(dataDirectory, 'server.json')
    this.#tell = tell
    this.#patience = patience
    this.token = new ServerToken(serving.secrets)
  }

  get state(): ServerState {
    return {
      running: this.#listening !== null,
      port: this.#listening?.port ?? readKept(this.#file, kept, { port: usualPort }).port,
      active: this.#active,
      served: this.#served,
      failed: this.#failed,
      tokenKept: this.token.kept
    }
  }

  /**
   * Listens, and remembers the port for the next time.
   * @param port null: the last one; 0: any that is free, which is not remembered
   * @param usual what answers a client that names no method
   * @throws StudioError 'busy' where it runs already or the port is taken
   */
  start(port: number | null, usual: MethodChoice = usualChoice): Promise<ServerState> {
    return this.#change(async () => {
      if (this.#listening !== null) throw new StudioError('busy', `the server runs already, on port ${this.#listening.port}`)
      await this.token.get()
      const wanted = port ?? this.state.port
      this.#usual = usual
      this.#stopping = false
      // an import of node:http reads its WebSocket, and that loads all of undici: 100 ms, which the engine's start has not
      const { createServer } = await import('node:http')
      this.#listening = await listenOnLoopback(() => this.#server(createServer), wanted)
      if (wanted !== 0) keep(this.#file, { port: wanted })
      this.#served = this.#failed = 0
      return this.state
    })
  }

  /** Lets what runs end for a while; then it is stopped, and told so. */
  stop(): Promise<ServerState> {
    return this.#change(async () => {
      const listening = this.#listening
      if (listening === null) return this.state
      this.#stopping = true
      const closed = listening.servers.map((server) => new Promise((resolve) => server.close(resolve)))
      for (const server of listening.servers) server.closeIdleConnections()
      const patience = setTimeout(() => this.#abortAll('the server was stopped'), graceMs)
      await Promise.all([...this.#running].map(({ ended }) => ended))
      clearTimeout(patience)
      for (const server of listening.servers) server.closeAllConnections()
      await Promise.all(closed)
      this.#listening = null
      return this.state
    })
  }

  /** Ends what runs at once, before the project closes; the server itself goes on. */
  async release(): Promise<void> {
    this.#abortAll('the project was closed')
    await Promise.all([...this.#running].map(({ ended }) => ended))
  }

  get #active(): number {
    return [...this.#running].reduce((sum, { answers }) => sum + answers, 0)
  }

  /** One after the other. */
  #change(work: () => Promise<ServerState>): Promise<ServerState> {
    const changed = this.#changing.then(work, work).finally(() => this.#tellSoon())
    this.#changing = changed.catch(() => {})
    return changed
  }

  #abortAll(why: string): void {
    for (const { abort } of this.#running) abort.abort(new StudioError('cancelled', why))
  }

  #server(create: typeof createServer): Server {
    const { headMs, requestMs, checkEveryMs } = this.#patience
    const server = create({ headersTimeout: headMs, requestTimeout: requestMs, connectionsCheckingInterval: checkEveryMs, keepAliveTimeout: 5000 }, (request, response) => void this.#answer(request, response))
    server.maxConnections = mostConnections
    server.on('clientError', refuseMalformed)
    server.on('upgrade', (_request, socket) => socket.destroy())
    return server
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => {}) // a client that went away
    try {
      await this.#route(request, response)
    } catch (thrown) {
      const error = toApiError(thrown)
      if (response.destroyed || response.headersSent) return
      const headers: Record<string, string> = {
        ...(error.status === 401 && { 'WWW-Authenticate': 'Bearer' }),
        ...(error.status === 429 && { 'Retry-After': '1' }),
      }
      json(response, error.status, error.body, headers)
    } finally {
      const patience = setTimeout(() => response.destroy(), this.#patience.readMs)
      response.once('close', () => clearTimeout(patience))
      if (response.closed) clearTimeout(patience)
    }
  }

  /** @throws ApiError and whatever else becomes one */
  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const listening = this.#listening
    if (listening === null || this.#stopping) throw new ApiError(503, 'the server is being stopped', { code: 'stopped' })
    admit(request, listening.port, await this.token.get())
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    const [, id] = /^\/v1\/models\/(.+)$/.exec(pathname) ?? []
    if (pathname === '/v1/models' || id !== undefined) {
      if (request.method !== 'GET') throw wrongMethod(request, 'GET')
      const models = await this.#models()
      if (id === undefined) return json(response, 200, { object: 'list', data: models.map(modelObject) })
      const found = models.find((model) => model.id === decoded(id))
      if (found === undefined) throw new ApiError(404, 'there is no such model; GET /v1/models lists what there is', { param: 'model', code: 'model_not_found' })
      return json(response, 200, modelObject(found))
    }
    const kind = pathname === '/v1/chat/completions' ? 'chat' : pathname === '/v1/completions' ? 'raw' : null
    if (kind === null) throw new ApiError(404, 'there is nothing here: GET /v1/models, POST /v1/chat/completions and POST /v1/completions', { code: 'unknown_url' })
    if (request.method !== 'POST') throw wrongMethod(request, 'POST')
    const body = await readBody(request)
    const asked = kind === 'chat' ? askedOfChat(body) : askedOfPrompt(body)
    await this.#counted(asked, response, async (signal) => complete(kind, this.#serving, asked, await this.#facts(), this.#usual, response, signal))
  }

  async #models(): Promise<ServedModel[]> {
    const { project } = this.#serving
    return servedModels(project, await this.#facts(), this.#usual)
  }

  /** Of the project's model, read once: a header with its vocabulary is long. @throws StudioError 'no-project', 'no-model', 'not-found' or 'not-usable' */
  #facts(): Promise<ServedFacts> {
    const file = modelFileOf(this.#serving.project)
    const version = `${file} ${versionOf(file)}`
    if (this.#read?.version !== version) {
      const read = { version, facts: inspectModel(file) }
      this.#read = read
      read.facts.catch(() => this.#read === read && (this.#read = null))
    }
    return this.#read.facts
  }

  /** Runs it among the others; a client that goes away ends it. @throws ApiError 429 and what `work` throws */
  async #counted({ count }: Asked, response: ServerResponse, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    if (this.#stopping) throw new ApiError(503, 'the server is being stopped', { code: 'stopped' })
    if (this.#active + count > mostAnswers) throw new ApiError(429, `${this.#active} answers are being generated or wait already: try again`, { code: 'busy' })
    const abort = new AbortController()
    const gone = (): void => void (response.writableFinished || abort.abort(new StudioError('cancelled', 'the client went away')))
    response.once('close', gone)
    const working = Promise.resolve().then(() => work(abort.signal))
    const running: Running = { answers: count, abort, ended: working.then(() => {}, () => {}) }
    this.#running.add(running)
    this.#tellSoon()
    try {
      await working
      this.#served++
    } catch (error) {
      this.#failed++
      throw error
    } finally {
      this.#running.delete(running)
      response.off('close', gone)
      this.#tellSoon()
    }
  }

  /** A few times a second at most. */
  #tellSoon(): void {
    this.#telling ??= setTimeout(() => {
      this.#telling = null
      this.#tell(this.state)
    }, tellEveryMs)
    this.#telling.unref()
  }
}

function modelObject({ id, choice, created }: ServedModel): object {
  return { id, object: 'model', created: created === null ? 0 : Math.floor(Date.parse(created) / 1000), owned_by: 're-control-studio', re_control: { method: choice.name, settings: choice.settings } }
}

function wrongMethod({ method }: IncomingMessage, right: string): ApiError {
  return new ApiError(405, `this takes ${right}, not ${method ?? 'that'}`, { code: 'method_not_supported' })
}

function decoded(id: string): string | null {
  try {
    return decodeURIComponent(id)
  } catch {
    return null
  }
}

/** What is no HTTP, or took too long. */
function refuseMalformed(error: Error & { code?: string }, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy()
  const [status, text] = error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? ['408 Request Timeout', 'the request took too long to arrive'] : error.code === 'HPE_HEADER_OVERFLOW' ? ['431 Request Header Fields Too Large', 'the headers are too long'] : ['400 Bad Request', 'this is not HTTP/1.1']
  const body = JSON.stringify(new ApiError(400, text).body)
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
}
