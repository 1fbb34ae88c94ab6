/** What a response may and may not notice of its neighbours: shared prompts, a deterministic mode, states that are not finite. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { GenerationRequest } from '../../src-main/model-host/messages/generate.ts'
import type { Prompt } from '../../src-main/model-host/messages/model.ts'
import { relativeError } from '../fixtures/batches.ts'
import { floats, generateOn, greedy, lively, loadHost, prefillOn, question, type Host } from '../fixtures/hosts.ts'
import { writeTinyModel, type TinyModelOptions } from '../fixtures/tiny-model.ts'

const folder = mkdtempSync(join(tmpdir(), 'scheduling-test-'))
const sequences = 16
let files = 0
const hostOf = (model: TinyModelOptions = {}, changes = {}): Promise<Host> => {
  const file = join(folder, `${files++}.gguf`)
  writeTinyModel(file, model)
  return loadHost(file, { sequences, contextTokens: 2048, ...changes })
}

let host: Host
beforeAll(async () => {
  host = await hostOf()
})
afterAll(() => rmSync(folder, { recursive: true }))

const request = (key: number, changes: Partial<GenerationRequest> = {}): GenerationRequest => ({
  key, prompt: question(`why is it ${key}?`), sampling: greedy, seed: 100 + key, maxTokens: 12, control: null, ...changes
})
const tokensOf = ({ finished }: Awaited<ReturnType<typeof generateOn>>): number[][] => finished.map(({ tokens }) => [...tokens])

const instruction = 'be kind and helpful to good people, and think of all the ways in which they may ask about the world before you answer'
const together = (content: string): Prompt => ({ messages: [{ role: 'system', content: instruction }, { role: 'user', content }] })
const instructed = (count: number): GenerationRequest[] => Array.from({ length: count }, (_, key) => request(key, { prompt: together(`why is it ${key}?`) }))

describe('prompts that begin alike', () => {
  test('are decoded once, and give the tokens and states that they give one at a time', async () => {
    const alone = await generateOn(host, instructed(6), { parallel: 1 })
    const shared = await generateOn(host, instructed(6), { parallel: 6 })
    expect(tokensOf(shared)).toEqual(tokensOf(alone))
    for (const [i, { states }] of shared.finished.entries()) expect(relativeError(floats(states!), floats(alone.finished[i]!.states!))).toBeLessThan(5e-3)
    const prompts = alone.finished.reduce((sum, { promptTokens }) => sum + promptTokens, 0)
    expect(alone.totals).toMatchObject({ promptTokens: prompts, sharedTokens: 0 })
    expect(shared.totals.promptTokens + shared.totals.sharedTokens).toBe(prompts)
    expect(shared.totals.promptTokens).toBeLessThan(prompts / 2)
  })

  test('the samples of one prompt cost it once, but for the last token of each', async () => {
    const samples = [0, 1, 2, 3].map((key) => request(key, { prompt: together('why?'), sampling: lively }))
    const { finished, totals } = await generateOn(host, samples)
    expect(totals).toMatchObject({ promptTokens: finished[0]!.promptTokens + 3, sharedTokens: 3 * (finished[0]!.promptTokens - 1) })
    expect(new Set(finished.map(({ tokens }) => tokens.join())).size).toBeGreaterThan(1)
    expect(tokensOf(await generateOn(host, samples, { parallel: 1 }))).toEqual(tokensOf(await generateOn(host, samples)))
  })

  test('those of one prompt, settings and seed are the same to the bit, as the panes of a chat whose method changes nothing', async () => {
    const panes = [0, 1, 2].map((key) => request(key, { prompt: together('why?'), sampling: lively, seed: 7, maxTokens: 24 }))
    const { finished } = await generateOn(host, panes)
    const [first, ...others] = finished
    for (const other of others) {
      expect(other.tokens).toEqual(first!.tokens)
      expect(other.states).toEqual(first!.states)
    }
  })

  test('short beginnings are not worth it', async () => {
    const { totals } = await generateOn(host, [request(0, { prompt: { text: 'love' } }), request(1, { prompt: { text: 'love you' } })])
    expect(totals.sharedTokens).toBe(0)
  })

  test('a follower goes on when the one it follows is through, also as the leader of others', async () => {
    const requests = [request(0, { prompt: together('why?'), maxTokens: 1 }), ...instructed(9).slice(1)]
    const alone = await generateOn(host, requests, { parallel: 1 })
    const shared = await generateOn(host, requests, { parallel: 3 })
    expect(tokensOf(shared)).toEqual(tokensOf(alone))
    expect(shared.totals.sharedTokens).toBeGreaterThan(5 * 20)
  })

  test('a cancelled leader takes nothing from those of another call', async () => {
    const long = { text: `${'the good people know no love and '.repeat(120)}` } // two steps of prompt
    const expected = await generateOn(host, [request(1, { prompt: { text: `${long.text}why?` } })])
    const abort = new AbortController()
    const first = generateOn(host, [request(0, { prompt: long, maxTokens: 100 })], { signal: abort.signal })
    const second = generateOn(host, [request(1, { prompt: { text: `${long.text}why?` } })])
    await new Promise((resolve) => setImmediate(resolve))
    abort.abort()
    await expect(first).rejects.toMatchObject({ code: 'cancelled' })
    expect(tokensOf(await second)).toEqual(tokensOf(expected))
  })

  test('a chat\'s prompt does not wait for those of a collection', async () => {
    const long = (key: number) => request(key, { prompt: { text: `${key} ${'good people '.repeat(150)}` }, maxTokens: 4 })
    const collection = generateOn(host, [0, 1, 2, 3].map(long))
    await new Promise((resolve) => setImmediate(resolve))
    const { totals } = await generateOn(host, [request(0, { prompt: { text: `why ${'know '.repeat(400)}` }, maxTokens: 1 })])
    expect(totals.steps).toBeLessThanOrEqual(2) // the step that was under way, and its own
    expect((await collection).finished.length).toBe(4)
  })

  test('shared cells count once: more responses fit into the context at once', async () => {
    const small = await hostOf({}, { contextTokens: 512, batchTokens: 512 })
    const prompt = { text: 'the good people know no love and '.repeat(50) } // 350 tokens
    const { totals, finished } = await generateOn(small, [0, 1, 2, 3, 4, 5].map((key) => request(key, { prompt })))
    expect(finished[0]!.promptTokens).toBeGreaterThan(300)
    expect(finished.length).toBe(6)
    expect(totals.steps).toBeLessThan(3 * 12)
  })
})

describe('requests of the local server', () => {
  const served = (key: number, changes: Partial<GenerationRequest> = {}) => generateOn(host, [request(key, { sampling: lively, maxTokens: 6, ...changes })], { served: true, parallel: 1, states: false })

  test('begin in the order in which they came, the long prompt too', async () => {
    const begun: number[] = []
    // more than can run at once, and prompts that fill every step
    const all = Array.from({ length: 40 }, async (_, key) => {
      const text = `${key} ${'good people '.repeat(key === 5 ? 180 : 12)}`
      const { events } = await generateOn(host, [request(key, { prompt: { text }, maxTokens: 4 })], {
        served: true, parallel: 1, states: false, onEvent: ({ kind }) => void (kind === 'token' && !begun.includes(key) && begun.push(key))
      })
      return events.length
    })
    await Promise.all(all)
    expect(begun.indexOf(5)).toBeLessThan(sequences) // not behind those that came later and are shorter
    for (const [at, key] of begun.entries()) expect(Math.abs(at - key)).toBeLessThan(2 * sequences)
    expect(Math.max(...begun.slice(0, sequences))).toBeLessThan(2 * sequences)
  })

  test('and a collection share the places: each side goes on while the other does, whichever came first', async () => {
    const order: string[] = []
    const mark = (side: string) => ({ onEvent: ({ kind }: { kind: string }): void => void (kind === 'finished' && order.push(side)) })
    const flood = (): Promise<unknown>[] => Array.from({ length: 60 }, (_, key) => generateOn(host, [request(key, { maxTokens: 6 })], { served: true, parallel: 1, states: false, ...mark('served') }))
    const collection = (): Promise<unknown> => generateOn(host, Array.from({ length: 60 }, (_, key) => request(key, { maxTokens: 6 })), { parallel: sequences, ...mark('own') })
    for (const begin of [() => [collection(), ...flood()], () => [...flood(), collection()]]) {
      order.length = 0
      await Promise.all(begin())
      const early = order.slice(sequences, 60) // once the first have made room
      const share = early.filter((side) => side === 'served').length / early.length
      expect(share).toBeGreaterThan(0.25)
      expect(share).toBeLessThan(0.75)
    }
  })

  test('do not make a chat wait for more than a place', async () => {
    const flood = Array.from({ length: 60 }, (_, key) => served(key))
    let left = flood.length
    for (const one of flood) void one.then(() => left--)
    await new Promise((resolve) => setImmediate(resolve))
    await generateOn(host, [request(99, { maxTokens: 6 })])
    expect(left).toBeGreaterThan(20)
    await Promise.all(flood)
  })

  test('that must run alone get their turn among others, and the same tokens as ever', async () => {
    const expected = await generateOn(host, [request(1, { sampling: lively })], { deterministic: true })
    const flood = Array.from({ length: 30 }, (_, key) => served(key))
    const alone = await generateOn(host, [request(1, { sampling: lively })], { deterministic: true, served: true, parallel: 1 })
    expect(tokensOf(alone)).toEqual(tokensOf(expected))
    await Promise.all(flood)
  })
})

describe('deterministic', () => {
  const requests = Array.from({ length: 10 }, (_, key) => request(key, { sampling: lively, prompt: together(`why is it ${'so '.repeat(key)}?`) }))
  const bitsOf = ({ finished }: Awaited<ReturnType<typeof generateOn>>) => finished.map(({ tokens, states }) => ({ tokens: [...tokens], states: [...states!] }))

  test('the same bits one at a time, sixteen at once, in part, and beside a chat', async () => {
    const one = await generateOn(host, requests, { parallel: 1, deterministic: true })
    const many = await generateOn(host, requests, { parallel: 16, deterministic: true })
    expect(bitsOf(many)).toEqual(bitsOf(one))
    expect(many.totals.sharedTokens).toBe(0)

    const rest = await generateOn(host, requests.slice(7), { parallel: 16, deterministic: true })
    expect(bitsOf(rest)).toEqual(bitsOf(one).slice(7))

    const chats: Promise<unknown>[] = []
    let heard = 0
    const beside = await generateOn(host, requests, {
      parallel: 16,
      deterministic: true,
      onEvent: ({ kind }) => {
        if (kind === 'token' && ++heard % 15 === 0) chats.push(generateOn(host, [request(99, { prompt: together('who?') })]))
      }
    })
    expect(chats.length).toBeGreaterThan(3)
    await Promise.all(chats)
    expect(bitsOf(beside)).toEqual(bitsOf(one))
  })

  test('reading given responses too', async () => {
    const given = [0, 1, 2, 3].map((key) => ({ key, prompt: together(`why ${key}?`), response: 'the good people know', maxTokens: 50 }))
    const one = await prefillOn(host, given.slice(3), { deterministic: true })
    const many = await prefillOn(host, given, { deterministic: true })
    expect(many.finished[3]!.states).toEqual(one.finished[0]!.states)
  })
})

describe('states that are not finite', () => {
  test('end their own response with a reason that names the token; the others go on as if it had not been there', async () => {
    const requests = [0, 1, 2, 3, 4, 5].map((key) => request(key, { maxTokens: 20 }))
    const whole = await generateOn(host, requests)
    const responses = tokensOf(whole)
    // a token that one response draws somewhere in its midst, and no other response or prompt has
    const of = (broken: number): number[] => responses.flatMap((tokens, i) => (tokens.includes(broken) ? [i] : []))
    const [victim, at] = responses.flatMap((tokens, i) => tokens.flatMap((token, t) => (t > 2 && t < 16 && of(token).length === 1 && tokens.indexOf(token) === t ? [[i, t] as const] : [])))[0]!
    const broken = await hostOf({ broken: responses[victim]![at]! })
    const { finished, skipped } = await generateOn(broken, requests)
    expect(skipped).toEqual([{ kind: 'skipped', key: victim, reason: `the state of token ${at + 2} is not finite` }])
    expect(finished.map(({ key, tokens }) => ({ key, tokens: [...tokens] }))).toEqual(responses.flatMap((tokens, key) => (key === victim ? [] : [{ key, tokens }])))
    // nothing is left behind for those that come later
    expect((await generateOn(broken, requests)).finished.map(({ tokens }) => [...tokens])).toEqual(responses.filter((_, key) => key !== victim))
  })

  test('and logits that are not', async () => {
    const broken = await hostOf({ brokenLogit: 300 })
    const { skipped } = await generateOn(broken, [request(0), request(1, { sampling: lively })])
    expect(skipped.map(({ key, reason }) => ({ key, reason })).sort((a, b) => a.key - b.key)).toEqual([0, 1].map((key) => ({ key, reason: 'the logits of token 1 are not finite' })))
    expect((await prefillOn(broken, [{ key: 0, prompt: { text: 'the' }, response: ' good', maxTokens: 5 }])).finished.length).toBe(1) // its states are
  })

  test('of a prompt, and of a given response', async () => {
    const file = join(folder, 'love.gguf')
    const love = writeTinyModel(file).tokens.findIndex(({ text }) => text === '\u2581love')
    const broken = await hostOf({ broken: love })
    const drawn = await generateOn(broken, [request(0), request(1, { prompt: { text: 'what is love' } }), request(2)])
    expect(drawn.skipped).toEqual([{ kind: 'skipped', key: 1, reason: 'the state of token 1 is not finite' }])
    expect(drawn.finished.map(({ key }) => key)).toEqual([0, 2])
    const given = [' all is good', ' all is love and good', ' they know'].map((response, key) => ({ key, prompt: { text: 'the' }, response, maxTokens: 50 }))
    const read = await prefillOn(broken, given)
    expect(read.skipped).toEqual([{ kind: 'skipped', key: 1, reason: 'the state of token 4 is not finite' }])
    expect(read.finished.map(({ key }) => key)).toEqual([0, 2])
    const clean = await prefillOn(host, given)
    for (const i of [0, 1]) expect(relativeError(floats(read.finished[i]!.states!), floats(clean.finished[2 * i]!.states!))).toBeLessThan(5e-3)
  })
})
