/** Other models, adapters and InferAligner as columns beside the base model. */
import { truncateSync, writeFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadModel, openLibraries } from '../../native/llama.ts'
import { findVariant } from '../../native/variants.ts'
import { evaluateSettings } from '../../src-main/contract/evaluate.ts'
import { toFailure } from '../../src-main/contract/errors.ts'
import { generate } from '../../src-main/engine/control/generate.ts'
import { resolveMethod } from '../../src-main/engine/control/methods.ts'
import type { FinishedEvent, GenerateEvent } from '../../src-main/model-host/messages/generate.ts'
import { randomDirections, writeControlVector, writeTinyLora, type TinyLoraOptions } from '../fixtures/adapters.ts'
import { writeGguf, type Tensor } from '../../src-main/engine/models/gguf-writer.ts'
import { normals, seededRandom } from '../fixtures/random.ts'
import { writeTinyModel, writeTinyWeights, type TinyWeights } from '../fixtures/tiny-model.ts'
import { ReferenceLlama, referenceResponse } from '../native/reference-llama.ts'
import { drawn, greedy, openStudio, scoredPrompts, type Studio } from './studio.ts'

const D = 64
const layers = 3
let studio: Studio
let weights: TinyWeights
let merged: (scale: number) => TinyWeights
let linear: number
let bent: number
const file = (name: string): string => join(studio.directory, name)
beforeAll(async () => {
  studio = await openStudio({ layers })
  weights = writeTinyModel(file('again.gguf'), { layers })
  merged = writeTinyLora(file('lora.gguf'), weights)
  writeControlVector(file('vector.gguf'), randomDirections([1, 2], D))
  const add = (...dims: number[]): number => {
    const random = seededRandom(dims.length)
    const network = { inputDim: D, layers: dims.slice(1).map((outputs, i) => ({ weight: normals(random, outputs * dims[i]!, 1 / Math.sqrt(dims[i]!)), bias: normals(random, outputs, 0.1) })) }
    return studio.project.valueFunctions.add({ name: 'random', collection: null, source: 'imported', scale: 1, rewardMean: 0, rewardScale: 1, settings: null, bestEpoch: 0, curve: [], calibration: [], manifest: null, network })
  }
  linear = add(D, 1)
  bent = add(D, 16, 1)
})
afterAll(() => studio.close())

type Choice = { name: string; settings?: Record<string, unknown> }
const questions = ['why?', 'what is love?', 'who are the good people?', 'how can one know the world?']

/** Every method's responses to the questions, in one call. */
async function answers(choices: Choice[], own: { maxTokens?: number; parallel?: number; tokens?: boolean; signal?: AbortSignal; sampling?: typeof drawn; onEvent?: (event: GenerateEvent) => void } = {}): Promise<FinishedEvent[][]> {
  const finished = new Map<number, FinishedEvent>()
  const tasks = choices.flatMap((choice, column) => {
    const method = resolveMethod({ settings: {}, ...choice })
    return questions.map((content, i) => ({ key: column * questions.length + i, method, messages: [{ role: 'user' as const, content }], seed: i + 1 }))
  })
  await generate(studio.around, await studio.engine.models.use(studio.project), tasks, {
    maxTokens: 8, parallel: 8, sampling: greedy, tokens: false, deterministic: false, ...own,
    onEvent: (event) => {
      if (event.kind === 'finished') finished.set(event.key, event)
      own.onEvent?.(event)
    }
  })
  return choices.map((_, column) => questions.map((_, i) => finished.get(column * questions.length + i)!))
}
const tokensOf = (column: FinishedEvent[]): number[][] => column.map(({ tokens }) => [...tokens])

