/** What the model host does with each request. One model a process: another model means another host. */
import { Context, loadModel, type Device, type Model } from '../../native/llama.ts'
import { openVariant, type Opened } from '../../native/variants.ts'
import { ValueFunction } from '../../native/value-function.ts'
import { StudioError } from '../contract/errors.ts'
import { embedAll } from './embed.ts'
import type { HostMethod, HostMethods } from './messages/methods.ts'
import type { LoadInput, RenderOutput } from './messages/model.ts'
import { PromptRenderer, type RenderedPrompt } from './prompt.ts'
import { Scheduler } from './scheduler.ts'
import { scoreAll } from './score.ts'
import { createReader, type TextReader } from './text-reader.ts'
import { batchSizes, bestBatch, bestThreads, measureBatches, measureThreads } from './measure.ts'
import { train, type Snapshot } from './train.ts'
import { meanGradient, valuesOf } from './values.ts'

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
  /** what it was loaded for */
  work: Scheduler | TextReader
}

export function createHost(): Handlers {
  const networks = new Map<string, ValueFunction>()
  let opened: Opened | null = null
  let loaded: Loaded | null = null
  /** that the model is on; null: none, and states are in the machine's memory */
  let gpu: string | null = null
  /** of the running training, until somebody takes it */
  let snapshot: Snapshot | null = null

  const ready = (): Loaded => {
    if (loaded === null) throw new StudioError('no-model', 'no model is loaded')
    return loaded
  }
  const scheduler = (): Scheduler => {
    const { work } = ready()
    if (work instanceof Scheduler) return work
    throw new StudioError('bad-request', 'this model was loaded to give rewards or embeddings, not to write or read responses')
  }

  return {
    open({ backend }) {
      if (opened !== null) throw new StudioError('bad-request', 'this model host has a backend open already')
      const { variant, gpus, cpu, problem } = openVariant(backend)
      if (variant !== null) opened = { variant, gpus, cpu, problem }
      return { open: variant !== null, gpus: gpus.map(deviceOf), cpu: cpu && deviceOf(cpu), problem }
    },

    async load(input) {
      if (loaded !== null) throw new StudioError('bad-request', 'this model host already has a model')
      opened ??= openVariant('cpu')
      const device = input.gpuLayers > 0 ? opened.gpus[0] : opened.cpu
      if (device === undefined || device === null) throw new StudioError('bad-request', 'there is no device for this model: its backend is not open')
      gpu = input.gpuLayers > 0 ? device.name : null
      const model = await openModel(input)
      const facts = model.facts()
      const layers = facts.layers + 1
      const hosted = {
        file: input.file,
        sha256: input.sha256,
        device: deviceOf(device),
        build: opened.variant?.build ?? '',
        gpuLayers: Math.min(input.gpuLayers, layers),
        layers,
        stateSize: facts.stateSize
      }
      if (input.scores !== undefined) {
        const { reader, ...measured } = await createReader(model, input, input.scores)
        loaded = { model, renderer: new PromptRenderer(model), work: reader }
        return { ...hosted, ...measured }
      }
      const { sequences } = input
      const sizes = batchSizes(sequences, input.contextTokens)
      const room = input.batchTokens ?? Math.max(...sizes)
      const contextTokens = Math.max(input.contextTokens, room)
      const context = new Context(model, { contextTokens, sequences, batchTokens: room, threads: input.threads ?? 1 })
      const token = Math.max(facts.beginToken, 0)
      const threadMeasurement = input.threads === null ? await measureThreads(context, token, sequences) : []
      const threads = input.threads ?? bestThreads(threadMeasurement)
      context.setThreads(threads)
      const batchMeasurement = input.batchTokens === null ? await measureBatches(context, token, sizes, input.gpuLayers > 0) : []
      const batchTokens = input.batchTokens ?? bestBatch(batchMeasurement)
      const renderer = new PromptRenderer(model)
      const settings = { contextTokens, sequenceTokens: facts.trainedContext, sequences, batchTokens, stateSize: facts.stateSize, sharesPrefixes: facts.sharesPrefixes }
      loaded = { model, renderer, work: new Scheduler(model, context, renderer, networks, settings) }
      return { ...hosted, threads, threadMeasurement, batchTokens, batchMeasurement, contextTokens, sequences }
    },

    render: ({ prompt }) => outputOf(ready().renderer.render(prompt)),

    async 'render.file'({ file, prompt }) {
      opened ??= openVariant('cpu')
      const model = await loadModel(file, 0, true)
      try {
        return outputOf(new PromptRenderer(model).render(prompt))
      } finally {
        model.free()
      }
    },

    async score(input, emit, signal) {
      const { renderer, work } = ready()
      if (work instanceof Scheduler || work.gives !== 'logits') throw new StudioError('bad-request', 'this model was not loaded to give rewards')
      await scoreAll(work, renderer, input, emit, signal)
      return null
    },

    async embed(input, emit, signal) {
      const { model, work } = ready()
      if (work instanceof Scheduler || work.gives !== 'embedding') throw new StudioError('bad-request', 'this model was not loaded to give embeddings')
      await embedAll(work, model, input, emit, signal)
      return null
    },

    'network.set'({ name, network }) {
      const valueFunction = new ValueFunction(network)
      valueFunction.prepare(gpu) // here, so that no first token waits for it
      networks.set(name, valueFunction)
      return null
    },

    async 'adapter.set'({ name, adapter }) {
      await scheduler().setAdapter(name, adapter)
      return null
    },

    generate: (input, emit, signal) => scheduler().generate(input, emit, signal),

    choose(input) {
      scheduler().choose(input)
      return null
    },

    prefill: (input, emit, signal) => scheduler().prefill(input, emit, signal),

    likelihood: (input, emit, signal) => scheduler().likelihood(input, emit, signal),

    async train(input, emit, signal) {
      try {
        return await train(input, gpu, emit, signal, (taken) => (snapshot = taken))
      } finally {
        snapshot = null
      }
    },

    'train.snapshot'({ name }) {
      if (snapshot === null) return null
      const { epoch, scale, layers } = snapshot
      snapshot = null
      const valueFunction = new ValueFunction({ inputDim: (layers[0]?.weight.length ?? 0) / (layers[0]?.bias.length ?? 1), layers })
      valueFunction.prepare(gpu)
      networks.set(name, valueFunction)
      return { epoch, scale }
    },

    values: ({ networks, states }, _emit, signal) => valuesOf(networks, states, signal),

    'gradient.mean': ({ network, states }, _emit, signal) => meanGradient(network, states, signal),

    'token.texts': ({ tokens }) => Array.from(tokens, (token) => ready().renderer.tokenText(token)),

    async pieces({ file, responses }) {
      opened ??= openVariant('cpu')
      const model = await loadModel(file, 0, true)
      try {
        return responses.map((tokens) => {
          const decoder = new TextDecoder()
          return Array.from(tokens, (token) => decoder.decode(model.piece(token, true), { stream: true }))
        })
      } finally {
        model.free()
      }
    }
  }
}

function deviceOf({ name, description, memoryFree, memoryTotal }: Device): HostMethods['load']['output']['device'] {
  return { name, description, memoryFree, memoryTotal }
}

function outputOf({ text, tokens, templated }: RenderedPrompt): RenderOutput {
  return { text, tokens: tokens.length, templated }
}

async function openModel({ file, gpuLayers, scores }: LoadInput): Promise<Model> {
  try {
    const model = await loadModel(file, gpuLayers)
    if (scores === undefined && !model.facts().generates) throw new Error('it has no vocabulary or no decoder, so it cannot generate text')
    return model
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new StudioError('not-usable', `${file} is not usable as a model: ${reason}`, { cause: error })
  }
}
