/** Answers of the chat read once more: KL, top tokens and the landscape, against evaluations, float64, and what was recorded. */
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { loadModel, openLibraries, type Model } from '../../native/llama.ts'
import { findVariant } from '../../native/variants.ts'
import type { ChatTurn } from '../../src-main/contract/chat.ts'
import { collectSettings } from '../../src-main/contract/collect.ts'
import type { MethodChoice } from '../../src-main/contract/control.ts'
import type { Message } from '../../src-main/contract/data.ts'
import type { Input, Output } from '../../src-main/contract/methods.ts'
import { resolveMethod } from '../../src-main/engine/control/methods.ts'
import { metricNamed } from '../../src-main/engine/evaluate/metrics.ts'
import { createHandlers } from '../../src-main/engine/handlers.ts'
import { sourceNamed } from '../../src-main/engine/reward/sources.ts'
import { methods } from '../../src-main/contract/methods.ts'
import { writeTinyModel, type TinyWeights } from '../fixtures/tiny-model.ts'
import { ascend, randomValueFunction, valueOf } from '../fixtures/value-functions.ts'
import { multiply, ReferenceLlama } from '../native/reference-llama.ts'
import { drawn, openStudio, scoredPrompts, type Studio } from './studio.ts'

const D = 64
const scale = 2 // c: alpha 0.01 is a step of 0.04 in the raw state
const shallow = { shallow: true } // exact states: no float16 cache has a part in them
const layers = randomValueFunction(7, [D, 48, 1])
const question = 'why is it so?'
const panes: MethodChoice[] = [
  { name: 'base', settings: {} },
  { name: 're-control', settings: { valueFunction: 1, alpha: 0.02, updates: 20 } },
  { name: 'pre-control', settings: { valueFunction: 1, target: 1.5, updates: 15, alpha: 0.02, maxEdit: 0.4 } },
  { name: 're-control+prompting', settings: { valueFunction: 1, alpha: 0.01, updates: 20, instruction: 'be kind' } }
]

let studio: Studio
let weights: TinyWeights
let model: Model
let turn: ChatTurn

beforeAll(async () => {
  studio = await openStudio(shallow)
  weights = writeTinyModel(studio.modelFile, shallow)
  openLibraries(findVariant().directory)
  model = await loadModel(studio.modelFile, 0)
  addRandom(studio)
  turn = await asked(panes)
})
afterAll(() => studio.close())

const handlers = () => createHandlers(studio.engine)
const tokens = (of: number, pane: number): Promise<Output<'chat.tokens'>> => Promise.resolve(handlers()['chat.tokens']({ turn: of, pane }))
const ascent = (of: number, pane: number, token: number, plane: 'components' | 'ascent' = 'components'): Promise<Output<'chat.ascent'>> => Promise.resolve(handlers()['chat.ascent']({ turn: of, pane, token, plane }))

function addRandom({ project }: Studio): void {
  project.valueFunctions.add({
    name: 'random', collection: null, source: 'imported', scale, rewardMean: 0, rewardScale: 1, settings: null, bestEpoch: 0, curve: [], calibration: [], manifest: null,
    network: { inputDim: D, layers }
  })
}

async function asked(methodsOfPanes: MethodChoice[], changes: Partial<Input<'chat.send'>> = {}, at = studio): Promise<ChatTurn> {
  const done = Promise.withResolvers<void>()
  at.on('chat.done', ({ failure }) => (failure === null ? done.resolve() : done.reject(new Error(failure))))
  const { turn: id } = await createHandlers(at.engine)['chat.send'](methods['chat.send'].input.parse({ prompt: question, panes: methodsOfPanes, maxTokens: 14, seed: 3, sampling: drawn, ...changes }))
  await done.promise
  return at.project.turns.get(id)
}

/** What an evaluation measures of an answer by the pane's method. */
async function measuredKl({ around }: Studio, pane: number, text: string, steps: ChatTurn['panes'][number]['steps'], messages: Message[]): Promise<number> {
  const meter = await metricNamed('kl').open({}, { ...around, sourceNamed, signal: new AbortController().signal, methods: panes.map(resolveMethod) })
  const item = { response: null, example: 1, prompt: question, messages, text, columns: {}, method: pane, tokens: steps.length, seed: 0, base: null, preferred: null, tokenIds: Int32Array.from(steps, ({ token }) => token) }
  let measured = NaN
  await meter.measure([item], (_item, verdict) => (measured = 'value' in verdict ? verdict.value : NaN))
  meter.close()
  return measured
}

