/** Tokens picked by what they lead to, against reading every candidate's state, or text, by itself. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ControlInput, GenerationRequest, SearchInput } from '../../src-main/model-host/messages/generate.ts'
import type { Prompt } from '../../src-main/model-host/messages/model.ts'
import { generateOn, greedy, lively, loadHost, question, type Host } from '../fixtures/hosts.ts'
import { writeTinyModel, type TinyModelOptions, type TinyWeights } from '../fixtures/tiny-model.ts'
import { randomValueFunction, valueOf } from '../fixtures/value-functions.ts'
import { ReferenceLlama } from './reference-llama.ts'

const D = 64
const endToken = 2
const layers = randomValueFunction(7, [D, 16, 1])
const never = new AbortController().signal
const folder = mkdtempSync(join(tmpdir(), 'search-test-'))
afterAll(() => rmSync(folder, { recursive: true }))

let files = 0
async function hostOf(model: TinyModelOptions = {}, changes = {}): Promise<{ host: Host; weights: TinyWeights }> {
  const file = join(folder, `${files++}.gguf`)
  const weights = writeTinyModel(file, model)
  const host = await loadHost(file, { sequences: 24, contextTokens: 2048, ...changes })
  host['network.set']({ name: 'v', network: { inputDim: D, layers } }, () => {}, never)
  return { host, weights }
}
let host: Host
let weights: TinyWeights
beforeAll(async () => {
  ;({ host, weights } = await hostOf())
})

const reading: ControlInput = { network: 'v', stepSize: 0, updates: 0, target: null, tolerance: 0, maxEdit: null }
const byValue = (weight: number, topK = 5): Pick<GenerationRequest, 'control' | 'search'> => ({ control: reading, search: { by: 'value', topK, weight } })
const byReward = (changes: Partial<Extract<SearchInput, { by: 'reward' }>>): Pick<GenerationRequest, 'control' | 'search'> => ({
  control: null, search: { by: 'reward', topK: 3, weight: 1, lookahead: 2, keep: 1, draws: false, ...changes }
})
const request = (key: number, changes: Partial<GenerationRequest> = {}): GenerationRequest => ({
  key, prompt: question(`why is it ${key}?`), sampling: greedy, seed: 100 + key, maxTokens: 8, control: null, ...changes
})
const many = (count: number, changes: Partial<GenerationRequest>): GenerationRequest[] => Array.from({ length: count }, (_, key) => request(key, changes))
const run = (requests: GenerationRequest[], { on = host, ...options }: Parameters<typeof generateOn>[2] & { on?: Host } = {}) => generateOn(on, requests, { states: false, ...options })
const tokensOf = ({ finished }: Awaited<ReturnType<typeof run>>): number[][] => finished.map(({ tokens }) => [...tokens])

/** The most probable tokens after these, in float64: [token, log p], the most probable first. */
function candidatesAfter(logits: readonly number[], topK: number): [number, number][] {
  const largest = Math.max(...logits)
  const total = largest + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0))
  return logits.map((logit, token): [number, number] => [token, logit - total]).sort((a, b) => b[1] - a[1]).slice(0, topK)
}

describe('by value', () => {
  const love: Prompt = { text: 'love' }
  const promptTokens = (): number[] => [1, weights.tokens.findIndex(({ text }) => text === '\u2581love')]

  test.each([0.5, 2, -2])('weight %f: every token is the best by log p + weight V of the state that it leads to', async (weight) => {
    const { finished: [one] } = await run([request(0, { prompt: love, maxTokens: 10, ...byValue(weight) })])
    const after = (tokens: number[]) => new ReferenceLlama(weights).decode(tokens).at(-1)!
    const so = promptTokens()
    let other = 0
    for (const [t, token] of one!.tokens.entries()) {
      const { state, logits } = after(so)
      const scored = candidatesAfter(logits, 5).map(([candidate, logP]) => {
        const value = valueOf(layers, after([...so, candidate]).state)
        return { candidate, value, score: logP + weight * value }
      })
      const best = scored.reduce((a, b) => (b.score > a.score ? b : a))
      const chosen = scored.find(({ candidate }) => candidate === token)!
      expect(chosen.score).toBeGreaterThan(best.score - 0.02) // the float16 cache
      if (token !== scored[0]!.candidate) other++
      expect(one!.valueBefore[t]).toBeCloseTo(valueOf(layers, state), 1)
      expect(one!.valueAfter[t]).toBeCloseTo(chosen.value, 1)
      so.push(token)
    }
    expect(other).toBeGreaterThan(0)
    expect([...one!.valueBefore.slice(1)]).toEqual([...one!.valueAfter.slice(0, -1)])
    expect([...one!.edits]).toEqual([...one!.edits].map(() => 0))
  })

  test('weight 0 gives the model\'s own greedy tokens, and its own draws from as many', async () => {
    for (const sampling of [greedy, { ...lively, topK: 5 }]) {
      const base = await run(many(6, { sampling, maxTokens: 16 }))
      expect(tokensOf(await run(many(6, { sampling, maxTokens: 16, ...byValue(0) })))).toEqual(tokensOf(base))
    }
  })

  test('one step a token, of topK rows', async () => {
    const { totals, finished } = await run([request(0, byValue(1))])
    expect(totals).toMatchObject({ steps: 1 + finished[0]!.tokens.length, tokens: finished[0]!.tokens.length })
  })

  test('several at once, beside others, and deterministic: the tokens of one alone', async () => {
    const requests = [...many(4, { maxTokens: 12, ...byValue(2) }), request(4, { maxTokens: 12 }), request(5, { maxTokens: 12, sampling: lively, ...byValue(1, 7) })]
    const alone = await run(requests, { parallel: 1 })
    expect(tokensOf(await run(requests, { parallel: 6 }))).toEqual(tokensOf(alone))
    const deterministic = await run(requests, { parallel: 1, deterministic: true })
    expect(await run(requests, { parallel: 6, deterministic: true }).then(({ finished }) => finished.map(({ seconds: _, ...rest }) => rest))).toEqual(deterministic.finished.map(({ seconds: _, ...rest }) => rest))
  })
})