describe('columns of one call', () => {
  const choices = (): Choice[] => [
    { name: 'base' },
    { name: 'lora', settings: { loraFile: file('lora.gguf') } },
    { name: 'control-vector', settings: { vectorFile: file('vector.gguf') } },
    { name: 'lora', settings: { loraFile: file('lora.gguf'), scale: 0.5 } },
    { name: 'lora+re-control', settings: { loraFile: file('lora.gguf'), valueFunction: bent, alpha: 0.2 } },
    { name: 'model', settings: { modelFile: file('second.gguf') } },
    { name: 'model', settings: { modelFile: file('merged.gguf') } }
  ]
  beforeAll(() => {
    writeTinyModel(file('second.gguf'), { says: 'abc', embedding: 32 })
    writeTinyWeights(file('merged.gguf'), merged(1))
  })

  test('give what each gives alone; the merged file and the float64 forward pass what the adapter gives', async () => {
    const together = await answers(choices())
    for (const [column, choice] of choices().entries()) expect(tokensOf(together[column]!), choice.name).toEqual(tokensOf((await answers([choice]))[0]!))
    const [base, lora, vector, half, steered, second, mergedModel] = together as [FinishedEvent[], ...FinishedEvent[][]]
    expect(new Set([base, lora, vector, half, steered].map((column) => tokensOf(column!).join())).size).toBe(5)
    expect(tokensOf(mergedModel!)).toEqual(tokensOf(lora!))
    for (const event of steered!) event.valueBefore.forEach((before, i) => expect(event.valueAfter[i]).toBeGreaterThan(before))
    for (const { text, finish } of second!) expect([text, finish]).toEqual(['abc', 'end'])
    openLibraries(findVariant().directory)
    const vocabulary = await loadModel(studio.modelFile, 0, true)
    for (const { tokens, promptText } of lora!) {
      const { tokens: expected, narrowest } = referenceResponse(merged(1), vocabulary.tokenize(promptText, false, true), tokens.length)
      if (narrowest > 0.05) expect([...tokens]).toEqual(expected) // a closer choice hangs on rounding
    }
  })

  test('stop in the middle of another model\'s, and its process is gone', async () => {
    const abort = new AbortController()
    const running = answers([{ name: 'base' }, choices()[5]!], { signal: abort.signal, tokens: true, onEvent: (event) => void (event.kind === 'token' && event.key >= questions.length && abort.abort()) })
    await expect(running).rejects.toThrow()
    expect(toFailure(await running.catch((error: unknown) => error)).code).toBe('cancelled')
    expect(tokensOf((await answers([choices()[5]!]))[0]!)).toHaveLength(questions.length)
  })

  test('another model whose process dies is opened again, and nothing is told twice', async () => {
    const before = studio.hosts()
    const told: number[] = []
    // one after the other and long: the first is told while the last is far from its end, however late the signal arrives
    const long = { maxTokens: 400, parallel: 1 }
    const column = await answers([{ name: 'model', settings: { modelFile: file('merged.gguf') } }], {
      ...long,
      onEvent: (event) => {
        if (event.kind !== 'finished') return
        if (told.push(event.key) === 1) studio.killHost()
      }
    })
    expect([...told].sort()).toEqual([0, 1, 2, 3])
    const beginnings = tokensOf(column[0]!).map((tokens) => tokens.slice(0, 8)) // later ones differ by rounding
    expect(beginnings).toEqual(tokensOf((await answers([choices()[1]!]))[0]!))
    expect(studio.hosts() - before).toBeGreaterThan(1)
  })

  test('best-of-N draws its candidates from another model too', async () => {
    const { subject } = await studio.run('collect', { dataset: await studio.importRows(scoredPrompts(1)), maxTokens: 2, samples: 1, limit: 1 })
    studio.project.rewards.choose(subject as number, 'longest', 'rules', { rules: ['1 length characters over 0'] })
    const [column] = await answers([{ name: 'best-of-n+model', settings: { candidates: 2, reward: 'longest', modelFile: file('second.gguf') } }])
    expect(column!.map(({ text }) => text)).toEqual(questions.map(() => 'abc'))
  })

  test('the project\'s model comes back where another one needed its room', async () => {
    const host = await studio.engine.models.use(studio.project)
    studio.engine.models.unload()
    await new Promise((resolve) => setImmediate(resolve))
    expect(host.alive).toBe(false)
    const told: GenerateEvent[] = []
    const task = { key: 0, method: resolveMethod({ name: 'base', settings: {} }), messages: [{ role: 'user' as const, content: 'why?' }], seed: 1 }
    await generate(studio.around, host, [task], { maxTokens: 2, parallel: 1, sampling: greedy, tokens: false, deterministic: false, onEvent: (event) => void told.push(event) })
    expect(told.some(({ kind }) => kind === 'finished')).toBe(true)
  })

  test('in an evaluation', async () => {
    const dataset = await studio.importRows(scoredPrompts(3))
    const methods = choices().slice(0, 3).concat(choices()[5]!)
    const job = await studio.run('evaluate', evaluateSettings.parse({ dataset, split: null, methods, maxTokens: 4, parallel: 2, sampling: greedy }))
    expect(job.failure).toBeNull()
    const { table } = studio.project.evaluations.get(job.subject as number)
    expect(table?.methods.map(({ name, responses }) => [name, responses])).toEqual([['base', 3], ['lora', 3], ['control-vector', 3], ['model', 3]])
    const missing = await studio.run('evaluate', evaluateSettings.parse({ dataset, split: null, methods: [{ name: 'lora', settings: { loraFile: file('none.gguf') } }], maxTokens: 4 }))
    expect(missing.failure).toMatchObject({ code: 'not-found', message: expect.stringContaining('none.gguf') })
  })
})