const logs = (logits: number[]): number[] => {
  const highest = Math.max(...logits)
  const total = highest + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - highest), 0))
  return logits.map((logit) => logit - total)
}
const meanOf = (values: (number | null)[]): number => values.reduce<number>((sum, value) => sum + (value ?? NaN), 0) / values.length

test('the mean KL of a pane is what an evaluation measures of the same tokens', async () => {
  for (const pane of panes.keys()) {
    const { text, steps } = turn.panes[pane]!
    const { tokens: read, note } = await tokens(turn.turn, pane)
    expect(note).toBe(null)
    expect(read).toHaveLength(steps.length)
    const kl = meanOf(read.map((token) => token.kl))
    expect(kl, panes[pane]!.name).toBeCloseTo(await measuredKl(studio, pane, text, steps, [{ role: 'user', content: question }]), 10)
    if (pane === 0) expect(kl).toBe(0)
    else expect(kl).toBeGreaterThan(0.01)
  }
})

test('the top tokens and their probabilities are those of float64, and so is where they changed', async () => {
  const { steps } = turn.panes[1]!
  const prompt = model.tokenize(`<s>user: ${question}\nassistant:`, false, true)
  const states = new ReferenceLlama(weights).decode([...prompt, ...steps.slice(0, -1).map(({ token }) => token)]).slice(prompt.length - 1).map(({ state }) => state)
  const { tokens: read } = await tokens(turn.turn, 1)
  let changed = 0
  for (const [t, state] of states.entries()) {
    const [base, steered] = [logs(multiply(weights.output, state)), logs(multiply(weights.output, ascend(layers, state, { stepSize: 0.02 * scale ** 2, updates: 20 })))]
    const { baseTop, top, baseProbability, probability } = read[t]!
    expect(baseTop.token).toBe(base.indexOf(Math.max(...base)))
    expect(top!.token).toBe(steered.indexOf(Math.max(...steered)))
    expect(baseTop.probability).toBeCloseTo(Math.exp(Math.max(...base)), 4)
    expect(top!.probability).toBeCloseTo(Math.exp(Math.max(...steered)), 4)
    expect(baseProbability).toBeCloseTo(Math.exp(base[steps[t]!.token]!), 4)
    expect(probability).toBeCloseTo(Math.exp(steered[steps[t]!.token]!), 4)
    expect(baseTop.text).toBe(new TextDecoder().decode(model.piece(baseTop.token, true)))
    if (baseTop.token !== top!.token) changed += 1
  }
  expect(changed).toBeGreaterThan(0)
})

test('an answer is read once, and what was found is kept with it', async () => {
  const { tokens: first } = await tokens(turn.turn, 1)
  const stored = studio.project.turns.get(turn.turn)
  expect(stored.panes[1]!.steps.map(({ reading }) => reading)).toEqual(first)
  expect(stored.panes[1]!.steps.map(({ reading: _reading, ...step }) => step)).toEqual(turn.panes[1]!.steps)
  studio.engine.models.unload() // reading again would load it
  expect((await tokens(turn.turn, 1)).tokens).toEqual(first)
  expect(await studio.engine.models.loaded).toBe(null)
})

test('where a method has no distribution of the next token, the base says its part and the reason is given', async () => {
  const best = await asked([{ name: 'best-of-n', settings: { reward: 'tone' } }])
  const { tokens: read, note } = await tokens(best.turn, 0)
  expect(note).toContain('best-of-4')
  expect(read).toHaveLength(best.panes[0]!.steps.length)
  expect(read.every(({ kl, top, baseProbability }) => kl === null && top === null && baseProbability > 0)).toBe(true)
})

