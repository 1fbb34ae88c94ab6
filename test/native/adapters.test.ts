/** LoRA adapters and control vectors: against merged weights, against the float64 forward pass, and beside one another. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Context, LoraAdapter, loadModel, type Model } from '../../native/llama.ts'
import { checkLora } from '../../src-main/engine/models/lora.ts'
import type { Adapter, GenerationRequest } from '../../src-main/model-host/messages/generate.ts'
import { randomDirections, writeControlVector, writeTinyLora } from '../fixtures/adapters.ts'
import { batchOf, bits, relativeError, row } from '../fixtures/batches.ts'
import { floats, generateOn, greedy, lively, loadHost, prefillOn, question, type Host } from '../fixtures/hosts.ts'
import { normals, seededRandom } from '../fixtures/random.ts'
import { writeTinyModel, writeTinyWeights, type TinyWeights } from '../fixtures/tiny-model.ts'
import { randomValueFunction } from '../fixtures/value-functions.ts'
import { ReferenceLlama } from './reference-llama.ts'

const D = 64
const layers = 4
const stateNoise = 4e-3 // the float16 cache, see context.test.ts
const folder = mkdtempSync(join(tmpdir(), 'adapters-test-'))
const file = join(folder, 'tiny.gguf')
const loraFile = join(folder, 'lora.gguf')
const settings = { contextTokens: 512, sequences: 4, batchTokens: 256, threads: 1 }
const never = new AbortController().signal
const ignore = (): void => {}

let weights: TinyWeights
let merged: (scale: number) => TinyWeights
let model: Model
let host: Host
beforeAll(async () => {
  weights = writeTinyModel(file, { layers })
  merged = writeTinyLora(loraFile, weights)
  host = await loadHost(file, { sequences: 8, contextTokens: 2048 }) // opens the libraries
  model = await loadModel(file, 0)
})
afterAll(() => rmSync(folder, { recursive: true }))

const directions = randomDirections([1, 3], D)
/** (layers - 1, D) */
const dataOf = (some: ReadonlyMap<number, Float32Array>): Float32Array => {
  const data = new Float32Array((layers - 1) * D)
  for (const [layer, direction] of some) data.set(direction, (layer - 1) * D)
  return data
}
const text = 'Human: what is love?\n\nAssistant: the people'

/** States and logits of every token of the text. */
async function read(context: Context, of = model) {
  context.clear(true)
  const tokens = of.tokenize(text, true, false)
  const { states } = await context.decode(batchOf([{ sequence: 0, tokens, outputs: 'all' }]))
  return { tokens, states, logits: Array.from(tokens, (_, r) => context.logits(r)) }
}

function expectLike({ states, logits, tokens }: Awaited<ReturnType<typeof read>>, reference: ReferenceLlama): void {
  reference.decode(tokens).forEach((step, r) => {
    expect(relativeError(row(states, r, D), step.state)).toBeLessThan(stateNoise)
    expect(relativeError(logits[r]!, step.logits)).toBeLessThan(stateNoise)
  })
}

describe('a LoRA adapter', () => {
  test.each([1, 0.5, -1])('gives the states and logits of the merged weights, and of the merged file, at scale %d', async (scale) => {
    const context = new Context(model, settings)
    const plain = await read(context)
    context.setLora(new LoraAdapter(model, loraFile), scale)
    const adapted = await read(context)
    expectLike(adapted, new ReferenceLlama(merged(scale)))
    expect(relativeError(adapted.states, plain.states)).toBeGreaterThan(0.1)

    const mergedFile = join(folder, 'merged.gguf')
    writeTinyWeights(mergedFile, merged(scale))
    const mergedModel = await loadModel(mergedFile, 0)
    const mergedContext = new Context(mergedModel, settings)
    const expected = await read(mergedContext, mergedModel)
    expect(relativeError(adapted.states, expected.states)).toBeLessThan(stateNoise)
    adapted.logits.forEach((logits, r) => expect(relativeError(logits, expected.logits[r]!)).toBeLessThan(stateNoise))
    mergedContext.free()

    context.setLora(null, 0)
    expect(bits((await read(context)).states)).toEqual(bits(plain.states))
    context.free()
  })

  test('of the token embedding, whose matrices lie the other way round', async () => {
    const rank = 2
    const random = seededRandom(31)
    const { tokenEmbedding } = weights
    const a = normals(random, tokenEmbedding.rows * rank, 1) // (V, r)
    const b = normals(random, D * rank, 1) // (D, r)
    const embeddingFile = join(folder, 'embedding.gguf')
    writeTinyLora(embeddingFile, weights, {
      alpha: 4, // times 4 / r
      tensors: () => [{ name: 'token_embd.weight.lora_a', dims: [rank, tokenEmbedding.rows], data: a }, { name: 'token_embd.weight.lora_b', dims: [rank, D], data: b }]
    })
    await checkLora(embeddingFile, file)
    const context = new Context(model, settings)
    context.setLora(new LoraAdapter(model, embeddingFile), 1)
    const data = tokenEmbedding.data.map((w, i) => w + 2 * (a[Math.floor(i / D) * rank]! * b[(i % D) * rank]! + a[Math.floor(i / D) * rank + 1]! * b[(i % D) * rank + 1]!))
    expectLike(await read(context), new ReferenceLlama({ ...weights, tokenEmbedding: { ...tokenEmbedding, data } }))
    context.free()
  })

  test('at scale 0 changes nothing', async () => {
    const context = new Context(model, settings)
    const plain = await read(context)
    context.setLora(new LoraAdapter(model, loraFile), 0)
    expect(bits((await read(context)).states)).toEqual(bits(plain.states))
    context.free()
  })

  test('is refused by another model\'s context, and with what is no number; what is no adapter is an error', async () => {
    const context = new Context(model, settings)
    const other = await loadModel(file, 0)
    const lora = new LoraAdapter(other, loraFile)
    expect(() => context.setLora(lora, 1)).toThrow(/another model/)
    const own = new LoraAdapter(model, loraFile)
    expect(() => context.setLora(own, NaN)).toThrow(/finite/)
    expect(() => context.setLora({} as LoraAdapter, 1)).toThrow(TypeError)
    expect(() => new LoraAdapter(model, file)).toThrow(/adapter/)
    expect(() => new LoraAdapter(model, join(folder, 'none.gguf'))).toThrow()
    context.free()
  })

  test('outlives its model\'s object, and goes with the last that uses it', async () => {
    const other = await loadModel(file, 0)
    const context = new Context(other, settings)
    context.setLora(new LoraAdapter(other, loraFile), 1)
    const before = await read(context, other)
    const { tokens } = before
    other.free()
    context.clear(true)
    const { states } = await context.decode(batchOf([{ sequence: 0, tokens, outputs: 'all' }]))
    expect(bits(states)).toEqual(bits(before.states))
    context.free()
  })
})