test('methods of two models, or with two adapters, do not compose', () => {
  for (const name of ['lora+control-vector', 'model+re-control', 'lora+model', 'model+model', 'inferaligner+lora', 'inferaligner+re-control']) {
    expect(() => resolveMethod({ name, settings: { loraFile: 'a', vectorFile: 'b', modelFile: 'c', valueFunction: 1 } }), name).toThrow(/do not compose/)
  }
})

test('paths are absolute from the start; layers must be in order', () => {
  expect(resolveMethod({ name: 'lora', settings: { loraFile: 'a.gguf' } }).settings['loraFile']).toBe(join(process.cwd(), 'a.gguf'))
  expect(() => resolveMethod({ name: 'control-vector', settings: { vectorFile: 'a', firstLayer: 3, lastLayer: 2 } })).toThrow(/before/)
})

describe('a file that does not fit is refused in one line, and the model goes on:', () => {
  const refused = async (choice: Choice, reason: RegExp, code = 'not-usable'): Promise<void> => {
    const failure = toFailure(await answers([choice]).catch((error: unknown) => error))
    expect(failure.code).toBe(code)
    expect(failure.message).toMatch(reason)
    expect(failure.message).not.toContain('\n')
    expect(studio.hosts()).toBe(hosts)
  }
  let hosts: number
  beforeAll(async () => {
    await answers([{ name: 'base' }])
    hosts = studio.hosts()
  })

  const change = (name: RegExp, to: (tensor: Tensor) => Tensor[]) => (tensors: Tensor[]): Tensor[] => tensors.flatMap((tensor) => (name.test(tensor.name) ? to(tensor) : [tensor]))
  const reshaped = (dims: number[]) => (tensor: Tensor): Tensor => ({ ...tensor, dims, data: new Float32Array(dims.reduce((a, b) => a * b)) })
  test.each<[string, TinyLoraOptions, RegExp]>([
    ['another architecture', { metadata: { 'general.architecture': { string: 'qwen3' } } }, /architecture qwen3, and the model's is llama/],
    ['no adapter', { metadata: { 'general.type': { string: 'model' } } }, /general.type is model, not adapter/],
    ['another kind of adapter', { metadata: { 'adapter.type': { string: 'dora' } } }, /adapter.type is dora, not lora/],
    ['an alpha of another type', { metadata: { 'adapter.lora.alpha': { u32: 8 } } }, /alpha is not a float32/],
    ['an alpha that is no number', { metadata: { 'adapter.lora.alpha': { f32: NaN } } }, /alpha is not a finite number/],
    ['a type that is no text', { metadata: { 'general.type': { u32: 1 } } }, /general.type is 1/],
    ['an activated LoRA', { metadata: { 'adapter.alora.invocation_tokens': { i32s: [1] } } }, /activated LoRA/],
    ['no tensors', { tensors: () => [] }, /cut off|no tensors/],
    ['nothing but norms', { tensors: () => [{ name: 'blk.0.attn_norm.weight', dims: [D], data: new Float32Array(D) }] }, /no tensors that adapt/],
    ['half a pair', { tensors: change(/blk.0.attn_q.*lora_b/, () => []) }, /only one of the two/],
    ['other tensors', { tensors: change(/blk.0.attn_q.*lora_b/, (tensor) => [tensor, { ...tensor, name: 'blk.0.attn_q.weight' }]) }, /belongs to no LoRA/],
    ['a layer that the model has not', { tensors: change(/blk.0.attn_q/, (tensor) => [{ ...tensor, name: tensor.name.replace('blk.0', 'blk.7') }]) }, /blk.7.attn_q.weight, which the model does not have/],
    ['another rank in each', { tensors: change(/blk.0.attn_q.*lora_a/, (tensor) => [reshaped([D, 5])(tensor)]) }, /do not fit the model's/],
    ['another width', { tensors: change(/blk.0.attn_q.*lora_a/, (tensor) => [reshaped([2 * D, 4])(tensor)]) }, /do not fit the model's/],
    ['three dimensions', { tensors: change(/blk.0.attn_q.*lora_a/, (tensor) => [reshaped([D, 4, 2])(tensor)]) }, /do not fit the model's/],
    ['a norm with matrices', { tensors: change(/blk.0.attn_q/, (tensor) => [{ ...tensor, name: tensor.name.replace('attn_q', 'attn_norm') }]) }, /do not fit the model's/]
  ])('a LoRA of %s', async (_what, options, reason) => {
    writeTinyLora(file('bad.gguf'), weights, options)
    await refused({ name: 'lora', settings: { loraFile: file('bad.gguf') } }, reason)
  })

  test('a LoRA that is cut, text, a model, a folder or nothing', async () => {
    const loraFile = file('bad.gguf')
    const whole = readFileSync(file('lora.gguf'))
    for (const length of [3, 100, 1000, whole.length - 64]) {
      writeFileSync(loraFile, whole)
      truncateSync(loraFile, length)
      await refused({ name: 'lora', settings: { loraFile } }, /bad.gguf is not usable as a LoRA adapter/)
    }
    await refused({ name: 'lora', settings: { loraFile: studio.modelFile } }, /general.type is/)
    await refused({ name: 'lora', settings: { loraFile: studio.directory } }, /folder/)
    await refused({ name: 'lora', settings: { loraFile: file('none.gguf') } }, /there is no file/, 'not-found')
  })

  test('a LoRA with any byte of its header changed is used or refused, and the model lives', async () => {
    const loraFile = file('bad.gguf')
    const whole = readFileSync(file('lora.gguf'))
    const random = seededRandom(5)
    for (let trial = 0; trial < 150; trial++) {
      const bytes = Buffer.from(whole)
      const at = Math.floor(random.uniform() * 2200) // header and first tensors
      bytes[at] = Math.floor(random.uniform() * 256)
      writeFileSync(loraFile, bytes)
      const failure = await answers([{ name: 'lora', settings: { loraFile, scale: trial } }]).then(() => null, toFailure)
      if (failure !== null) expect(failure.code, `byte ${at}: ${failure.message}`).toMatch(/not-usable|bad-request/)
      expect(studio.hosts(), `byte ${at} becomes ${bytes[at]}`).toBe(hosts)
    }
  }, 60_000)

  test.each<[string, [string, number][], RegExp]>([
    ['too short directions', [['direction.1', D - 1]], /63 numbers, and the model's states have 64/],
    ['more layers', [['direction.3', D]], /layer 3, and the model's last is 2/],
    ['layer 0', [['direction.0', D]], /layer 0/],
    ['no directions', [['blk.0.attn_norm.weight', D]], /none of a control vector/],
    ['directions that are not finite', [['direction.1', D]], /not finite/]
  ])('a control vector of %s', async (what, tensors, reason) => {
    writeGguf(file('bad.gguf'), { 'general.architecture': { string: 'controlvector' } }, tensors.map(([name, length]) => ({ name, dims: [length], data: new Float32Array(length).fill(what.includes('finite') ? Infinity : 1) })))
    await refused({ name: 'control-vector', settings: { vectorFile: file('bad.gguf') } }, reason)
  })

  test('a control vector without a direction in its layers', async () => {
    await refused({ name: 'control-vector', settings: { vectorFile: file('vector.gguf'), firstLayer: 3 } }, /no direction for a layer from 3/, 'bad-request')
  })

  test('another model that is none, or generates nothing', async () => {
    await refused({ name: 'model', settings: { modelFile: file('lora.gguf') } }, /not usable as a model/)
    await refused({ name: 'model', settings: { modelFile: file('none.gguf') } }, /there is no file/, 'not-found')
  })
})

describe('a control vector', () => {
  test('of zeros changes nothing; of some layers it is that of their directions alone', async () => {
    writeControlVector(file('zeros.gguf'), new Map([[1, new Float32Array(D)], [2, new Float32Array(D)]]))
    const both = randomDirections([1, 2], D)
    writeControlVector(file('second-layer.gguf'), new Map([[2, both.get(2)!]]))
    const vector = (settings: Record<string, unknown>): Choice => ({ name: 'control-vector', settings })
    const [base, zeros, none, range, own] = await answers([
      { name: 'base' },
      vector({ vectorFile: file('zeros.gguf') }), vector({ vectorFile: file('vector.gguf'), strength: 0 }),
      vector({ vectorFile: file('vector.gguf'), firstLayer: 2, lastLayer: 2 }), vector({ vectorFile: file('second-layer.gguf') })
    ])
    expect(tokensOf(zeros!)).toEqual(tokensOf(base!))
    expect(tokensOf(none!)).toEqual(tokensOf(base!))
    expect(tokensOf(range!)).toEqual(tokensOf(own!))
    expect(tokensOf(range!)).not.toEqual(tokensOf(base!))
  })

  test('whose file was changed is read anew', async () => {
    const choice = { name: 'control-vector', settings: { vectorFile: file('changing.gguf') } }
    writeControlVector(file('changing.gguf'), new Map([[1, new Float32Array(D)]]))
    const [before] = await answers([choice])
    writeControlVector(file('changing.gguf'), randomDirections([1, 2], D))
    const [after, expected] = await answers([choice, { name: 'control-vector', settings: { vectorFile: file('vector.gguf') } }])
    expect(tokensOf(after!)).not.toEqual(tokensOf(before!))
    expect(tokensOf(after!)).toEqual(tokensOf(expected!))
  })
})

describe('InferAligner', () => {
  /** V of each prompt's last state, by the float64 forward pass. */
  async function valuesOf(base: FinishedEvent[]): Promise<number[]> {
    openLibraries(findVariant().directory)
    const vocabulary = await loadModel(studio.modelFile, 0, true)
    const { weight, bias } = studio.project.valueFunctions.network(linear).layers[0]!
    return base.map(({ promptText }) => {
      const { state } = new ReferenceLlama(weights).decode(vocabulary.tokenize(promptText, false, true)).at(-1)!
      return state.reduce((sum, h, i) => sum + h * weight[i]!, bias[0]!)
    })
  }

  test('steers the responses to prompts below the threshold, or above it, and leaves the others', async () => {
    const [base, steered] = await answers([{ name: 'base' }, { name: 'static-re', settings: { valueFunction: linear, edit: 0.6 } }])
    const values = await valuesOf(base!)
    const sorted = [...values].sort((a, b) => a - b)
    const threshold = (sorted[1]! + sorted[2]!) / 2
    expect(sorted[2]! - sorted[1]!).toBeGreaterThan(0.01)
    for (const steer of ['below', 'above']) {
      const [aligned] = await answers([{ name: 'inferaligner', settings: { valueFunction: linear, edit: 0.6, threshold, steer } }])
      aligned!.forEach((event, i) => {
        const edited = steer === 'below' ? values[i]! < threshold : values[i]! > threshold
        expect([...event.tokens]).toEqual([...(edited ? steered![i]! : base![i]!).tokens])
        expect(event.edits.length).toBe(edited ? event.tokens.length : 0)
        for (const edit of event.edits) expect(edit).toBeCloseTo(0.6, 3)
        if (edited) expect(Math.abs(event.valueBefore[0]! - values[i]!)).toBeLessThan(0.02)
      })
    }
  })

  test('takes a probe that is bent, and a control vector for all layers', async () => {
    const shared = { valueFunction: linear, probe: bent }
    const [base, all, none, vector, own] = await answers([
      { name: 'base' },
      { name: 'inferaligner', settings: { ...shared, threshold: 20, edit: 0.6 } },
      { name: 'inferaligner', settings: { ...shared, threshold: -20, edit: 0.6 } },
      { name: 'inferaligner', settings: { ...shared, threshold: 20, vector: file('vector.gguf') } },
      { name: 'control-vector', settings: { vectorFile: file('vector.gguf') } }
    ])
    expect(tokensOf(none!)).toEqual(tokensOf(base!))
    expect(all!.every(({ edits }) => edits.length > 0)).toBe(true)
    expect(tokensOf(vector!)).toEqual(tokensOf(own!))
    expect(vector!.every(({ edits }) => edits.length === 0)).toBe(true)
    await expect(answers([{ name: 'inferaligner', settings: { valueFunction: bent } }])).rejects.toThrow(/is not linear/)
  })

  test('reads the prompt as it is asked, with an instruction where there is one', async () => {
    const [aligned, prompted] = await answers([{ name: 'inferaligner+prompting', settings: { valueFunction: linear, threshold: -20 } }, { name: 'prompting' }])
    expect(tokensOf(aligned!)).toEqual(tokensOf(prompted!))
  })
})
