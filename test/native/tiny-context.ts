/** The tiny model in a context of its own, and value functions for it: what the tests of decoding and steering begin with. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { Context, Sampler, loadModel, openLibraries, type Control, type Model } from '../../native/llama.ts'
import { ValueFunction } from '../../native/value-function.ts'
import { findVariant } from '../../native/variants.ts'
import type { Steering } from '../fixtures/batches.ts'
import { writeTinyModel, type TinyWeights } from '../fixtures/tiny-model.ts'
import { ascend, randomValueFunction } from '../fixtures/value-functions.ts'
import type { Edit } from './reference-llama.ts'

/** of a state */
export const D = 64
export const settings = { contextTokens: 1024, sequences: 16, batchTokens: 256, threads: 1 }

/** llama.cpp keeps keys and values as float16 and its attention sums in float16, 11 bits: some 1e-3 of a state. */
export const stateNoise = 4e-3

export interface TinyContext {
  /** goes away after the file's tests */
  folder: string
  file: string
  weights: TinyWeights
  model: Model
  context: Context
  tokensOf(text: string): Int32Array
  /** Empties every sequence of the context. */
  forgetAll(): void
}

export async function openTinyContext(): Promise<TinyContext> {
  const folder = mkdtempSync(join(tmpdir(), 'context-test-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'tiny.gguf')
  const weights = writeTinyModel(file)
  openLibraries(findVariant().directory)
  const model = await loadModel(file, 0)
  const context = new Context(model, settings)
  return {
    folder, file, weights, model, context,
    tokensOf: (text) => model.tokenize(text, true, false),
    forgetAll: () => {
      for (let sequence = 0; sequence < settings.sequences; sequence++) context.removeSequence(sequence)
    }
  }
}

export const greedy = (): Sampler => new Sampler({ temperature: 0, topK: 0, topP: 1, minP: 0, seed: 1 })

// one hidden layer takes the shortcut in the units' space, two take its other form
export const functions = [
  { name: 'one hidden layer', layers: randomValueFunction(7, [D, 48, 1]), stepSize: 0.1, updates: 10 },
  { name: 'two hidden layers', layers: randomValueFunction(7, [D, 40, 24, 1]), stepSize: 0.05, updates: 20 }
]

type Case = (typeof functions)[number]

export const steeringOf = ({ layers, stepSize, updates }: Case): Steering => ({ valueFunction: new ValueFunction({ inputDim: D, layers }), stepSize, updates })
export const controlOf = (one: Case, rows: number[]): Control => ({ ...steeringOf(one), rows: Int32Array.from(rows) })
export const editOf = ({ layers, stepSize, updates }: Case): Edit => (state) => ascend(layers, state, { stepSize, updates })
