/** Decoding a real, tiny model with random weights, against a float64 reference and against itself. */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Context, loadModel, type Batch } from '../../native/llama.ts'
import { batchOf, bits, relativeError, row } from '../fixtures/batches.ts'
import { writeTinyModel } from '../fixtures/tiny-model.ts'
import { ReferenceLlama, multiply } from './reference-llama.ts'
import { D, greedy, openTinyContext, settings, stateNoise } from './tiny-context.ts'

const { folder, weights, context, tokensOf, forgetAll } = await openTinyContext()

describe('without control', () => {
  test.each([
    { options: {}, text: 'Human: what is love?\n\nAssistant: the people' },
    { options: { seed: 2, embedding: 96, layers: 3 }, text: 'Hello wörld 😀!' },
    { options: { seed: 3, embedding: 32, layers: 1 }, text: 'a' }
  ])('every state and its logits are the reference\'s, $options', async ({ options, text }) => {
    const other = join(folder, 'other.gguf')
    const reference = new ReferenceLlama(writeTinyModel(other, options))
    const own = await loadModel(other, 0)
    const { stateSize } = own.facts()
    const tokens = own.tokenize(text, true, false)
    const ownContext = new Context(own, settings)
    const decoded = await ownContext.decode(batchOf([{ sequence: 0, tokens, outputs: 'all' }]))
    expect(decoded.states.length).toBe(tokens.length * stateSize)
    expect(decoded.edited).toBeNull()
    expect([...decoded.valueBefore, ...decoded.valueAfter].every(Number.isNaN)).toBe(true)
    reference.decode(tokens).forEach(({ state, logits }, r) => {
      expect(relativeError(row(decoded.states, r, stateSize), state)).toBeLessThan(stateNoise)
      expect(relativeError(ownContext.logits(r), logits)).toBeLessThan(stateNoise)
    })
    ownContext.free()
    own.free()
  })

  test('the first token attends to itself alone: only the rounding of its value to float16 is left', async () => {
    forgetAll()
    const { states } = await context.decode(batchOf([{ sequence: 0, tokens: [300] }]))
    expect(relativeError(states, new ReferenceLlama(weights).decode([300])[0]!.state)).toBeLessThan(1e-3)
  })

  test('logits are W times the state', async () => {
    forgetAll()
    const { states } = await context.decode(batchOf([{ sequence: 0, tokens: tokensOf('the good people') }]))
    expect(relativeError(context.logits(0), multiply(weights.output, states))).toBeLessThan(1e-5)
  })

  test('output row n is the n-th entry that asks for one, however sequences are mixed', async () => {
    forgetAll()
    const [a, b] = [tokensOf('why is it'), tokensOf('people say no')]
    const order = [[0, 0], [1, 0], [1, 1], [0, 1], [0, 2], [1, 2]] as const // [sequence, position]
    const wanted = [0, 1, 1, 1, 0, 1]
    const { states } = await context.decode({
      tokens: Int32Array.from(order, ([sequence, position]) => [a, b][sequence]![position]!),
      positions: Int32Array.from(order, ([, position]) => position),
      sequences: Int32Array.from(order, ([sequence]) => sequence),
      outputs: Uint8Array.from(wanted),
      controls: []
    })
    const references = [a, b].map((tokens) => new ReferenceLlama(weights).decode(tokens))
    const flagged = order.filter((_, entry) => wanted[entry] === 1)
    expect(states.length).toBe(flagged.length * D)
    flagged.forEach(([sequence, position], r) => {
      expect(relativeError(row(states, r, D), references[sequence]![position]!.state)).toBeLessThan(stateNoise)
      expect(relativeError(context.logits(r), references[sequence]![position]!.logits)).toBeLessThan(stateNoise)
    })
  })

  test('a removed sequence leaves nothing behind, a copied one goes on like its original', async () => {
    forgetAll()
    const [first, second] = [tokensOf('the good people'), tokensOf('sad')]
    await context.decode(batchOf([{ sequence: 0, tokens: tokensOf('terrible question'), outputs: 'none' }]))
    context.removeSequence(0)
    await context.decode(batchOf([{ sequence: 0, tokens: first, outputs: 'none' }]))
    context.copySequence(0, 5)
    context.removeSequence(0)
    const { states } = await context.decode(batchOf([{ sequence: 5, tokens: [400], from: first.length }, { sequence: 0, tokens: second }]))
    expect(relativeError(row(states, 0, D), new ReferenceLlama(weights).decode([...first, 400]).at(-1)!.state)).toBeLessThan(stateNoise)
    expect(relativeError(row(states, 1, D), new ReferenceLlama(weights).decode(second).at(-1)!.state)).toBeLessThan(stateNoise)
  })
})

describe('states', () => {
  const batch = (): Batch => batchOf([{ sequence: 0, tokens: tokensOf('the good people'), outputs: 'all' }])

  test('as float16 are the float32 ones, rounded; and none when none are wanted', async () => {
    forgetAll()
    const { states, statesF16: none } = await context.decode(batch())
    forgetAll()
    const { statesF16, states: noFloats } = await context.decode({ ...batch(), states: 'float16' })
    expect([...statesF16]).toEqual([...new Uint16Array(new Float16Array(states).buffer)])
    expect([none.length, noFloats.length]).toEqual([0, 0])
    forgetAll()
    const neither = await context.decode({ ...batch(), states: 'none' })
    expect([neither.states.length, neither.statesF16.length]).toEqual([0, 0])
    expect(context.logits(0).length).toBeGreaterThan(0)
  })

  test('without the head are the same, there are no logits, and the cache is sound', async () => {
    forgetAll()
    const whole = await context.decode(batch())
    const next = (await context.decode(batchOf([{ sequence: 0, tokens: [300], from: tokensOf('the good people').length }])))
    const logits = context.logits(0)
    forgetAll()
    const headless = await context.decode({ ...batch(), head: false })
    expect(bits(headless.states)).toEqual(bits(whole.states))
    expect(() => context.logits(0)).toThrow(/no such output row/)
    expect(() => context.sample(0, greedy())).toThrow(/no such output row/)
    const after = await context.decode(batchOf([{ sequence: 0, tokens: [300], from: tokensOf('the good people').length }]))
    expect(bits(after.states)).toEqual(bits(next.states))
    expect(bits(context.logits(0))).toEqual(bits(logits))
  })

  test('of a beginning taken over from another sequence are its own, also when that one is gone', async () => {
    const [first, second] = [tokensOf('the good people know'), [...tokensOf('the good people').slice(0, 3), 400, 401]]
    forgetAll()
    await context.decode(batchOf([{ sequence: 0, tokens: first }]))
    context.copySequence(0, 1, 3)
    context.removeSequence(0)
    const { states } = await context.decode(batchOf([{ sequence: 1, tokens: second.slice(3), from: 3 }]))
    expect(relativeError(states, new ReferenceLlama(weights).decode(second).at(-1)!.state)).toBeLessThan(stateNoise)
  })
})
