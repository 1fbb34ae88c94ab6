/** Perplexity under the base and KL to it, of responses by every kind of method, against a float64 forward pass. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadModel, openLibraries, type Model } from '../../../native/llama.ts'
import { findVariant } from '../../../native/variants.ts'
import type { MethodChoice } from '../../../src-main/contract/control.ts'
import type { Message } from '../../../src-main/contract/data.ts'
import { generate } from '../../../src-main/engine/control/generate.ts'
import { resolveMethod } from '../../../src-main/engine/control/methods.ts'
import type { ToMeasure } from '../../../src-main/engine/evaluate/metric.ts'
import { metricNamed } from '../../../src-main/engine/evaluate/metrics.ts'
import type { Verdict } from '../../../src-main/engine/reward/source.ts'
import { sourceNamed } from '../../../src-main/engine/reward/sources.ts'
import { writeTinyModel, type TinyWeights } from '../../fixtures/tiny-model.ts'
import { ascend, randomValueFunction } from '../../fixtures/value-functions.ts'
import { multiply, ReferenceLlama, type Edit } from '../../native/reference-llama.ts'
import { drawn, openStudio, type Studio } from '../studio.ts'

const D = 64
const scale = 2 // c: alpha 0.01 is a step of 0.04 in the raw state
const layers = randomValueFunction(7, [D, 48, 1])
const direction = randomValueFunction(8, [D, 1])
const instruction = 'be kind'
const shallow = { shallow: true } // exact states: no float16 cache has a part in them

let studio: Studio
let weights: TinyWeights
let model: Model
beforeAll(async () => {
  studio = await openStudio(shallow)
  weights = writeTinyModel(studio.modelFile, shallow)
  openLibraries(findVariant().directory)
  model = await loadModel(studio.modelFile, 0)
  for (const network of [layers, direction]) {
    studio.project.valueFunctions.add({
      name: 'random', collection: null, source: 'imported', scale, rewardMean: 0, rewardScale: 1, settings: null, bestEpoch: 0, curve: [], calibration: [], manifest: null,
      network: { inputDim: D, layers: network }
    })
  }
})
afterAll(() => studio.close())

const choices: MethodChoice[] = [
  { name: 'base', settings: {} },
  { name: 'prompting', settings: { instruction } },
  { name: 're-control', settings: { valueFunction: 1, alpha: 0.01, updates: 20 } },
  { name: 're-control+prompting', settings: { valueFunction: 1, alpha: 0.01, updates: 20, instruction } },
  { name: 'static-re', settings: { valueFunction: 2, edit: 0.3 } },
  { name: 'best-of-n', settings: { count: 4 } }
]
const ascended: Edit = (state) => ascend(layers, state, { stepSize: 0.01 * scale ** 2, updates: 20 })
const moved: Edit = (state) => {
  const { weight } = direction[0]!
  const length = (0.3 * Math.hypot(...state)) / Math.hypot(...weight)
  return state.map((x, i) => x + length * weight[i]!)
}
const unchanged: Edit = (state) => state
/** what each method does, by its definition */
const definitions: { prompted: boolean; edit: Edit }[] = [
  { prompted: false, edit: unchanged }, { prompted: true, edit: unchanged }, { prompted: false, edit: ascended }, { prompted: true, edit: ascended }, { prompted: false, edit: moved }
]

const rendered = (content: string, prompted = false): Int32Array => model.tokenize(`<s>${prompted ? `system: ${instruction}\n` : ''}user: ${content}\nassistant:`, false, true)

/** log distribution before each token of the response */
function distributions(prompt: Int32Array, response: Int32Array, edit: Edit): number[][] {
  return new ReferenceLlama(weights).decode([...prompt, ...response.slice(0, -1)]).slice(prompt.length - 1).map(({ state }) => {
    const logits = multiply(weights.output, edit(state))
    const highest = Math.max(...logits)
    const total = highest + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - highest), 0))
    return logits.map((logit) => logit - total)
  })
}

const meanOf = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

interface Measured extends ToMeasure {
  tokenIds: Int32Array
}

/** One response of each method to each question. */
async function responses(questions: string[]): Promise<Measured[]> {
  const methods = choices.slice(0, definitions.length).map(resolveMethod)
  const items = methods.flatMap((method, index) => questions.map((question) => ({ method, index, question, messages: [{ role: 'user', content: question }] satisfies Message[] })))
  const measured: Measured[] = []
  await studio.engine.models.withHost(studio.project, (host) =>
    generate(studio.around, host, items.map(({ method, messages }, key) => ({ key, method, messages, seed: key })), {
      maxTokens: 9, parallel: 4, sampling: drawn, tokens: false, deterministic: false,
      onEvent: (event) => {
        if (event.kind !== 'finished') return
        const { index, question, messages } = items[event.key]!
        measured.push({ response: null, example: 1, prompt: question, messages, text: event.text, columns: {}, method: index, tokens: event.tokens.length, tokenIds: event.tokens, seed: 0, base: null, preferred: null })
      }
    })
  )
  return measured
}