test("a token's way begins at its own state and ends at the value that was recorded, by each pane's own settings", async () => {
  await expect(ascent(turn.turn, 1, 0)).rejects.toThrow(/no collection of this project has states of its length/)
  const dataset = await studio.importRows(scoredPrompts(6))
  await studio.run('collect', collectSettings.parse({ dataset, maxTokens: 8, seed: 5, sampling: drawn }))
  const { panes: answers } = turn
  for (const pane of [1, 2, 3]) {
    for (const [token, { valueBefore, valueAfter, edit }] of answers[pane]!.steps.entries()) {
      const path = await ascent(turn.turn, pane, token, pane === 1 ? 'ascent' : 'components')
      expect(path.tokens).toBe(answers[pane]!.steps.length)
      // states are read again as float16
      expect(path.steps[0]!.value).toBeCloseTo(valueBefore!, 1)
      expect(path.steps.at(-1)!.value).toBeCloseTo(valueAfter!, 1)
      expect(Math.abs(path.edit - edit!)).toBeLessThan(2e-2 * Math.max(edit!, 0.05))
      if (pane !== 2) {
        expect(path.steps).toHaveLength(21)
        expect(path.steps.every(({ value }, n) => n === 0 || value >= path.steps[n - 1]!.value - 1e-9)).toBe(true)
      } else expect(path.edit).toBeLessThanOrEqual(0.4 + 1e-9)
    }
  }
})

test('an answer to a conversation is read with what was said before', async () => {
  const own = await openStudio() // its layers see what was said
  onTestFinished(() => own.close())
  addRandom(own)
  const first = await asked([panes[1]!], {}, own)
  const second = await asked([panes[1]!], { parent: first.turn, prompt: 'and what of love?' }, own)
  const { tokens: read } = await createHandlers(own.engine)['chat.tokens']({ turn: second.turn, pane: 0 })
  const kl = meanOf(read.map((token) => token.kl))
  const { text, steps } = second.panes[0]!
  const whole = [{ role: 'user' as const, content: question }, { role: 'assistant' as const, content: first.panes[0]!.text }, { role: 'user' as const, content: 'and what of love?' }]
  const [measured, forgetful] = [await measuredKl(own, 1, text, steps, whole), await measuredKl(own, 1, text, steps, whole.slice(-1))]
  expect(kl).toBeCloseTo(measured, 10)
  expect(Math.abs(kl - forgetful)).toBeGreaterThan(1e-3)
})

test('a pane that edits nothing is a place on the landscape of the one beside it', async () => {
  const { steps } = await ascent(turn.turn, 0, 3)
  expect(steps).toHaveLength(1)
  const surface = await handlers()['chat.landscape']({ turn: turn.turn, pane: 0, plane: 'components' })
  expect(surface.values).toHaveLength(surface.size ** 2)
  const prompt = model.tokenize(`<s>user: ${question}\nassistant:`, false, true)
  const before = turn.panes[0]!.steps.slice(0, 3).map(({ token }) => token)
  const state = new ReferenceLlama(weights).decode([...prompt, ...before]).at(-1)!.state
  expect(steps[0]!.value).toBeCloseTo(valueOf(layers, state), 1)
})

test('what cannot be read says why', async () => {
  const { project } = studio
  const unsteered = await asked([{ name: 'base', settings: {} }])
  await expect(ascent(unsteered.turn, 0, 0)).rejects.toThrow(/no answer of this turn was steered/)
  await expect(ascent(turn.turn, 1, 999)).rejects.toThrow(/there is no token 999/)
  await expect(tokens(turn.turn, 3 + 1)).rejects.toThrow(/no answer 5 of turn/)
  await expect(tokens(4040, 0)).rejects.toMatchObject({ code: 'not-found' })
  const { turn: open } = project.turns.add({ conversation: null, parent: null, prompt: 'and?', seed: 1, methods: [{ name: 'base', settings: {} }] })
  project.turns.finish(open, [{ method: { name: 'base', settings: {} }, text: '', steps: [], end: null, rating: null }], null)
  await expect(tokens(open, 0)).rejects.toThrow(/not complete yet/)
  const end = { finish: 'stopped' as const, tokensPerSecond: 0, reward: null }
  project.turns.finish(open, [{ method: { name: 'base', settings: {} }, text: '', steps: [], end, rating: null }], null)
  await expect(tokens(open, 0)).rejects.toThrow(/has no tokens/)
  project.turns.finish(open, [{ method: { name: 'base', settings: {} }, text: 'x', steps: [{ token: 9_999_999, text: 'x', valueBefore: null, valueAfter: null, edit: null }], end, rating: null }], null)
  await expect(tokens(open, 0)).rejects.toThrow(/another model's/)
})

test('a message that is sent ends what is being read', async () => {
  const one = await asked([panes[1]!], { maxTokens: 100 })
  const reading = tokens(one.turn, 0)
  const caught = expect(reading).rejects.toMatchObject({ code: 'cancelled' })
  await asked([panes[0]!])
  await caught
})
