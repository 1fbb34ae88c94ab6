/** The model host in this process, with the tiny model: what the engine gets from load, render, generate, network.set and train. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ValueFunction } from '../../native/value-function.ts'
import { createHost } from '../../src-main/model-host/host.ts'
import type { BranchesEvent, GenerateEvent, GenerationRequest } from '../../src-main/model-host/messages/generate.ts'
import type { Prompt } from '../../src-main/model-host/messages/model.ts'
import type { EpochEvent, TrainedResponse, TrainInput } from '../../src-main/model-host/messages/train.ts'
import { relativeError } from '../fixtures/batches.ts'
import { floats, generateOn, greedy, lively, loadHost, question, type Host } from '../fixtures/hosts.ts'
import { seededRandom } from '../fixtures/random.ts'
import { writeTinyModel, type TinyModelOptions, type TinyWeights } from '../fixtures/tiny-model.ts'
import { randomValueFunction } from '../fixtures/value-functions.ts'
import { ReferenceLlama } from './reference-llama.ts'

const D = 64
const contextTokens = 1024
const sequences = 4
const stateNoise = 4e-3 // the float16 cache, see context.test.ts
const folder = mkdtempSync(join(tmpdir(), 'host-test-'))
const never = new AbortController().signal
const ignore = (): void => {}

let files = 0
async function hostOf(options: TinyModelOptions = {}): Promise<{ host: Host; weights: TinyWeights }> {
  const file = join(folder, `tiny-${files++}.gguf`)
  const weights = writeTinyModel(file, options)
  return { host: await loadHost(file, { contextTokens, sequences }), weights }
}

let host: Host
let weights: TinyWeights
beforeAll(async () => {
  ;({ host, weights } = await hostOf())
})
afterAll(() => rmSync(folder, { recursive: true }))

const request = (key: number, changes: Partial<GenerationRequest> = {}): GenerationRequest => ({
  key, prompt: question(`why is it ${key}?`), sampling: lively, seed: 100 + key, maxTokens: 8, control: null, ...changes
})
const many = (count: number, changes: Partial<GenerationRequest> = {}): GenerationRequest[] => Array.from({ length: count }, (_, key) => request(key, changes))

const generate = (requests: GenerationRequest[], { on = host, ...options }: Parameters<typeof generateOn>[2] & { on?: Host } = {}) => generateOn(on, requests, options)

/** States of the response's tokens: the first is the last prompt token's. */
function referenceStates(prompt: Iterable<number>, response: Int32Array): number[] {
  const promptTokens = [...prompt]
  return new ReferenceLlama(weights).decode([...promptTokens, ...response.slice(0, -1)]).slice(promptTokens.length - 1).flatMap(({ state }) => state)
}

describe('load', () => {
  test('tells what was loaded, with the threads it measured', async () => {
    const file = join(folder, 'measured.gguf')
    writeTinyModel(file, { embedding: 32 })
    const loaded = await createHost().load({ file, sha256: 'abc', contextTokens: 512, sequences: 4, batchTokens: 512, threads: null, gpuLayers: 0 }, ignore as never, never)
    expect(loaded).toMatchObject({ file, sha256: 'abc', contextTokens: 512, sequences: 4, stateSize: 32 })
    expect(loaded.threadMeasurement.map(({ threads }) => threads)).toContain(loaded.threads)
    expect(loaded.threadMeasurement.every(({ tokensPerSecond }) => tokensPerSecond > 0)).toBe(true)
  })

  test('measures threads also for a single sequence', async () => {
    const file = join(folder, 'single.gguf')
    writeTinyModel(file, { embedding: 32 })
    const loaded = await createHost().load({ file, sha256: 'abc', contextTokens: 512, sequences: 1, batchTokens: 512, threads: null, gpuLayers: 0 }, ignore as never, never)
    expect(loaded.threads).toBeGreaterThan(0)
  })

  test('refuses a second model, a file that is none, and work before there is one', async () => {
    const input = { file: import.meta.filename, sha256: '', contextTokens, sequences, batchTokens: 512, threads: 1, gpuLayers: 0 }
    await expect(host.load(input, ignore as never, never)).rejects.toMatchObject({ code: 'bad-request' })
    const empty = createHost()
    await expect(empty.load(input, ignore as never, never)).rejects.toMatchObject({ code: 'not-usable', message: expect.stringContaining(import.meta.filename) })
    expect(() => empty.render({ prompt: { text: 'a' } }, ignore as never, never)).toThrow(expect.objectContaining({ code: 'no-model' }))
    await expect(async () => generate(many(1), { on: empty })).rejects.toMatchObject({ code: 'no-model' })
  })
})