test('the states of a searched response are not handed out', async () => {
  await expect(async () => generateOn(host, many(1, byValue(1)))).rejects.toThrow(/states .* searched/)
})

describe('the end of the text', () => {
  test('competes by V of the state that it leads to, and ends the response', async () => {
    const reference = (tokens: number[]) => new ReferenceLlama(weights).decode(tokens).at(-1)!
    const places = 256
    const { host: wide } = await hostOf({}, { sequences: places })
    const rankOfEnd = (word: number): number => candidatesAfter(reference([1, word]).logits, places).findIndex(([candidate]) => candidate === endToken) + 1
    const words = weights.tokens.flatMap(({ text }, token) => (/^\u2581[a-z]{3,}$/.test(text) ? [token] : []))
    const word = words.find((token) => rankOfEnd(token) > 1)!
    // V likes the state after the end token more than any other candidate's
    const end = reference([1, word, endToken]).state
    const squared = end.reduce((sum, x) => sum + x * x, 0)
    wide['network.set']({ name: 'end', network: { inputDim: D, layers: [{ weight: Float32Array.from(end, (x) => x / squared), bias: Float32Array.of(0) }] } }, () => {}, never)
    const { finished: [one] } = await run([request(0, { prompt: { text: weights.tokens[word]!.text.slice(1) }, control: { ...reading, network: 'end' }, search: { by: 'value', topK: rankOfEnd(word), weight: 1000 } })], { on: wide })
    expect(one!.promptTokens).toBe(2)
    expect(one).toMatchObject({ finish: 'end', text: '' })
    expect([...one!.tokens]).toEqual([endToken])
    expect(one!.valueAfter[0]).toBeCloseTo(1, 1)
  })
})

