/** The local server through the official client of the OpenAI API, against the real engine with a tiny model. */
import OpenAI from 'openai'
import type { ChatCompletionChunk, ChatCompletionCreateParamsNonStreaming, ChatCompletionCreateParamsStreaming } from 'openai/resources/chat/completions'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { collectSettings } from '../../src-main/contract/collect.ts'
import type { ServerState } from '../../src-main/contract/server.ts'
import { generate } from '../../src-main/engine/control/generate.ts'
import { resolveMethod } from '../../src-main/engine/control/methods.ts'
import { Project } from '../../src-main/engine/project/project.ts'
import type { FinishedEvent } from '../../src-main/model-host/messages/generate.ts'
import { randomValueFunction } from '../fixtures/value-functions.ts'
import { drawn, openStudio, scoredPrompts, type Studio } from './studio.ts'

const D = 64
let studio: Studio
let values: [number, number]
let client: OpenAI
beforeAll(async () => {
  studio = await openStudio()
  const add = (seed: number, sizes: number[]): number =>
    studio.project.valueFunctions.add({
      name: `random ${seed}`, collection: null, source: 'imported', scale: 1, rewardMean: 0, rewardScale: 1, settings: null, bestEpoch: 0, curve: [], calibration: [], manifest: null, network: { inputDim: sizes[0]!, layers: randomValueFunction(seed, sizes) }
    })
  values = [add(3, [D, 1]), add(4, [D, 16, 1])]
  add(5, [D * 2, 16, 1]) // of another model
  const { port } = await studio.engine.server.start(0)
  client = new OpenAI({ baseURL: `http://127.0.0.1:${port}/v1`, apiKey: await studio.engine.server.token.get(), maxRetries: 0 })
})
afterAll(async () => {
  await studio.engine.server.stop()
  await studio.close()
})
// what a client that went away had asked for is gone a moment later
afterEach(() => until(() => studio.engine.server.state.active === 0))

const messages = [{ role: 'user' as const, content: 'why is it so?' }]
const sampled = { temperature: 0.9, top_p: 0.95, seed: 41, max_tokens: 12, deterministic: true }
type Own = { method?: string; settings?: object; value_function?: number; deterministic?: boolean }
type Figures = { method: string; settings: Record<string, unknown>; seed: number; value_before: number | null; value_after: number | null; edit: number | null; tokens_per_second: number | null }
const ask = (body: Partial<ChatCompletionCreateParamsNonStreaming> & Own = {}) => client.chat.completions.create({ model: 'base', messages, ...sampled, ...body } as ChatCompletionCreateParamsNonStreaming)
const stream = (body: Partial<ChatCompletionCreateParamsStreaming> & Own = {}, signal?: AbortSignal) => client.chat.completions.create({ model: 'base', messages, ...sampled, ...body, stream: true } as ChatCompletionCreateParamsStreaming, { signal })
const figuresOf = (choice: unknown): Figures => (choice as { re_control: Figures }).re_control

/** The engine's own answer, as the terminal's generate gets it. */
async function expected(name: string, settings: Record<string, unknown>, content = messages[0]!.content): Promise<FinishedEvent> {
  let finished: FinishedEvent | null = null
  await generate(studio.around, await studio.engine.models.use(studio.project), [{ key: 0, method: resolveMethod({ name, settings }), messages: [{ role: 'user', content }], seed: sampled.seed }], {
    maxTokens: sampled.max_tokens, parallel: 1, sampling: drawn, tokens: false, deterministic: true, onEvent: (event) => void (event.kind === 'finished' && (finished = event))
  })
  return finished!
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5))
}

const stateWhen = (holds: (state: ServerState) => boolean): Promise<void> => until(() => holds(studio.engine.server.state))

