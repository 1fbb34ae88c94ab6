/** Steering a real, tiny model with random weights, against a float64 reference and against itself. */
import { describe, expect, test } from 'vitest'
import type { Batch, Control } from '../../native/llama.ts'
import { batchOf, bits, generate, largest, relativeError, row } from '../fixtures/batches.ts'
import { valueOf } from '../fixtures/value-functions.ts'
import { multiply, referenceResponse } from './reference-llama.ts'
import { D, controlOf, editOf, functions, greedy, openTinyContext, steeringOf } from './tiny-context.ts'

const { weights, context, tokensOf, forgetAll } = await openTinyContext()

/** The noise of the states is 2e-2 of these logits: a choice that is closer is no evidence either way. */
const clearLead = 0.05

const openings = ['the', 'good', 'people', 'why', 'wörld 😀', 'love', 'sad', 'question', 'because', 'terrible', 'thank', 'know']
const texts = openings.flatMap((opening) => [opening, `${opening} you`, `${opening}?`])

describe.each(functions)('control by a value function with $name', (one) => {
  /** The same prompt without and with control. */
  async function both(text: string) {
    const batch = (controls: Control[]): Batch => batchOf([{ sequence: 0, tokens: tokensOf(text) }], controls)
    forgetAll()
    const base = await context.decode(batch([]))
    const baseLogits = context.logits(0)
    forgetAll()
    const steered = await context.decode(batch([controlOf(one, [0])]))
    return { base, baseLogits, steered, edited: steered.edited!, logits: context.logits(0) }
  }

  test('states stay as the model made them; edited is the ascent from them, with its values', async () => {
    const { base, steered, edited } = await both('the good people')
    expect(bits(steered.states)).toEqual(bits(base.states))
    const expected = editOf(one)([...base.states])
    expect(relativeError(expected, base.states)).toBeGreaterThan(0.02) // it does move
    expect(relativeError(edited, expected)).toBeLessThan(1e-5)
    expect(steered.valueBefore[0]).toBeCloseTo(valueOf(one.layers, [...base.states]), 3)
    expect(steered.valueAfter[0]).toBeCloseTo(valueOf(one.layers, expected), 3)
    expect(steered.edits[0]).toBeCloseTo(relativeError(edited, steered.states), 5)
    expect(steered.valueAfter[0]).toBeGreaterThan(steered.valueBefore[0]!)
    expect([base.editedOn, steered.editedOn]).toEqual([null, 'CPU'])
  })

  test('Delta logits = W u on the float32 head', async () => {
    for (const text of ['the', 'why is it?', 'terrible question']) {
      const { baseLogits, steered, edited, logits } = await both(text)
      const effect = multiply(weights.output, edited.map((x, i) => x - steered.states[i]!))
      expect(largest(effect)).toBeGreaterThan(0.1)
      expect(largest(effect.map((e, token) => logits[token]! - baseLogits[token]! - e))).toBeLessThanOrEqual(1e-4 * Math.max(1, largest(effect)))
    }
  })

  test('greedy tokens are those of the reference, and not the uncontrolled ones', async () => {
    const clear = texts.map((text) => {
      const prompt = tokensOf(text)
      return { prompt, reference: referenceResponse(weights, prompt, 24, editOf(one)) }
    }).filter(({ reference }) => reference.narrowest > clearLead)
    expect(clear.length).toBeGreaterThan(4)
    let changed = 0
    for (const { prompt, reference } of clear) {
      forgetAll()
      const [steered] = await generate(context, [prompt], 24, [greedy()], [steeringOf(one)])
      const [base] = await generate(context, [prompt], 24, [greedy()])
      expect(steered).toEqual(reference.tokens)
      if (base!.join() !== steered!.join()) changed++
    }
    expect(changed).toBeGreaterThan(clear.length / 2)
  })
})