describe('by reward', () => {
  const judge = (on: Host, merit: (text: string) => number | null, seen: string[][] = []) => ({ kind, ...event }: { kind: string }): void => {
    if (kind !== 'branches') return
    const { decision, texts } = event as unknown as { decision: number; texts: string[] }
    seen.push(texts)
    setImmediate(() => on.choose({ decision, rewards: texts.map(merit) }, () => {}, never))
  }
  const length = (text: string): number => text.replace(/[^a-z ]/g, '').length

  /** The same search by its definition: every path is generated by itself, from the tokens so far as a prompt. */
  function searched(prompt: number[], { topK, weight, lookahead, keep }: { topK: number; weight: number; lookahead: number; keep: number }, maxTokens: number, merit: (tokens: number[]) => number): { tokens: number[]; margin: number } {
    const logitsAfter = (tokens: number[]): number[] => new ReferenceLlama(weights).decode(tokens).at(-1)!.logits
    const tokens: number[] = []
    let margin = Infinity
    while (tokens.length < maxTokens && tokens.at(-1) !== endToken) {
      const paths = candidatesAfter(logitsAfter([...prompt, ...tokens]), topK).map(([candidate, logP]) => {
        const path = [candidate]
        while (path.length < lookahead + 1 && tokens.length + path.length < maxTokens && path.at(-1) !== endToken) path.push(candidatesAfter(logitsAfter([...prompt, ...tokens, ...path]), 1)[0]![0])
        return { path, score: logP + weight * merit([...tokens, ...path]) }
      }).sort((a, b) => b.score - a.score)
      margin = Math.min(margin, paths[0]!.score - (paths[1]?.score ?? -Infinity))
      tokens.push(...paths[0]!.path.slice(0, keep))
    }
    return { tokens, margin }
  }

  test.each([[0, 1], [1, 1], [3, 1], [3, 2], [3, 4], [2, 9], [40, 1]])('look-ahead %i, %i kept: every choice is the best of the paths', async (lookahead, keep) => {
    const pieceLength = (token: number): number => length(token === endToken ? '' : weights.tokens[token]!.text.replaceAll('\u2581', ' ').replace(/^<0x(..)>$/, (_, code) => String.fromCharCode(parseInt(code, 16))))
    let compared = 0
    for (const [key, prompt] of ['love', 'good', 'people', 'know'].entries()) {
      const plan = { topK: 3, weight: 0.7, lookahead, keep }
      const { finished: [one] } = await run([request(key, { prompt: { text: prompt }, maxTokens: 9, ...byReward(plan) })], { onEvent: judge(host, length) })
      const ids = [1, weights.tokens.findIndex(({ text }) => text === `\u2581${prompt}`)]
      const own = searched(ids, plan, 9, (tokens) => tokens.reduce((sum, token) => sum + pieceLength(token), 0))
      if (own.margin < 0.02) continue // the float16 cache may choose otherwise
      expect([...one!.tokens]).toEqual(own.tokens)
      compared++
    }
    expect(compared).toBeGreaterThan(1)
  })

  test('weight 0 gives the model\'s own greedy tokens, and its own draws where it draws', async () => {
    for (const sampling of [greedy, { ...lively, topK: 3 }]) {
      const base = await run(many(5, { sampling, maxTokens: 12 }))
      const searched = await run(many(5, { sampling, maxTokens: 12, ...byReward({ weight: 0, draws: true }) }), { deterministic: true, onEvent: judge(host, length) })
      expect(tokensOf(searched)).toEqual(tokensOf(base))
    }
    const taken = await run(many(5, { sampling: lively, maxTokens: 12, ...byReward({ weight: 0, draws: false }) }), { onEvent: judge(host, length) })
    expect(tokensOf(taken)).toEqual(tokensOf(await run(many(5, { maxTokens: 12 }))))
  })

  test('a branch without a reward counts as the mean of the others; without any, log p decides', async () => {
    const base = await run([request(0)])
    const none = await run([request(0, byReward({ weight: 5 }))], { onEvent: judge(host, () => null) })
    expect(tokensOf(none)).toEqual(tokensOf(base))
    const seen: string[][] = []
    // the first branch, the greedy one, has no reward, and the others -1: it is as good as they are
    await run([request(0, { maxTokens: 4, ...byReward({ weight: 5 }) })], { onEvent: judge(host, (text) => (seen.at(-1)?.[0] === text ? null : -1), seen) })
    expect(seen.map((texts) => texts[0]!.slice(0, 4))).toEqual(seen.map(() => seen[0]![0]!.slice(0, 4)))
  })

  test('one that waits keeps no other from going on', async () => {
    const waiting: { decision: number; texts: string[] }[] = []
    const searching = run([request(0, { maxTokens: 1, ...byReward({}) })], { onEvent: (event) => void (event.kind === 'branches' && waiting.push(event)) })
    const base = await run(many(3, { maxTokens: 20 }))
    expect(base.finished.length).toBe(3)
    expect(waiting.length).toBe(1)
    const [{ decision, texts }] = waiting as [{ decision: number; texts: string[] }]
    host.choose({ decision: decision + 1000, rewards: texts.map(() => 0) }, () => {}, never) // nobody's
    host.choose({ decision, rewards: texts.map((_, i) => (i === 2 ? 1000 : 0)) }, () => {}, never)
    const { finished: [one] } = await searching
    expect(one!.text).toBe(texts[2])
  })

  test('several at once and deterministic: the tokens of one alone', async () => {
    const requests = [...many(4, { maxTokens: 8, ...byReward({}) }), request(4, { maxTokens: 12 }), request(5, { maxTokens: 12, ...byReward({ lookahead: 0 }) }), request(6, byValue(1))]
    const alone = await run(requests, { parallel: 1, deterministic: true, onEvent: judge(host, length) })
    expect(tokensOf(await run(requests, { parallel: 7, deterministic: true, onEvent: judge(host, length) }))).toEqual(tokensOf(alone))
    // without it the answers' timing makes other batches, and their rounding may choose otherwise
    const together = await run(requests, { parallel: 7, onEvent: judge(host, length) })
    expect(together.finished.map(({ key }) => key)).toEqual([0, 1, 2, 3, 4, 5, 6])
    expect(together.totals.steps).toBeLessThan(alone.totals.steps)
  })
})