describe('models', () => {
  test('are the model, and each method that is ready, with each value function of this model', async () => {
    const ids = (await client.models.list()).data.map(({ id }) => id)
    expect(ids[0]).toBe('tiny')
    expect(ids).toEqual(expect.arrayContaining(['base', 'prompting', 're-control', `re-control:${values[0]}`, `re-control:${values[1]}`, 're-control+prompting', 'best-of-n']))
    expect(ids).toContain(`static-re:${values[0]}`)
    expect(ids).not.toContain(`static-re:${values[1]}`) // is not linear
    expect(ids.filter((id) => /:3$|lora|control-vector|^model/.test(id))).toEqual([]) // of another model's states; need files
    expect(new Set(ids).size).toBe(ids.length)
    expect(await client.models.retrieve('re-control+prompting')).toMatchObject({ id: 're-control+prompting', object: 'model', re_control: { method: 're-control+prompting', settings: { valueFunction: values[1] } } })
    await expect(client.models.retrieve('gpt-9')).rejects.toMatchObject({ status: 404, code: 'model_not_found' })
  })
})

describe('an answer', () => {
  test('is that of generate with the same seed and settings, to the bit, for base and for steered models', async () => {
    const base = await expected('base', {})
    const plain = await ask({ model: 'tiny' })
    expect(plain).toMatchObject({ object: 'chat.completion', model: 'tiny', choices: [{ index: 0, message: { role: 'assistant', content: base.text } }] })
    expect(plain.usage).toEqual({ prompt_tokens: base.promptTokens, completion_tokens: base.tokens.length, total_tokens: base.promptTokens + base.tokens.length })
    expect(figuresOf(plain.choices[0])).toMatchObject({ method: 'base', seed: 41, value_before: null, value_after: null, edit: null })

    const settings = { valueFunction: values[0], alpha: 3, updates: 8 }
    const steered = await expected('re-control', settings)
    expect(steered.text).not.toBe(base.text)
    for (const body of [
      { method: 're-control', value_function: values[0], settings: { alpha: 3, updates: 8 } },
      { model: `re-control:${values[0]}`, settings: { alpha: 3, updates: 8 } },
      { model: 're-control', settings }
    ]) {
      const { choices } = await ask(body)
      expect(choices[0]!.message.content).toBe(steered.text)
      const mean = (numbers: Float32Array): number => numbers.reduce((sum, n) => sum + n, 0) / numbers.length
      const { value_before, value_after, edit, settings: used } = figuresOf(choices[0])
      expect(value_before).toBeCloseTo(mean(steered.valueBefore), 5)
      expect(value_after).toBeCloseTo(mean(steered.valueAfter), 5)
      expect(value_after!).toBeGreaterThan(value_before!)
      expect(edit).toBeCloseTo(mean(steered.edits), 5)
      expect(used).toMatchObject({ ...settings, maxEdit: null })
    }
    expect(figuresOf((await ask({ model: 're-control' })).choices[0]).settings).toMatchObject({ valueFunction: values[1] }) // the newest of this model
  })

  test('streamed is the same, with the role first, the figures and the reason at the end, and usage when it is asked for', async () => {
    const { text, tokens, promptTokens } = await expected('re-control', { valueFunction: values[1] })
    const chunks: ChatCompletionChunk[] = []
    for await (const chunk of await stream({ model: `re-control:${values[1]}`, stream_options: { include_usage: true } })) chunks.push(chunk)
    expect(chunks[0]).toMatchObject({ object: 'chat.completion.chunk', choices: [{ index: 0, delta: { role: 'assistant' }, finish_reason: null }], usage: null })
    expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toBe(text)
    expect(chunks.length).toBeGreaterThan(4)
    const [last, usage] = chunks.slice(-2)
    expect(last!.choices[0]!.finish_reason).toMatch(/stop|length/)
    expect(figuresOf(last!.choices[0]).value_after).toEqual(expect.any(Number))
    expect(usage).toMatchObject({ choices: [], usage: { prompt_tokens: promptTokens, completion_tokens: tokens.length } })
    const plain: ChatCompletionChunk[] = []
    for await (const chunk of await stream()) plain.push(chunk)
    expect(plain.every((chunk) => !('usage' in chunk))).toBe(true)
  })

  test('of a prompting method, of best-of-n, of a system message and of parts of text', async () => {
    const { text } = await expected('prompting', { instruction: 'Be good.' })
    expect((await ask({ method: 'prompting', settings: { instruction: 'Be good.' } })).choices[0]!.message.content).toBe(text)
    expect((await ask({ messages: [{ role: 'system', content: 'Be good.' }, { role: 'user', content: [{ type: 'text', text: 'why is ' }, { type: 'text', text: 'it so?' }] }] })).choices[0]!.message.content).toBe(text)
    expect((await ask({ messages: [{ role: 'developer', content: 'Be good.' }, ...messages] })).choices[0]!.message.content).toBe(text)
    const best = await ask({ method: 'best-of-n', settings: { candidates: 3 } })
    expect(best.choices[0]!.message.content!.length).toBeGreaterThan(0)
  })

  test('several at once have seeds of their own, which give each of them again', async () => {
    const { choices, usage } = await ask({ n: 3 })
    expect(choices.map(({ index }) => index)).toEqual([0, 1, 2])
    expect(new Set(choices.map(({ message }) => message.content)).size).toBeGreaterThan(1)
    expect(choices[0]!.message.content).toBe((await expected('base', {})).text)
    expect(usage!.completion_tokens).toBeGreaterThan(24)
    const { seed } = figuresOf(choices[2])
    expect((await ask({ seed })).choices[0]!.message.content).toBe(choices[2]!.message.content)
    const heard = ['', '', '']
    for await (const { choices: some } of await stream({ n: 3 })) for (const { index, delta } of some) heard[index] += delta.content ?? ''
    expect(heard).toEqual(choices.map(({ message }) => message.content))
  })

  test('ends before a stop string, also one that comes in pieces, and never tells its beginning', async () => {
    const { text } = await expected('base', {})
    const stop = text.slice(5, 11)
    const until = text.slice(0, text.indexOf(stop))
    const { choices, usage } = await ask({ stop: ['never said', stop] })
    expect(choices[0]).toMatchObject({ message: { content: until }, finish_reason: 'stop' })
    expect(usage!.completion_tokens).toBeLessThan(12)
    const pieces: string[] = []
    for await (const { choices: [choice] } of await stream({ stop })) pieces.push(choice?.delta.content ?? '')
    expect(pieces.join('')).toBe(until)
    expect((await ask({ stop: `${text}!` })).choices[0]!.message.content).toBe(text) // what was held back is told
  })

  test('of a raw prompt is not templated', async () => {
    const { choices, usage } = await client.completions.create({ model: 'base', prompt: 'the good', ...sampled })
    expect(usage!.prompt_tokens).toBeLessThan((await ask()).usage!.prompt_tokens)
    let text = ''
    for await (const chunk of await client.completions.create({ model: 'base', prompt: 'the good', ...sampled, stream: true })) text += chunk.choices[0]?.text ?? ''
    expect(text).toBe(choices[0]!.text)
    await expect(client.completions.create({ model: 'prompting', prompt: 'the good' })).rejects.toMatchObject({ status: 400 })
  })
})

