/** Tokens picked by what they lead to, against reading every candidate's state, or text, by itself. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ControlInput, GenerationRequest, Prompt, SearchInput } from '../../src-main/model-host/messages.ts'
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