describe('among others', () => {
  const instruction = 'be kind and helpful to good people, and think of all the ways in which they may ask about the world before you answer'
  const together = (content: string): Prompt => ({ messages: [{ role: 'system', content: instruction }, { role: 'user', content }] })

  test('prompts that begin alike are decoded once, whoever leads', async () => {
    for (const searches of [[0, 1, 2, 3], [0], [2]]) {
      const requests = [0, 1, 2, 3].map((key) => request(key, { prompt: together(`why is it ${key}?`), ...(searches.includes(key) && byValue(2)) }))
      const alone = await run(requests, { parallel: 1 })
      const shared = await run(requests, { parallel: 4 })
      expect(tokensOf(shared)).toEqual(tokensOf(alone))
      expect(shared.totals.sharedTokens).toBeGreaterThan(20)
    }
  })

  test('more than there are places for run one after the other; too many for one are skipped with the reason', async () => {
    const { host: small } = await hostOf({}, { sequences: 6, contextTokens: 512 })
    const requests = many(5, byValue(1, 6))
    expect(tokensOf(await run(requests, { on: small }))).toEqual(tokensOf(await run(requests, { parallel: 1 })))
    const { skipped, finished } = await run([request(0, byValue(1, 7)), request(1), request(2, { maxTokens: 200, ...byReward({ topK: 6, lookahead: 100 }) })], { on: small })
    expect(finished.map(({ key }) => key)).toEqual([1])
    expect(skipped.map(({ reason }) => reason)).toEqual([expect.stringMatching(/7 tokens cannot compete: .* 6 sequences/), expect.stringMatching(/cells, more than the 512/)])
  })

  test('the context is as empty afterwards as before', async () => {
    const { host: small } = await hostOf({}, { sequences: 8, contextTokens: 512 })
    for (let round = 0; round < 6; round++) {
      const abort = new AbortController()
      const stopped = run(many(3, { maxTokens: 60, ...byValue(1, 3) }), { on: small, signal: abort.signal, onEvent: ({ kind }) => kind === 'token' && abort.abort() })
      await expect(stopped).rejects.toMatchObject({ code: 'cancelled' })
      const asked = new AbortController()
      const waiting = run([request(0, { maxTokens: 60, ...byReward({}) })], { on: small, signal: asked.signal, onEvent: ({ kind }) => kind === 'branches' && asked.abort() })
      await expect(waiting).rejects.toMatchObject({ code: 'cancelled' })
    }
    const { finished } = await run(many(8, { maxTokens: 30, prompt: { text: 'love' } }), { on: small, parallel: 8 })
    expect(finished.length).toBe(8)
  })

  test('a state that is not finite ends its own response only', async () => {
    const requests = [0, 1, 2, 3].map((key) => request(key, { maxTokens: 10, ...(key % 2 === 0 && byValue(1, 3)) }))
    const whole = tokensOf(await run(requests))
    // a token of one plain response, which no other has as a candidate
    let checked = 0
    for (const token of whole[1]!) {
      const { host: broken } = await hostOf({ broken: token })
      const { finished, skipped } = await run(requests, { on: broken })
      expect(finished.length + skipped.length).toBe(4)
      for (const { key, tokens } of finished) expect([...tokens]).toEqual(whole[key]!)
      for (const { reason } of skipped) expect(reason).toMatch(/state of (a candidate for )?token \d+ is not finite/)
      if (finished.some(({ key }) => key % 2 === 0)) checked++
      if (checked === 2) break
    }
    expect(checked).toBe(2)
  })

  test('nor does one in a branch, nor logits that are not', async () => {
    const searches = [request(0), request(1, byValue(1, 4)), request(2)]
    const second = candidatesAfter(new ReferenceLlama(weights).decode([1, weights.tokens.findIndex(({ text }) => text === '\u2581love')]).at(-1)!.logits, 4)[3]![0]
    const { host: broken } = await hostOf({ broken: second })
    const { skipped } = await run([request(9, { prompt: { text: 'love' }, ...byValue(1, 4) })], { on: broken })
    expect(skipped).toEqual([{ kind: 'skipped', key: 9, reason: 'the state of a candidate for token 1 is not finite' }])
    const { host: blind } = await hostOf({ brokenLogit: 300 })
    expect((await run(searches, { on: blind })).skipped.map(({ reason }) => reason)).toEqual(searches.map(() => 'the logits of token 1 are not finite'))
  })
})
