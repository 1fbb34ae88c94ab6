/** The steered model: typed wrapper over the addon's llama.cpp side. Every call throws an Error with llama.cpp's own reason. */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { addon, root } from './load.ts'
import type { ValueFunction } from './value-function.ts'

export interface SamplerSettings {
  /** 0 is greedy, and the other settings are ignored */
  temperature: number
  topK: number
  topP: number
  minP: number
  seed: number
}

/** Draws tokens; keeps its own random state, so one sampler serves one sequence. */
export interface Sampler {
  readonly sampler: unique symbol
}

export interface Facts {
  description: string
  /** D: the length of a state */
  stateSize: number
  layers: number
  trainedContext: number
  bytes: number
  parameters: number
  vocabularySize: number
  /** false for encoders and for files without a vocabulary */
  generates: boolean
  beginToken: number
  endToken: number
  addsBeginToken: boolean
  chatTemplate: string | null
}

export interface Model {
  facts(): Facts
  tokenize(text: string, addSpecial: boolean, parseSpecial: boolean): Int32Array
  /** The token's bytes, which need not be whole UTF-8 characters; special tokens are empty unless `special`. */
  piece(token: number, special?: boolean): Uint8Array
  isEndOfGeneration(token: number): boolean
  /** Frees the weights once the last context is freed too. */
  free(): void
}

/** `updates` steps of gradient ascent at `stepSize`, in units of the raw state h, for these output rows. */
export interface Control {
  valueFunction: ValueFunction
  stepSize: number
  updates: number
  rows: Int32Array
}

export interface Batch {
  tokens: Int32Array
  positions: Int32Array
  sequences: Int32Array
  /** 1 where the state and logits of this entry are wanted; the n-th 1 is output row n */
  outputs: Uint8Array
  controls: Control[]
}

export interface Decoded {
  /** (rows, D) as the model made them */
  states: Float32Array
  /** (rows, D) as the output head saw them; null when no row was edited */
  edited: Float32Array | null
  /** V of each row before and after the edit; NaN for rows without control */
  valueBefore: Float32Array
  valueAfter: Float32Array
}

export interface ContextSettings {
  contextTokens: number
  sequences: number
  batchTokens: number
  threads: number
  /** false: llama.cpp's own decode without the state hook. `states` are then empty and controls a TypeError. */
  observe?: boolean
}

export interface Context {
  /** One step; rejects when the context is full. Only one may run at a time. */
  decode(batch: Batch): Promise<Decoded>
  sample(row: number, sampler: Sampler): number
  logits(row: number): Float32Array
  removeSequence(sequence: number): void
  copySequence(from: number, to: number): void
  setThreads(threads: number): void
  free(): void
}

export interface Libraries {
  system: string
  devices: { name: string; description: string; isGpu: boolean }[]
}

interface Exports {
  openLibraries(directory: string): Libraries
  loadModel(file: string, gpuLayers: number): Promise<Model>
  /** Writes the weights of `source` as another type, from whatever type they have. Rejects with llama.cpp's reason. */
  quantizeModel(source: string, target: string, settings: { type: 'q4_0' | 'q4_k_m' | 'q8_0'; threads: number }): Promise<void>
  Context: new (model: Model, settings: ContextSettings) => Context
  Sampler: new (settings: SamplerSettings) => Sampler
}

export const { openLibraries, loadModel, quantizeModel, Context, Sampler } = addon as unknown as Exports

export interface Variant {
  directory: string
  /** cpu, metal, cuda or vulkan */
  backend: string
  /** the llama.cpp release that the libraries were built from */
  build: string
}

/** The installed node-llama-cpp libraries for this platform's processor (Metal on Apple silicon). */
export function findVariant(): Variant {
  const platform = { linux: 'linux', darwin: 'mac', win32: 'win' }[process.platform as string] ?? process.platform
  const name = platform === 'mac' && process.arch === 'arm64' ? 'mac-arm64-metal' : `${platform}-${process.arch}`
  const bins = join(root, 'node_modules', '@node-llama-cpp', name, 'bins')
  if (!existsSync(bins)) throw new Error(`node-llama-cpp has no libraries for ${name} here: run npm run setup`)
  const directory = join(bins, readdirSync(bins)[0] ?? '')
  const metadata = JSON.parse(readFileSync(join(directory, '_nlcBuildMetadata.json'), 'utf8')) as {
    buildOptions: { gpu: string | false; llamaCpp: { release: string } }
  }
  return { directory, backend: metadata.buildOptions.gpu || 'cpu', build: metadata.buildOptions.llamaCpp.release }
}
