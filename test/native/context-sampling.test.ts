/** Tokens drawn from a context: by llama.cpp's plain chain, and while the batch is decoded. */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Context, Sampler, loadModel, type SamplerSettings } from '../../native/llama.ts'
import { batchOf, generate } from '../fixtures/batches.ts'
import { writeTinyModel } from '../fixtures/tiny-model.ts'
import { ReferenceLlama } from './reference-llama.ts'
import { controlOf, functions, greedy, openTinyContext, settings } from './tiny-context.ts'

const { folder, weights, context, tokensOf, forgetAll } = await openTinyContext()

describe('sampling', () => {
  const draw = async (changes: Partial<SamplerSettings>, count = 20): Promise<number[]> => {
    forgetAll()
    const sampler = new Sampler({ temperature: 1, topK: 0, topP: 1, minP: 0, seed: 1, ...changes })
    return (await generate(context, [tokensOf('why is it')], count, [sampler]))[0]!
  }

  test('the seed alone decides', async () => {
    expect(await draw({ seed: 5 })).toEqual(await draw({ seed: 5 }))
    expect(await draw({ seed: 5 })).not.toEqual(await draw({ seed: 6 }))
  })

  test('temperature 0 is greedy whatever else is set, and so are one candidate and next to no probability mass', async () => {
    const expected = await draw({ temperature: 0 })
    const { logits } = new ReferenceLlama(weights).decode(tokensOf('why is it')).at(-1)!
    expect(expected[0]).toBe(logits.indexOf(Math.max(...logits)))
    expect(await draw({ temperature: 0, topK: 40, topP: 0.9, seed: 9 })).toEqual(expected)
    expect(await draw({ topK: 1 })).toEqual(expected)
    expect(await draw({ topP: 1e-6 })).toEqual(expected)
    expect(await draw({ minP: 1 })).toEqual(expected)
    expect(await draw({})).not.toEqual(expected)
  })

  test('topK keeps the best tokens only', async () => {
    forgetAll()
    await context.decode(batchOf([{ sequence: 0, tokens: tokensOf('why is it') }]))
    const best = [...context.logits(0)].map((logit, token) => ({ logit, token })).sort((a, b) => b.logit - a.logit).slice(0, 3).map(({ token }) => token)
    const sampler = new Sampler({ temperature: 5, topK: 3, topP: 1, minP: 0, seed: 3 })
    const drawn = new Set(Array.from({ length: 200 }, () => context.sample(0, sampler)))
    expect([...drawn].sort()).toEqual(best.sort())
  })
})

describe('tokens drawn while the batch is decoded', () => {
  const chains: Partial<SamplerSettings>[] = [
    { temperature: 0 }, { topK: 50, topP: 0.95 }, { topK: 1 }, { topK: 3 }, { topK: 128 }, { topK: 300 }, { topK: 5000 }, { topP: 0.8 }, { minP: 0.1 }, { topK: 40, minP: 0.05, topP: 0.9 }, {}
  ]
  const samplerOf = (changes: Partial<SamplerSettings>, seed: number): Sampler => new Sampler({ temperature: 0.9, topK: 0, topP: 1, minP: 0, seed, ...changes })

  /** Both draw from the same logits, again and again, each with its own random state. */
  async function compare(own: Context, rounds: number): Promise<void> {
    const pairs = chains.map((chain, i) => ({ native: samplerOf(chain, 10 + i), plain: samplerOf(chain, 10 + i) }))
    for (let round = 0; round < rounds; round++) {
      for (let sequence = 0; sequence < chains.length; sequence++) own.removeSequence(sequence)
      const prompts = chains.map((_, sequence) => ({ sequence, tokens: [1, 261 + ((round * 37 + sequence * 11) % 300)] }))
      const { drawn } = await own.decode({ ...batchOf(prompts), samplers: pairs.map(({ native }) => native) })
      expect([...drawn]).toEqual(pairs.map(({ plain }, row) => own.sample(row, plain)))
    }
  }

  test('are the plain chain\'s', async () => {
    await compare(context, 60)
  })

  test('also where many logits are equal', async () => {
    const equal = join(folder, 'equal.gguf')
    writeTinyModel(equal, { repeats: 'é€😀' }) // all but a few logits are 0
    const own = await loadModel(equal, 0)
    const ownContext = new Context(own, settings)
    await compare(ownContext, 30)
    ownContext.free()
    own.free()
  })

  test('only for rows with a sampler', async () => {
    forgetAll()
    const { drawn } = await context.decode({ ...batchOf([{ sequence: 0, tokens: [1] }, { sequence: 1, tokens: [1, 300] }]), samplers: [null, greedy()] })
    expect([...drawn]).toEqual([-1, context.sample(1, greedy())])
    forgetAll()
    expect([...(await context.decode(batchOf([{ sequence: 0, tokens: [1] }]))).drawn]).toEqual([-1])
  })

  test('not from a state or logits that are not finite', async () => {
    const nan = join(folder, 'nan.gguf')
    writeTinyModel(nan, { broken: 300 })
    const own = await loadModel(nan, 0)
    const ownContext = new Context(own, settings)
    const { drawn, finite, valueBefore, valueAfter } = await ownContext.decode({ ...batchOf([{ sequence: 0, tokens: [1, 300] }], [controlOf(functions[0]!, [0])]), samplers: [samplerOf({ topP: 0.9 }, 1)] })
    expect([finite[0], drawn[0], valueBefore[0], valueAfter[0]]).toEqual([0, -1, NaN, NaN])
    expect(() => ownContext.sample(0, greedy())).toThrow(/not finite/)
    ownContext.clear(true)
    const next = await ownContext.decode({ ...batchOf([{ sequence: 0, tokens: [1, 301] }]), samplers: [greedy()] })
    expect([next.finite[0], next.drawn[0]]).toEqual([1, ownContext.sample(0, greedy())])
    ownContext.free()
    own.free()
  })
})