describe('what cannot be', () => {
  const cases: [string, object, object][] = [
    ['an unknown model', { model: 'gpt-9' }, { status: 404, code: 'model_not_found', param: 'model' }],
    ['an unknown method', { method: 'magic' }, { status: 400, param: 'method' }],
    ['a value function that is not there', { method: 're-control', value_function: 99 }, { status: 404 }],
    ['one of another model', { method: 're-control', value_function: 3 }, { status: 400, message: expect.stringContaining('belongs to another model') }],
    ['a value function for base', { value_function: 1 }, { status: 400, param: 'value_function' }],
    ['an unknown setting', { method: 're-control', settings: { alfa: 1 } }, { status: 400, param: 'settings', message: expect.stringContaining('alpha') }],
    ['a setting out of its range', { method: 're-control', settings: { alpha: 1000 } }, { status: 400, param: 'alpha' }],
    ['a file', { method: 'lora', settings: { loraFile: '/etc/passwd' } }, { status: 400, message: expect.stringContaining('may not choose') }],
    ['another model', { method: 'model', settings: { modelFile: '/etc/passwd' } }, { status: 400, message: expect.stringContaining('may not choose') }],
    ['tools', { tools: [{ type: 'function', function: { name: 'f' } }] }, { status: 400, param: 'tools', code: 'unsupported_parameter' }],
    ['log probabilities', { logprobs: true }, { status: 400, param: 'logprobs' }],
    ['penalties', { frequency_penalty: 0.5 }, { status: 400, param: 'frequency_penalty' }],
    ['JSON mode', { response_format: { type: 'json_object' } }, { status: 400, param: 'response_format' }],
    ['images', { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:,' } }] }] }, { status: 400, message: expect.stringContaining('image_url') }],
    ['results of tools', { messages: [{ role: 'tool', content: 'x', tool_call_id: 'y' }] }, { status: 400, message: expect.stringContaining('role tool') }],
    ['no messages', { messages: [] }, { status: 400, param: 'messages' }],
    ['a hot temperature', { temperature: 9 }, { status: 400, param: 'temperature' }],
    ['too many answers', { n: 100 }, { status: 400, param: 'n' }],
    ['too long a prompt', { messages: [{ role: 'user', content: 'good '.repeat(5000) }] }, { status: 400, code: 'context_length_exceeded' }]
  ]
  test.each(cases)('%s is refused by name, streamed or not', async (_name, body, error) => {
    await expect(ask(body)).rejects.toMatchObject(error)
    await expect(stream(body)).rejects.toMatchObject(error)
  })

  test('fields that change nothing are ignored', async () => {
    const text = (await ask()).choices[0]!.message.content
    const more = { user: 'me', metadata: { a: 'b' }, store: false, tools: [], tool_choice: 'none', logprobs: false, frequency_penalty: 0, response_format: { type: 'text' }, modalities: ['text'], stop: null, unheard_of: { of: [] } }
    expect((await ask(more as object)).choices[0]!.message.content).toBe(text)
  })

  test('without the token, or with another one, or with the one before', async () => {
    for (const apiKey of ['wrong', `${client.apiKey}x`, client.apiKey!.slice(0, -1)]) {
      await expect(new OpenAI({ baseURL: client.baseURL, apiKey, maxRetries: 0 }).models.list()).rejects.toMatchObject({ status: 401, code: 'invalid_api_key' })
    }
    const before = client
    client = new OpenAI({ baseURL: client.baseURL, apiKey: await studio.engine.server.token.renew(), maxRetries: 0 })
    await expect(before.models.list()).rejects.toMatchObject({ status: 401 })
    expect((await client.models.list()).data.length).toBeGreaterThan(2)
  })
})

describe('clients', () => {
  test('sixteen share the batches, and none is left behind', async () => {
    const wanted = 120
    const heard = Array.from({ length: 16 }, () => 0)
    let behind: number[] | null = null
    const streams = heard.map(async (_, i) => {
      for (let round = 0; heard[i]! < wanted; round++) {
        for await (const { choices } of await stream({ deterministic: false, seed: 100 * i + round, max_tokens: 24, ...(i % 4 === 0 && { method: 're-control', value_function: values[1] }) })) heard[i]! += choices.length
      }
      behind ??= [...heard]
    })
    await Promise.all(streams)
    expect(Math.min(...behind!)).toBeGreaterThan(wanted / 3) // pieces, when the first was through
  })

  test('do not keep a collection from its places, nor it them from theirs', async () => {
    const dataset = await studio.importRows(scoredPrompts(100))
    const { id } = studio.engine.jobs.start('collect', collectSettings.parse({ dataset, maxTokens: 48, parallel: 64, sampling: drawn }))
    const responses = (): number => studio.engine.jobs.list().find((job) => job.id === id)!.done
    const answered = Array.from({ length: 16 }, () => 0)
    let going = true
    const clients = answered.map(async (_, i) => {
      for (let round = 0; going; round++) {
        await ask({ deterministic: false, seed: 1000 * i + round, max_tokens: 6 })
        answered[i]!++
      }
    })
    await until(() => responses() > 8)
    const before = [...answered]
    const { state, done } = await studio.engine.jobs.finished(id)
    going = false
    expect({ state, done }).toEqual({ state: 'done', done: 100 })
    expect(Math.min(...answered.map((count, i) => count - before[i]!))).toBeGreaterThanOrEqual(1)
    await Promise.all(clients)
  })

  test('that go away end their answers at once, streamed or not', async () => {
    const { failed } = studio.engine.server.state
    const abort = new AbortController()
    const chunks = await stream({ max_tokens: 1900, deterministic: false }, abort.signal)
    for await (const { choices } of chunks) {
      if (choices[0]?.delta.content) break // the client closes the connection
    }
    await stateWhen((state) => state.active === 0 && state.failed === failed + 1)

    const late = new AbortController()
    const waiting = client.chat.completions.create({ model: 'base', messages, max_tokens: 1900, seed: 4 }, { signal: late.signal })
    waiting.catch(() => {})
    await stateWhen(({ active }) => active === 1)
    late.abort()
    await expect(waiting).rejects.toThrow(/abort/i)
    await stateWhen((state) => state.active === 0 && state.failed === failed + 2)
    const host = await studio.engine.models.use(studio.project)
    await until(() => !host.busy)
  })

  test('get an error event when the model dies under their stream, a 503 without one, and an answer the next time', async () => {
    const chunks = await stream({ max_tokens: 1900, deterministic: false })
    const plain = ask({ max_tokens: 1900, deterministic: false })
    plain.catch(() => {})
    let heard = ''
    await expect(async () => {
      for await (const { choices } of chunks) {
        if (heard === '') await stateWhen(({ active }) => active === 2)
        heard += choices[0]?.delta.content ?? ''
        if (heard !== '') studio.killHost()
      }
    }).rejects.toThrow(/model's process/)
    expect(heard).not.toBe('')
    await expect(plain).rejects.toMatchObject({ status: 503, code: 'model_host_exited' })
    expect((await ask()).choices[0]!.message.content).toBe((await expected('base', {})).text)
  })

  test('beyond what can wait are told to come again', async () => {
    const abort = new AbortController()
    const many = Array.from({ length: 16 }, () => client.chat.completions.create({ model: 'base', messages, max_tokens: 1000, n: 8 }, { signal: abort.signal }).catch(() => {}))
    await stateWhen(({ active }) => active === 128)
    await expect(ask()).rejects.toMatchObject({ status: 429, type: 'rate_limit_error' })
    abort.abort()
    await Promise.all(many)
  })
})

describe('starting and stopping', () => {
  test('lets answers end, refuses others meanwhile, is reached again on the port of before, and tells so', async () => {
    const { server } = studio.engine
    const { port } = server.state
    await expect(server.start(null)).rejects.toMatchObject({ code: 'busy' })
    const answer = ask({ max_tokens: 40 })
    await stateWhen(({ active }) => active === 1)
    expect(await server.stop()).toMatchObject({ running: false, active: 0 })
    expect((await answer).choices.length).toBe(1)
    await expect(ask()).rejects.toThrow(/connection/i)
    expect(await server.start(port)).toMatchObject({ running: true, port, served: 0 })
    await server.stop()
    expect(await server.start(null)).toMatchObject({ port }) // remembered
    client = new OpenAI({ baseURL: client.baseURL, apiKey: client.apiKey }) // tries again where its old connection was closed
    expect((await ask()).choices.length).toBe(1)
    await until(() => studio.events.some(({ event, payload }) => event === 'server' && payload.served === 1))
    expect(JSON.stringify(studio.events)).not.toContain(client.apiKey)
  })

  test('without a project it says so, and goes on with the next one', async () => {
    const { path } = studio.project.summary()
    await studio.engine.close()
    await expect(new OpenAI({ baseURL: client.baseURL, apiKey: client.apiKey, maxRetries: 0 }).models.list()).rejects.toMatchObject({ status: 503, code: 'no_project' })
    studio.project = await studio.engine.open(() => Project.open(path))
    studio.around.project = studio.project
    expect((await ask()).choices.length).toBe(1)
  })
})