describe('render', () => {
  const render = (prompt: Prompt, on = host) => on.render({ prompt }, ignore as never, never) as { text: string; tokens: number }

  test('a conversation goes through the chat template, and begins with one begin token', () => {
    const prompt = { messages: [{ role: 'system', content: 'be kind' }, { role: 'user', content: 'why?' }] } satisfies Prompt
    const rendered = render(prompt)
    expect(rendered.text).toBe('<s>system: be kind\nuser: why?\nassistant:')
    expect(rendered.tokens).toBe(render({ text: rendered.text.slice('<s>'.length) }).tokens)
  })

  test('special tokens in a plain text are text', () => {
    expect(render({ text: 'a</s>' }).tokens).toBe(render({ text: 'a' }).tokens + '</s>'.length)
  })

  test('without a template it is a transcript', async () => {
    const { host: plain } = await hostOf({ chatTemplate: false })
    expect(render(question('why?'), plain).text).toBe('\n\nHuman: why?\n\nAssistant:')
  })
})

describe('generate', () => {
  test.each([1, 4])('T tokens come with T states, the first of them the last prompt token\'s; %i at once', async (parallel) => {
    const { finished, tokens, skipped, totals } = await generate(many(7, { sampling: greedy }), { parallel })
    expect(finished.map(({ key }) => key)).toEqual([0, 1, 2, 3, 4, 5, 6])
    expect(skipped).toEqual([])
    expect(totals.tokens).toBe(tokens.length)
    for (const one of finished) {
      expect(one.tokens.length).toBe(8)
      expect(one.finish).toBe('length')
      expect(one.states!.length).toBe(8 * D)
      expect([one.valueBefore, one.valueAfter, one.edits].map(({ length }) => length)).toEqual([0, 0, 0])
      const own = tokens.filter(({ key }) => key === one.key)
      expect(own.map(({ token }) => token)).toEqual([...one.tokens])
      expect(own.every(({ valueBefore, valueAfter, edit }) => valueBefore === null && valueAfter === null && edit === null)).toBe(true)
    }
    // more at once means fewer steps for the same tokens
    expect(totals.steps).toBe(parallel === 1 ? 7 * 8 : 2 * 8)
  })

  test('the states are those of the model at the tokens it drew', async () => {
    const prompt = { text: 'love' }
    const promptTokens = [1, weights.tokens.findIndex(({ text }) => text === '\u2581love')]
    const { finished: [one] } = await generate([request(0, { prompt, maxTokens: 12 })])
    expect(one).toMatchObject({ promptText: 'love', promptTokens: 2 })
    expect(relativeError(floats(one!.states!), referenceStates(promptTokens, one!.tokens))).toBeLessThan(stateNoise)
  })

  test('a prompt longer than a batch is taken in pieces', async () => {
    const words = 'why is it that the good people know no love and'.split(' ')
    const text = Array.from({ length: 600 }, (_, i) => words[i % words.length]).join(' ')
    const tokens = text.split(' ').map((word) => weights.tokens.findIndex((token) => token.text === `\u2581${word}`))
    const { finished: [one] } = await generate([request(0, { prompt: { text }, maxTokens: 2 }), request(1)])
    expect(one!.promptTokens).toBe(601)
    // over 600 positions the float16 sums of small batches are off by more
    expect(relativeError(floats(one!.states!), referenceStates([1, ...tokens], one!.tokens))).toBeLessThan(2e-2)
  })

  test('states and token events only when asked for', async () => {
    const { finished, tokens } = await generate(many(2), { states: false, tokens: false })
    expect(tokens).toEqual([])
    expect(finished.map(({ states }) => states)).toEqual([null, null])
  })

  test('an end token finishes the response, counts as a token with a state, and shows no text', async () => {
    const { host: brief } = await hostOf({ ends: 'often' })
    const { finished } = await generate(many(12, { maxTokens: 40, sampling: { ...lively, temperature: 2 } }), { on: brief })
    const ended = finished.filter(({ finish }) => finish === 'end')
    expect(ended.length).toBeGreaterThan(2)
    for (const { tokens, states, text } of ended) {
      expect(tokens.indexOf(2)).toBe(tokens.length - 1)
      expect(states!.length).toBe(tokens.length * D)
      expect(text).not.toContain('</s>')
    }
  })

  test('characters split over tokens come out whole, token by token and at the end', async () => {
    const { host: repeating } = await hostOf({ repeats: 'é€😀' })
    const { finished: [one], tokens } = await generate([request(0, { prompt: { text: '😀' }, sampling: greedy, maxTokens: 18 })], { on: repeating })
    expect(one!.text).toBe('é€😀é€😀')
    expect(tokens.map(({ text }) => text)).toEqual(['', 'é', '', '', '€', '', '', '', '😀', '', 'é', '', '', '€', '', '', '', '😀'])
  })

  test('a response cut off within a character ends with a replacement character, and its token events say so too', async () => {
    const { host: repeating } = await hostOf({ repeats: 'é€😀' })
    const { finished: [one], tokens } = await generate([request(0, { prompt: { text: '😀' }, sampling: greedy, maxTokens: 4 })], { on: repeating })
    expect(one!.text).toBe('é\ufffd')
    expect(tokens.map(({ text }) => text).join('')).toBe(one!.text)
  })

  test('a prompt that the context cannot hold is skipped with the reason, and the others finish', async () => {
    const long = { text: Array<string>(contextTokens).fill('the').join(' ') }
    const { finished, skipped } = await generate([request(0), request(1, { prompt: long }), request(2, { maxTokens: contextTokens }), request(3)])
    expect(finished.map(({ key }) => key)).toEqual([0, 3])
    expect(skipped.map(({ key }) => key)).toEqual([1, 2])
    expect(skipped[0]!.reason).toMatch(/1025 tokens and 8 new ones .* 1024/)
  })

  test('responses that together exceed the context wait for each other', async () => {
    const { finished } = await generate(many(6, { prompt: { text: 'the '.repeat(400) }, maxTokens: 4 }))
    expect(finished.length).toBe(6)
  })

  test('no requests are done at once', async () => {
    expect((await generate([])).totals.tokens).toBe(0)
  })

  test('two calls at once both finish with their own responses, the later short one first', async () => {
    const alone = await generate(many(6, { sampling: greedy, maxTokens: 24 }))
    const order: string[] = []
    const first = generate(many(6, { sampling: greedy, maxTokens: 24 }), { parallel: 2 }).finally(() => order.push('first'))
    const second = generate(many(2, { sampling: greedy, maxTokens: 4 })).finally(() => order.push('second'))
    const [long, short] = await Promise.all([first, second])
    expect(order).toEqual(['second', 'first'])
    expect(long.finished.map(({ tokens }) => tokens)).toEqual(alone.finished.map(({ tokens }) => tokens))
    expect(short.finished.map(({ tokens }) => tokens)).toEqual(alone.finished.slice(0, 2).map(({ tokens }) => tokens.slice(0, 4)))
  })

  test('cancelling rejects, keeps what had finished, and frees the places for the next call', async () => {
    const expected = await generate(many(4))
    for (let round = 0; round < 3; round++) {
      const abort = new AbortController()
      const events: (BranchesEvent | GenerateEvent)[] = []
      const running = generate([request(0, { maxTokens: 2 }), ...many(4, { maxTokens: 200 }).slice(1)], {
        signal: abort.signal,
        onEvent: (event) => {
          events.push(event)
          if (events.filter(({ kind }) => kind === 'token').length === 20) abort.abort()
        }
      })
      await expect(running).rejects.toMatchObject({ code: 'cancelled' })
      const told = events.length
      const next = await generate(many(4))
      expect(events.length).toBe(told)
      expect(events.flatMap((event) => (event.kind === 'finished' ? [event.key] : []))).toEqual([0])
      expect(next.finished.map(({ tokens }) => tokens)).toEqual(expected.finished.map(({ tokens }) => tokens))
    }
  })
})