describe('a control vector', () => {
  test.each([
    { layers: [1, 3] }, { layers: [1, 2, 3] }, { layers: [3] }
  ])('is added to the residual after layers $layers, as in the float64 forward pass', async ({ layers }) => {
    const some = randomDirections(layers, D)
    const context = new Context(model, settings)
    const plain = await read(context)
    context.setControlVector(dataOf(some))
    const steered = await read(context)
    expectLike(steered, new ReferenceLlama(weights, some))
    expect(relativeError(steered.states, plain.states)).toBeGreaterThan(0.1)
    // a shorter one leaves nothing of the one before
    context.setControlVector(dataOf(new Map()))
    expect(relativeError((await read(context)).states, plain.states)).toBeLessThan(1e-6)
    context.setControlVector(null)
    expect(bits((await read(context)).states)).toEqual(bits(plain.states))
    context.free()
  })

  test('of another size is refused', () => {
    const context = new Context(model, settings)
    for (const length of [0, D, layers * D]) expect(() => context.setControlVector(new Float32Array(length))).toThrow(/3 x 64/)
    context.free()
  })
})

const request = (key: number, changes: Partial<GenerationRequest> = {}): GenerationRequest => ({
  key, prompt: question(`be kind and helpful to good people in all the ways there are; why is it ${key}?`), sampling: greedy, seed: 100 + key, maxTokens: 12, control: null, ...changes
})
const tokensOf = ({ finished }: Awaited<ReturnType<typeof generateOn>>): number[][] => finished.map(({ tokens }) => [...tokens])
const set = (name: string, adapter: Adapter, on = host): unknown => on['adapter.set']({ name, adapter }, ignore as never, never)