test('greedy tokens without control are those of the reference, one at a time and many in a batch, steered ones beside them', async () => {
  const cases = [null, ...functions].flatMap((one) => texts.map((text) => {
    const prompt = tokensOf(text)
    return { one, prompt, reference: referenceResponse(weights, prompt, 16, one === null ? undefined : editOf(one)) }
  }).filter(({ reference }) => reference.narrowest > clearLead).slice(0, 5))
  expect(cases.length).toBe(15)
  const steering = cases.map(({ one }) => (one === null ? null : steeringOf(one)))
  forgetAll()
  const together = await generate(context, cases.map(({ prompt }) => prompt), 16, cases.map(greedy), steering)
  for (const [i, { prompt, reference }] of cases.entries()) {
    const [alone] = await generate(context, [prompt], 16, [greedy()], [steering[i]!])
    expect(alone).toEqual(reference.tokens)
    expect(together[i]).toEqual(alone)
  }
})

describe('control of some rows of a batch', () => {
  const parts = ['the good', 'why is it?', 'people', 'Hello wörld 😀!', 'sad', 'terrible question', 'know'].map((text, sequence) => ({ text, sequence }))
  const steered = [0, 2, 3]
  const controls = (): Control[] => [
    controlOf(functions[0]!, [2, 0]),
    controlOf(functions[1]!, [3]),
    controlOf({ ...functions[0]!, stepSize: 0 }, [4]),
    controlOf({ ...functions[1]!, updates: 0 }, [5])
  ]
  const run = async (list: Control[]) => {
    const prompts = parts.map(({ text, sequence }) => ({ sequence, tokens: tokensOf(text) }))
    forgetAll()
    const first = await context.decode(batchOf(prompts, list))
    const logits = parts.map((_, r) => context.logits(r))
    const next = await context.decode(batchOf(prompts.map(({ sequence, tokens }) => ({ sequence, tokens: [300 + sequence], from: tokens.length }))))
    return { ...first, logits, next }
  }

  test('leaves every other row bit for bit as it was, also those with step size 0 or no updates', async () => {
    const base = await run([])
    const mixed = await run(controls())
    expect(bits(mixed.states)).toEqual(bits(base.states))
    parts.forEach((_, r) => {
      const isSteered = steered.includes(r)
      expect(bits(mixed.logits[r]!).join() === bits(base.logits[r]!).join()).toBe(!isSteered)
      expect(bits(row(mixed.edited!, r, D)).join() === bits(row(base.states, r, D)).join()).toBe(!isSteered)
      expect(Number.isNaN(mixed.valueBefore[r])).toBe(r === 1 || r === 6)
      expect(Number.isNaN(mixed.valueAfter[r])).toBe(r === 1 || r === 6)
      if (r === 4 || r === 5) expect(mixed.valueAfter[r]).toBe(mixed.valueBefore[r])
    })
  })

  test('gives each row the ascent of its own value function', async () => {
    const mixed = await run(controls())
    for (const [r, one] of [[0, functions[0]!], [2, functions[0]!], [3, functions[1]!]] as const) {
      expect(relativeError(row(mixed.edited!, r, D), editOf(one)([...row(mixed.states, r, D)]))).toBeLessThan(1e-5)
    }
  })

  test('is the same to the bit however many threads share the rows', async () => {
    const edits = []
    for (const threads of [1, 2, 3, 7]) { // fewer threads than rows, and more
      context.setThreads(threads)
      const mixed = await run([controlOf(functions[0]!, [2, 0]), controlOf(functions[1]!, [3]), { ...controlOf(functions[1]!, [5]), target: 3, maxEdit: 0.2 }])
      edits.push([bits(mixed.states), bits(mixed.edited!), [...mixed.valueAfter], [...mixed.edits]])
      expect(mixed.edits[5]).toBeGreaterThan(0)
      expect(mixed.edits[5]).toBeLessThanOrEqual(0.2000001)
    }
    context.setThreads(1)
    for (const one of edits.slice(1)) expect(one).toEqual(edits[0])
  })

  test('leaves the cache alone: the same tokens go on to the same states', async () => {
    expect(bits((await run(controls())).next.states)).toEqual(bits((await run([])).next.states))
  })

  test('reports no edit when there is none', async () => {
    const { edited, valueBefore } = await run(controls().slice(2))
    expect(edited).toBeNull()
    expect(valueBefore[4]).not.toBeNaN()
  })
})
