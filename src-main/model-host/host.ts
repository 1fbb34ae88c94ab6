/** What the model host does with each request. One model a process: another model means another host. */
import { Context, findVariant, loadModel, openLibraries, type Model } from '../../native/llama.ts'
import { ValueFunction } from '../../native/value-function.ts'
import { StudioError } from '../contract/errors.ts'
import type { HostMethod, HostMethods, LoadInput } from './messages.ts'
import { PromptRenderer } from './prompt.ts'
import { Scheduler } from './scheduler.ts'
import { bestThreads, measureThreads } from './threads.ts'
import { train } from './train.ts'

type Handlers = {
  [M in HostMethod]: (
    input: HostMethods[M]['input'],
    emit: (event: HostMethods[M]['event']) => void,
    signal: AbortSignal
  ) => Promise<HostMethods[M]['output']> | HostMethods[M]['output']
}

interface Loaded {
  model: Model
  renderer: PromptRenderer
  scheduler: Scheduler
}

export function createHost(): Handlers {
  const networks = new Map<string, ValueFunction>()
  let loaded: Loaded | null = null

  const ready = (): Loaded => {
    if (loaded === null) throw new StudioError('no-model', 'no model is loaded')
    return loaded
  }

  return {
    async load(input) {
      if (loaded !== null) throw new StudioError('bad-request', 'this model host already has a model')
      const variant = findVariant()
      const libraries = openLibraries(variant.directory)
      const model = await openModel(input.file)
      const facts = model.facts()
      const sequenceTokens = facts.trainedContext
      const { sequences, batchTokens } = input
      const contextTokens = Math.max(input.contextTokens, batchTokens)
      const context = new Context(model, { contextTokens, sequences, batchTokens, threads: input.threads ?? 1 })
      const threadMeasurement = input.threads === null ? await measureThreads(context, Math.max(facts.beginToken, 0), sequences) : []
      const threads = input.threads ?? bestThreads(threadMeasurement)
      context.setThreads(threads)
      const renderer = new PromptRenderer(model)
      const settings = { contextTokens, sequenceTokens, sequences, batchTokens, stateSize: facts.stateSize, sharesPrefixes: facts.sharesPrefixes }
      loaded = { model, renderer, scheduler: new Scheduler(model, context, renderer, networks, settings) }
      const device = libraries.devices.find((d) => d.isGpu === (variant.backend !== 'cpu')) ?? libraries.devices[0]
      return {
        file: input.file,
        sha256: input.sha256,
        device: device?.description ?? 'unknown',
        backend: variant.backend,
        build: variant.build,
        threads,
        threadMeasurement,
        contextTokens,
        sequences,
        stateSize: facts.stateSize
      }
    },

    render({ prompt }) {
      const rendered = ready().renderer.render(prompt)
      return { text: rendered.text, tokens: rendered.tokens.length }
    },

    'network.set'({ name, network }) {
      const valueFunction = new ValueFunction(network)
      // the first ascent builds W1 W1^T; here, so that no first token waits for it
      valueFunction.ascend(new Float32Array(network.inputDim), { stepSize: 1, updates: 1 })
      networks.set(name, valueFunction)
      return null
    },

    generate: (input, emit, signal) => ready().scheduler.generate(input, emit, signal),

    prefill: (input, emit, signal) => ready().scheduler.prefill(input, emit, signal),

    train: (input, emit, signal) => train(input, emit, signal)
  }
}

async function openModel(file: LoadInput['file']): Promise<Model> {
  try {
    const model = await loadModel(file, 0)
    if (!model.facts().generates) throw new Error('it has no vocabulary or no decoder, so it cannot generate text')
    return model
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new StudioError('not-usable', `${file} is not usable as a model: ${reason}`, { cause: error })
  }
}