describe('in the scheduler', () => {
  beforeAll(async () => {
    await set('lora', { kind: 'lora', file: loraFile, version: '1', scale: 1 })
    await set('half', { kind: 'lora', file: loraFile, version: '1', scale: 0.5 })
    await set('vector', { kind: 'control-vector', data: dataOf(directions) })
  })
  const columns = [null, 'lora', 'vector', 'half'] as const
  const mixed = Array.from({ length: 16 }, (_, key) => request(key, { prompt: request(key >> 2).prompt, adapter: columns[key % 4] }))

  test.each([{ parallel: 1 }, { parallel: 8 }, { deterministic: true }])('columns of one call give what each gives alone, %o', async (options) => {
    const together = await generateOn(host, mixed, options)
    for (const adapter of columns) {
      const own = mixed.filter((one) => one.adapter === adapter)
      const alone = await generateOn(host, own, options)
      const theirs = together.finished.filter(({ key }) => own.some((one) => one.key === key))
      expect(theirs.map(({ tokens }) => [...tokens])).toEqual(tokensOf(alone))
      theirs.forEach(({ states }, i) => expect(relativeError(floats(states!), floats(alone.finished[i]!.states!))).toBeLessThan(1e-3))
    }
    expect(new Set(together.finished.filter(({ key }) => key < 4).map(({ tokens }) => tokens.join())).size).toBe(4)
  })

  test('the states are those of the float64 forward pass with the adapter', async () => {
    const { finished } = await generateOn(host, columns.map((adapter, key) => request(key, { prompt: request(0).prompt, adapter })))
    const references = [new ReferenceLlama(weights), new ReferenceLlama(merged(1)), new ReferenceLlama(weights, directions), new ReferenceLlama(merged(0.5))]
    for (const [column, { promptText, promptTokens, tokens, states }] of finished.entries()) {
      const prompt = model.tokenize(promptText, false, true)
      expect(prompt.length).toBe(promptTokens)
      const expected = references[column]!.decode([...prompt, ...tokens.slice(0, -1)]).slice(promptTokens - 1).flatMap(({ state }) => state)
      expect(relativeError(floats(states!), expected)).toBeLessThan(stateNoise)
    }
  })

  test('a call with another adapter waits for what runs, and both end; what comes later is served first', async () => {
    const order: string[] = []
    const tell = (name: string) => (event: { kind: string }): void => void (event.kind === 'finished' && order.push(name))
    const many = Array.from({ length: 24 }, (_, key) => request(key, { sampling: lively, maxTokens: 6 }))
    const first = generateOn(host, many, { onEvent: tell('base') })
    const second = generateOn(host, [request(0, { adapter: 'lora' })], { onEvent: tell('lora') })
    const [base, lora] = await Promise.all([first, second])
    // a drawn token can hang on the rounding that its neighbours bring; the first state hangs on the model alone
    for (const [together, alone] of [[base, await generateOn(host, many)], [lora, await generateOn(host, [request(0, { adapter: 'lora' })])]] as const) {
      expect(together.finished).toHaveLength(alone.finished.length)
      together.finished.forEach(({ states }, i) => expect(relativeError(floats(states!).slice(0, D), floats(alone.finished[i]!.states!).slice(0, D))).toBeLessThan(1e-3))
    }
    expect(order.indexOf('lora')).toBeLessThan(10)
  })

  test('becomes known between two steps of what runs', async () => {
    let known: unknown = null
    const { finished } = await generateOn(host, [request(0), request(1)], {
      onEvent: (event) => {
        if (event.kind === 'token' && known === null) known = set('late', { kind: 'lora', file: loraFile, version: '2', scale: 1 })
      }
    })
    await known
    expect(finished).toHaveLength(2)
    expect(tokensOf(await generateOn(host, [request(0, { adapter: 'late' })]))).toEqual(tokensOf(await generateOn(host, [request(0, { adapter: 'lora' })])))
  })

  test('nothing is shared between adapters, and everything within one', async () => {
    const twice = [0, 1, 2, 3].map((key) => request(key, { prompt: request(0).prompt, adapter: key < 2 ? 'lora' : null }))
    const { finished, totals } = await generateOn(host, twice)
    expect(totals.sharedTokens).toBe(2 * (finished[0]!.promptTokens - 1))
    expect(finished[0]!.tokens).toEqual(finished[1]!.tokens)
    expect(finished[2]!.tokens).toEqual(finished[3]!.tokens)
  })

  test('given responses are read by the model as it is, whatever ran before', async () => {
    const given = { key: 0, prompt: question('why?'), response: 'because people are good', maxTokens: 64 }
    const before = await prefillOn(host, [given])
    await generateOn(host, [request(0, { adapter: 'vector' })])
    expect((await prefillOn(host, [given])).finished[0]!.states).toEqual(before.finished[0]!.states)
  })

  test('a steered response takes its edits from the adapted model\'s states', async () => {
    const network = { inputDim: D, layers: randomValueFunction(7, [D, 48, 1]) }
    host['network.set']({ name: 'value', network }, ignore as never, never)
    const control = { network: 'value', stepSize: 0.1, updates: 0, target: null, tolerance: 0, maxEdit: null }
    const { finished: [plain] } = await generateOn(host, [request(0, { adapter: 'lora' })])
    const { finished: [read] } = await generateOn(host, [request(0, { adapter: 'lora', control })])
    expect(read!.tokens).toEqual(plain!.tokens)
    const { finished: [base] } = await generateOn(host, [request(0, { control })])
    expect(read!.valueBefore[0]).not.toBeCloseTo(base!.valueBefore[0]!, 2)
    const { finished: [steered] } = await generateOn(host, [request(0, { adapter: 'lora', control: { ...control, updates: 20 } })])
    expect(steered!.valueBefore[0]).toBeCloseTo(read!.valueBefore[0]!, 4)
    expect(steered!.valueAfter[0]).toBeGreaterThan(steered!.valueBefore[0]!)
  })

  test('an adapter that was not set is refused, one that llama.cpp refuses says why, and the host goes on', async () => {
    await expect(async () => generateOn(host, [request(0, { adapter: 'none' })])).rejects.toMatchObject({ code: 'bad-request', message: expect.stringContaining('none') })
    await expect(set('bad', { kind: 'lora', file, version: '1', scale: 1 })).rejects.toMatchObject({ code: 'not-usable', message: expect.stringContaining('adapter') })
    const vectorFile = join(folder, 'vector.gguf')
    writeControlVector(vectorFile, directions)
    await expect(set('bad', { kind: 'lora', file: vectorFile, version: '1', scale: 1 })).rejects.toMatchObject({ code: 'not-usable' })
    expect((await generateOn(host, [request(0)])).finished).toHaveLength(1)
  })
})