describe('control', () => {
  const layers = randomValueFunction(7, [D, 48, 1])
  const control = { network: '1', stepSize: 0.1, updates: 10, target: null, tolerance: 0, maxEdit: null }
  beforeAll(() => void host['network.set']({ name: '1', network: { inputDim: D, layers } }, ignore as never, never))

  test('raises the value; the states handed out are those before the edit', async () => {
    const { finished, tokens } = await generate(many(4, { control }))
    for (const one of finished) {
      expect([one.valueBefore, one.valueAfter, one.edits].map(({ length }) => length)).toEqual([8, 8, 8])
      const rise = one.valueAfter.reduce((total, value, t) => total + value - one.valueBefore[t]!, 0) / 8
      expect(rise).toBeGreaterThan(0.1)
      expect(one.edits.every((edit) => edit > 0.01 && edit < 1)).toBe(true)
      const own = tokens.filter(({ key }) => key === one.key)
      expect(own.map(({ valueAfter }) => valueAfter)).toEqual([...one.valueAfter])
      const values = new ValueFunction({ inputDim: D, layers }).values(Float32Array.from(floats(one.states!)))
      expect(relativeError(one.valueBefore, values)).toBeLessThan(2e-3) // float16 states
    }
  })

  test('with alpha 0 the tokens are exactly the base model\'s, with alpha they are not', async () => {
    const base = await generate(many(4, { maxTokens: 24 }))
    const still = await generate(many(4, { maxTokens: 24, control: { ...control, stepSize: 0, updates: 30 } }))
    const steered = await generate(many(4, { maxTokens: 24, control }))
    const tokens = (run: typeof base) => run.finished.map((one) => [...one.tokens])
    expect(tokens(still)).toEqual(tokens(base))
    expect(tokens(steered)).not.toEqual(tokens(base))
    for (const one of still.finished) {
      expect(one.valueAfter).toEqual(one.valueBefore)
      expect([...one.edits].every((edit) => edit === 0)).toBe(true)
    }
  })

  test('steered and base responses share a batch without touching each other', async () => {
    const base = await generate(many(4, { maxTokens: 24 }))
    const mixed = await generate(many(4, { maxTokens: 24 }).map((one) => ({ ...one, control: one.key % 2 === 0 ? control : null })))
    expect(mixed.finished[1]!.tokens).toEqual(base.finished[1]!.tokens)
    expect(mixed.finished[3]!.tokens).toEqual(base.finished[3]!.tokens)
    expect(mixed.finished[0]!.tokens).not.toEqual(base.finished[0]!.tokens)
  })

  test('a value function that is not there, or does not fit the model, fails that call only', async () => {
    expect(() => host.generate({ requests: many(1, { control: { ...control, network: '9' } }), parallel: 1, states: false, tokens: false, deterministic: false }, ignore, never)).toThrow(expect.objectContaining({ code: 'bad-request' }))
    host['network.set']({ name: '2', network: { inputDim: 8, layers: randomValueFunction(1, [8, 4, 1]) } }, ignore as never, never)
    await expect(generate(many(1, { control: { ...control, network: '2' } }))).rejects.toThrow(/takes states of 8 numbers, the model has 64/)
    expect((await generate(many(4))).finished.length).toBe(4)
  })
})

