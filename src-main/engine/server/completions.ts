/** POST /v1/chat/completions and /v1/completions: the answers as one object, or as a stream of events. */
import { randomUUID } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import type { MethodChoice } from '../../contract/control.ts'
import { responseSeed } from '../collect/seed.ts'
import type { ResolvedMethod } from '../control/methods.ts'
import type { HostClient } from '../models/host-client.ts'
import { answerOne, type Answer, type Serving } from './answer.ts'
import { ApiError, toApiError } from './api-error.ts'
import type { Asked } from './asked.ts'
import { chosenMethod, nameOf, type ServedFacts } from './served-models.ts'

interface Shape {
  object: string
  chunk: string
  prefix: string
  /** one choice of a whole answer, of a piece of one, and the piece that a stream may begin with */
  whole(text: string): object
  piece(text: string): object
  begin: object | null
}

const shapes = {
  chat: {
    object: 'chat.completion', chunk: 'chat.completion.chunk', prefix: 'chatcmpl-',
    whole: (content) => ({ message: { role: 'assistant', content, refusal: null } }),
    piece: (content) => ({ delta: { content } }),
    begin: { delta: { role: 'assistant', content: '' } }
  },
  raw: {
    object: 'text_completion', chunk: 'text_completion', prefix: 'cmpl-',
    whole: (text) => ({ text }),
    piece: (text) => ({ text }),
    begin: null
  }
} satisfies Record<string, Shape>

/** Writes the answer to `response`. @throws what goes wrong; a stream that has begun has told it and ended */
export async function complete(kind: keyof typeof shapes, serving: Serving, asked: Asked, facts: ServedFacts, usual: MethodChoice, response: ServerResponse, signal: AbortSignal): Promise<void> {
  const shape: Shape = shapes[kind]
  const { project, models } = serving
  const method = chosenMethod(asked, project, facts, usual)
  if ('text' in asked.prompt && changesPrompt(method)) throw new ApiError(400, `${method.name} changes the conversation or judges answers to one: ask for it with /v1/chat/completions`, { param: 'method' })
  if (method.model !== null) throw new ApiError(400, "another model's answers are not served: choose it as the project's model", { param: 'method' })
  const host = await models.use(project)
  const { promptTokens, maxTokens } = await room(host, method, asked, facts)
  const about = { id: `${shape.prefix}${randomUUID().replaceAll('-', '')}`, created: Math.floor(Date.now() / 1000), model: asked.model ?? nameOf(facts.file), system_fingerprint: host.loaded.build }
  const seeds = Array.from({ length: asked.count }, (_, i) => (i === 0 ? asked.seed : responseSeed(asked.seed, 0, i)))
  const usageOf = (answers: Answer[]): object => {
    const tokens = answers.reduce((sum, one) => sum + one.tokens, 0)
    return { prompt_tokens: promptTokens, completion_tokens: tokens, total_tokens: promptTokens + tokens }
  }
  // when one of several answers fails, the others are of no use
  const failed = new AbortController()
  const both = AbortSignal.any([signal, failed.signal])
  const all = (tell: (index: number, text: string) => void, end: (index: number, answer: Answer) => void = () => {}): Promise<Answer[]> =>
    settled(seeds.map(async (seed, index) => {
      const answer = await answerOne(serving, host, method, asked, maxTokens, seed, both, (text) => tell(index, text))
      end(index, answer)
      return answer
    }), failed)

  if (!asked.stream) {
    const answers = await all(() => {})
    const choices = answers.map(({ text, finish, figures }, index) => ({ index, ...shape.whole(text), logprobs: null, finish_reason: finish, re_control: figures }))
    return json(response, 200, { ...about, object: shape.object, choices, usage: usageOf(answers) })
  }
  const chunk = (choices: object[], usage: object | null): void => {
    if (!response.headersSent) response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store', 'X-Accel-Buffering': 'no' })
    response.write(`data: ${JSON.stringify({ ...about, object: shape.chunk, choices, ...(asked.includeUsage && { usage }) })}\n\n`)
  }
  const begun = new Set<number>()
  const begin = (index: number): void => {
    if (begun.has(index)) return
    begun.add(index)
    if (shape.begin !== null) chunk([{ index, ...shape.begin, logprobs: null, finish_reason: null }], null)
  }
  try {
    const answers = await all(
      (index, text) => {
        begin(index)
        chunk([{ index, ...shape.piece(text), logprobs: null, finish_reason: null }], null)
      },
      (index, { finish, figures }) => {
        begin(index)
        chunk([{ index, ...(shape.begin === null ? shape.piece('') : { delta: {} }), logprobs: null, finish_reason: finish, re_control: figures }], null)
      }
    )
    if (asked.includeUsage) chunk([], usageOf(answers))
    response.end('data: [DONE]\n\n')
  } catch (error) {
    // once the status is told, what remains is an event that clients raise as an error
    if (response.headersSent) response.end(`data: ${JSON.stringify(toApiError(error).body)}\n\n`)
    throw error
  }
}

export function json(response: ServerResponse, status: number, body: object, headers: Record<string, string> = {}): void {
  const text = JSON.stringify(body)
  response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8', 'Content-Length': Buffer.byteLength(text), 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff', ...headers })
  response.end(text)
}

/** Whether a method needs the conversation as such. */
function changesPrompt(method: ResolvedMethod): boolean {
  const probe = [{ role: 'user' as const, content: '' }]
  return method.messages(probe) !== probe || method.candidates !== null || method.search?.by === 'reward'
}

/** How many tokens the prompt has, and the answer may have. @throws ApiError 400 where there is no room for one */
async function room(host: HostClient, method: ResolvedMethod, { prompt, maxTokens }: Asked, { contextLength }: ServedFacts): Promise<{ promptTokens: number; maxTokens: number }> {
  const rendered = await host.request('render', { prompt: 'text' in prompt ? prompt : { messages: method.messages(prompt.messages) } }).catch((error: unknown) => {
    const { status, message } = toApiError(error)
    throw status === 500 ? new ApiError(400, `the model's chat template does not take these messages: ${error instanceof Error ? error.message : message}`, { param: 'messages' }) : error
  })
  const limit = Math.min(contextLength, host.loaded.contextTokens)
  const left = limit - rendered.tokens
  if (left < 1) throw new ApiError(400, `the prompt has ${rendered.tokens} tokens, and this model's context ${limit}`, { param: 'text' in prompt ? 'prompt' : 'messages', code: 'context_length_exceeded' })
  return { promptTokens: rendered.tokens, maxTokens: Math.min(maxTokens, left) }
}

/** All of them, or the first failure once all have ended. */
async function settled<T>(answers: Promise<T>[], failed: AbortController): Promise<T[]> {
  let failure: { error: unknown } | null = null
  const ended = await Promise.all(answers.map((one) => one.catch((error: unknown) => {
    failure ??= { error }
    failed.abort(error)
    return null
  })))
  if (failure !== null) throw (failure as { error: unknown }).error
  return ended as T[]
}