async function measure<Item extends ToMeasure>(name: string, items: Item[], told: () => void = () => {}): Promise<Map<Item, Verdict>> {
  const source = metricNamed(name)
  const meter = await source.open(source.settings.parse({}), { ...studio.around, sourceNamed, signal: new AbortController().signal, methods: choices.map(resolveMethod) })
  const verdicts = new Map<Item, Verdict>()
  try {
    await meter.measure(items, (item, verdict) => {
      expect(verdicts.has(item as Item)).toBe(false)
      verdicts.set(item as Item, verdict)
      told()
    })
  } finally {
    meter.close()
  }
  return verdicts
}

const questions = ['why do good people know love?', 'what is it?', 'who was he?']

describe('of what the methods drew', () => {
  let items: Measured[]
  beforeAll(async () => {
    items = await responses(questions)
  })

  test('perplexity is that of the base model after the plain prompt, whatever the method', async () => {
    const verdicts = await measure('perplexity', items)
    expect(verdicts.size).toBe(definitions.length * questions.length)
    for (const [{ prompt, tokenIds: tokens }, verdict] of verdicts) {
      const q = distributions(rendered(prompt), tokens, unchanged)
      const expected = Math.exp(-meanOf(q.map((row, t) => row[tokens[t]!]!)))
      expect((verdict as { value: number }).value / expected).toBeCloseTo(1, 4)
    }
  })

  test('KL is the mean over its tokens of that of the method to the base model', async () => {
    const verdicts = await measure('kl', items)
    expect(verdicts.size).toBe(definitions.length * questions.length)
    for (const [{ prompt, tokenIds: tokens, method }, verdict] of verdicts) {
      const { prompted, edit } = definitions[method]!
      const [p, q] = [distributions(rendered(prompt, prompted), tokens, edit), distributions(rendered(prompt), tokens, unchanged)]
      const expected = meanOf(p.map((row, t) => row.reduce((sum, log, i) => sum + Math.exp(log) * (log - q[t]![i]!), 0)))
      const { value } = verdict as { value: number }
      expect(Math.abs(value - expected), choices[method]!.name).toBeLessThan(1e-4)
      if (method === 0) expect(value).toBe(0)
      if (method === 2 || method === 4) expect(value).toBeGreaterThan(0.01)
    }
  })

  test('KL has no closed form for what chooses among candidates: the reason has the bound', async () => {
    const item: ToMeasure = { ...items[0]!, method: choices.findIndex(({ name }) => name === 'best-of-n') }
    const { failure } = (await measure('kl', [item])).get(item) as { failure: string }
    expect(failure).toContain('log 4 - 3/4 = 0.636 nats')
    expect((await measure('perplexity', [item])).get(item)).toHaveProperty('value')
  })

  test('where the tokens were not kept they are the text\'s', async () => {
    const item: ToMeasure = { ...items[0]!, text: ' good people know love', tokenIds: null }
    const own = model.tokenize('good people know love', false, false) // it adds the space itself
    const q = distributions(rendered(item.prompt), own, unchanged)
    const { value } = (await measure('perplexity', [item])).get(item) as { value: number }
    expect(value / Math.exp(-meanOf(q.map((row, t) => row[own[t]!]!)))).toBeCloseTo(1, 4)
  })

  test('an empty response is told with its reason, and the others are measured', async () => {
    const empty: ToMeasure = { ...items[1]!, text: '', tokenIds: null }
    const verdicts = await measure('perplexity', [items[0]!, empty, items[2]!])
    expect([...verdicts.values()].filter((verdict) => 'value' in verdict)).toHaveLength(2)
    expect(verdicts.get(empty)).toEqual({ failure: 'the response is empty' })
  })

  test('the death of the model\'s process costs no response its figure', async () => {
    let killed = false
    const many = Array.from({ length: 100 }, (_, i): ToMeasure => ({ ...items[i % items.length]! }))
    const expected = [...(await measure('kl', items)).entries()]
    const verdicts = await measure('kl', many, () => {
      if (!killed) studio.killHost()
      killed = true
    })
    expect(verdicts.size).toBe(100)
    many.forEach((item, i) => expect(verdicts.get(item)).toEqual(expected.find(([known]) => known === items[i % items.length])?.[1]))
  })
})