describe('train', () => {
  const dim = 16
  const count = 9
  const random = seededRandom(4)

  /** Trajectories of random states in one shard; the reward is what `rewardOf` makes of the last state. */
  function shard(name: string, rewardOf: (last: number[]) => number): { trajectories: TrainedResponse[]; states: Float32Array[] } {
    const file = join(folder, name)
    const halves = Array.from({ length: 60 }, () => Float16Array.from({ length: count * dim }, () => random.normal()))
    writeFileSync(file, Buffer.concat(halves.map((half) => Buffer.from(half.buffer))))
    return {
      states: halves.map((half) => Float32Array.from(half)),
      trajectories: halves.map((half, i) => ({ file, offset: i * count * dim * 2, count, reward: rewardOf([...half.slice(-dim)]), validation: i % 4 === 3 }))
    }
  }

  const input = (trajectories: TrainedResponse[], changes: Partial<TrainInput> = {}): TrainInput => ({
    network: { inputDim: dim, hiddenDims: [32] }, objective: 'semi-gradient', learningRate: 3e-3, weightDecay: 0, clipNorm: null, warmupSteps: 0, batchStates: 64,
    epochs: 30, patience: 0, standardise: true, seed: 1, trajectories, checkpoint: null, ...changes
  })

  async function train(of: TrainInput, signal: AbortSignal = never, onEpoch: (event: EpochEvent) => void = ignore) {
    const epochs: EpochEvent[] = []
    const { best, scale, curve } = await createHost().train(of, (event) => {
      if (event.kind !== 'epoch') return
      epochs.push(event)
      onEpoch(event)
    }, signal)
    return { bestEpoch: best.epoch, layers: best.layers, predicted: best.predicted, scale, curve, epochs }
  }

  test('the loss falls where the reward can be learnt, and the values come to follow it', async () => {
    const { trajectories } = shard('learnable', (last) => last[0]! + last[1]!)
    const { curve, epochs, bestEpoch, scale } = await train(input(trajectories))
    expect(epochs.map(({ kind: _, ...epoch }) => epoch)).toEqual(curve)
    expect(curve.map(({ epoch }) => epoch)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1))
    expect(curve.at(-1)!.trainLoss).toBeLessThan(0.9 * curve[0]!.trainLoss)
    expect(curve[bestEpoch - 1]!.returnError).toBe(Math.min(...curve.map(({ returnError }) => returnError)))
    expect(curve[bestEpoch - 1]!.correlation).toBeGreaterThan(0.3)
    expect(scale).toBeGreaterThan(0.5)
  })

  test('stops when the validation loss no longer falls, and hands out the best epoch', async () => {
    const { trajectories, states } = shard('noise', () => random.normal())
    const { curve, bestEpoch, layers, predicted } = await train(input(trajectories, { epochs: 200, patience: 3, learningRate: 1e-2 }))
    expect(curve.length).toBe(bestEpoch + 3)
    expect(curve.length).toBeLessThan(200)

    const values = states.map((own) => new ValueFunction({ inputDim: dim, layers }).values(own))
    expect(relativeError(predicted, values.map((own) => own.at(-1)!))).toBeLessThan(1e-4)
    const errors = trajectories.flatMap(({ reward, validation }, i) => (validation ? Array.from(values[i]!, (v, t) => (v - (values[i]![t + 1] ?? reward)) ** 2) : []))
    const loss = errors.reduce((a, b) => a + b, 0) / errors.length
    expect(loss / curve[bestEpoch - 1]!.validationLoss).toBeCloseTo(1, 3)
  })

  test('without validation the last epoch is the best', async () => {
    const { trajectories } = shard('all', (last) => last[0]!)
    const { bestEpoch, curve } = await train(input(trajectories.map((one) => ({ ...one, validation: false })), { epochs: 5, patience: 2 }))
    expect(bestEpoch).toBe(5)
    expect(curve.every(({ trainLoss, validationLoss }) => trainLoss === validationLoss)).toBe(true)
  })

  test('can be cancelled between two epochs', async () => {
    const { trajectories } = shard('between', (last) => last[0]!)
    const abort = new AbortController()
    const running = train(input(trajectories), abort.signal, () => abort.abort()).then(({ curve }) => `finished ${curve.length} epochs`)
    await expect(running).rejects.toMatchObject({ code: 'cancelled' })
  })

  test('can be cancelled within an epoch', async () => {
    const { trajectories } = shard('within', (last) => last[0]!)
    const abort = new AbortController()
    const many = Array.from({ length: 400 }, () => trajectories).flat() // an epoch of a second or so
    const running = train(input(many, { epochs: 20, batchStates: 16 }), abort.signal).then(({ curve }) => `finished ${curve.length} epochs`)
    setTimeout(() => abort.abort(), 50)
    await expect(running).rejects.toMatchObject({ code: 'cancelled' })
  }, 20_000)

  test('a shard that is shorter than it should be is an error that names it', async () => {
    const { trajectories } = shard('short', () => 0)
    await expect(train(input([...trajectories, { ...trajectories[0]!, offset: 60 * count * dim * 2 }]))).rejects.toThrow(/short/)
  })
})
