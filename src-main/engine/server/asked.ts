/**
 * What a client may ask, in the words of the OpenAI API and a few of our own. Unknown fields are ignored; what is known
 * there and cannot be done here is refused by name, so that nobody believes that it was.
 */
import { randomInt } from 'node:crypto'
import { z } from 'zod'
import type { Message } from '../../contract/data.ts'
import { chosenSettings, id, sampling, type Sampling } from '../../contract/shared.ts'
import { ApiError } from './api-error.ts'

/** of an answer where the client names no limit */
const usualTokens = 512
const mostTokens = 4096

export interface Asked {
  /** a conversation, or a raw prompt */
  prompt: { messages: Message[] } | { text: string }
  model: string | null
  method: string | null
  valueFunction: number | null
  settings: Record<string, unknown>
  sampling: Sampling
  maxTokens: number
  seed: number
  /** answers wanted */
  count: number
  stops: string[]
  deterministic: boolean
  stream: boolean
  includeUsage: boolean
}

const shared = z.object({
  model: z.string().max(500).nullish(),
  method: z.string().max(200).nullish(),
  value_function: id.nullish(),
  settings: chosenSettings.nullish(),
  max_tokens: z.int().min(1).nullish(),
  temperature: sampling.shape.temperature.unwrap().nullish(),
  top_p: sampling.shape.topP.unwrap().nullish(),
  top_k: sampling.shape.topK.unwrap().nullish(),
  min_p: sampling.shape.minP.unwrap().nullish(),
  seed: z.int().nullish(),
  n: z.int().min(1).max(8).nullish(),
  stop: z.union([z.string(), z.array(z.string()).max(4, 'at most 4 stop strings')]).nullish(),
  deterministic: z.boolean().nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish()
})

const roles: Record<string, Message['role']> = { system: 'system', developer: 'system', user: 'user', assistant: 'assistant' }

const content = z.union([z.string(), z.array(z.looseObject({ type: z.string(), text: z.string().optional() })).min(1)], 'a content is a text or a list of parts').transform((parts, context) => {
  if (typeof parts === 'string') return parts
  const other = parts.find(({ type, text }) => type !== 'text' || text === undefined)
  if (other === undefined) return parts.map(({ text }) => text).join('')
  context.addIssue(other.type === 'text' ? 'a part of type text needs a text' : `parts of type ${other.type.slice(0, 40)} are not supported: this model reads text only`)
  return z.NEVER
})

const role = z.string().transform((name, context) => {
  const known = Object.hasOwn(roles, name) ? roles[name] : undefined
  if (known !== undefined) return known
  context.addIssue(`messages of the role ${name.slice(0, 40)} are not supported: there are ${Object.keys(roles).join(', ')}`)
  return z.NEVER
})

const chat = shared.extend({ messages: z.array(z.object({ role, content })).min(1), max_completion_tokens: z.int().min(1).nullish() })
const raw = shared.extend({ prompt: z.union([z.string().min(1), z.tuple([z.string().min(1)])], 'a prompt is one text; token numbers and several prompts are not supported') })

const filled = (value: unknown): boolean => (typeof value === 'object' && value !== null ? Object.keys(value).length > 0 : value !== undefined && value !== null && value !== false && value !== 0)
/** Fields of the API that would change the answer, and whether this value of theirs would. */
const unsupported: Record<string, (value: unknown) => boolean> = {
  tools: filled, functions: filled, audio: filled, prediction: filled, logit_bias: filled, web_search_options: filled,
  logprobs: filled, top_logprobs: filled, frequency_penalty: filled, presence_penalty: filled, echo: filled, suffix: filled,
  tool_choice: (value) => filled(value) && value !== 'none' && value !== 'auto',
  function_call: (value) => filled(value) && value !== 'none' && value !== 'auto',
  modalities: (value) => filled(value) && !(Array.isArray(value) && value.every((one) => one === 'text')),
  response_format: (value) => filled(value) && (value as { type?: unknown }).type !== 'text',
  best_of: (value) => filled(value) && value !== 1
}

/** @throws ApiError 400, or ZodError */
export function askedOfChat(body: unknown): Asked {
  refuseUnsupported(body)
  const { messages, max_completion_tokens, ...input } = chat.parse(body)
  return asked({ ...input, max_tokens: max_completion_tokens ?? input.max_tokens }, { messages })
}

/** @throws ApiError 400, or ZodError */
export function askedOfPrompt(body: unknown): Asked {
  refuseUnsupported(body)
  const { prompt, ...input } = raw.parse(body)
  return asked(input, { text: typeof prompt === 'string' ? prompt : prompt[0] })
}

function asked(input: z.output<typeof shared>, prompt: Asked['prompt']): Asked {
  const { model, method, value_function, settings, max_tokens, temperature, top_p, top_k, min_p, seed, n, stop, deterministic, stream, stream_options } = input
  return {
    prompt,
    model: model ?? null,
    method: method ?? null,
    valueFunction: value_function ?? null,
    settings: settings ?? {},
    sampling: sampling.parse({ temperature: temperature ?? undefined, topP: top_p ?? undefined, topK: top_k ?? undefined, minP: min_p ?? undefined }),
    maxTokens: Math.min(max_tokens ?? usualTokens, mostTokens),
    // any whole number is a seed there; ours have 32 bits
    seed: seed === undefined || seed === null ? randomInt(0xffffffff) : Number(BigInt.asUintN(32, BigInt(seed))),
    count: n ?? 1,
    stops: (typeof stop === 'string' ? [stop] : (stop ?? [])).filter((text) => text !== ''),
    deterministic: deterministic ?? false,
    stream: stream ?? false,
    includeUsage: stream_options?.include_usage ?? false
  }
}

/** @throws ApiError 400 */
function refuseUnsupported(body: unknown): void {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw new ApiError(400, 'the body is not a JSON object')
  for (const [name, changes] of Object.entries(unsupported)) {
    if (Object.hasOwn(body, name) && changes((body as Record<string, unknown>)[name])) throw new ApiError(400, `${name} is not supported by this server`, { param: name, code: 'unsupported_parameter' })
  }
}
