/** The steered model: typed wrapper over the addon's llama.cpp side. Every call throws an Error with llama.cpp's own reason. */
import { addon } from './load.ts'
import type { AscentOptions, ValueFunction } from './value-function.ts'

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
  /** Index of the one that is drawn from these logits, which need not be of a whole vocabulary. Throws where they are not finite; -Infinity is never drawn. */
  draw(logits: Float32Array): number
}

/** Tokens that may come next, the most probable first; of equal ones the lower first. */
export interface Candidates {
  tokens: Int32Array
  /** over the whole vocabulary */
  logProbabilities: Float32Array
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
  /** whether a sequence can go on from the beginning of another, see `copySequence`; false with recurrence or a sliding window */
  sharesPrefixes: boolean
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

/** What the logits of output rows say of tokens that are there already: P is of row `own`, Q of row `base`, which may be the same. */
export interface Comparisons {
  own: Int32Array
  base: Int32Array
  tokens: Int32Array
  /** Both read the same tokens: P is edited from the very state of Q, so that no rounding of the cache is between them. */
  sameState: boolean
}

/** One number a comparison, in nats, over the whole vocabulary at temperature 1; NaN where a logit is not finite. */
export interface Likelihoods {
  /** log P of the token */
  own: Float64Array
  /** log Q of the token */
  base: Float64Array
  /** KL(P || Q) */
  divergence: Float64Array
  /** of P */
  entropy: Float64Array
  ownTop: TopTokens
  baseTop: TopTokens
}

/** The most probable token of each comparison's row, of equal ones the lowest, and the log of its probability. */
export interface TopTokens {
  tokens: Int32Array
  logs: Float64Array
}

/** How the states of these output rows are edited, which no other control names. */
export interface Control extends AscentOptions {
  valueFunction: ValueFunction
  rows: Int32Array
}

export interface Batch {
  tokens: Int32Array
  positions: Int32Array
  sequences: Int32Array
  /** 1 where the state and logits of this entry are wanted; the n-th 1 is output row n */
  outputs: Uint8Array
  controls: Control[]
  /** one an output row: draws its token while the batch is decoded; null draws none */
  samplers?: (Sampler | null)[]
  /** how the states are handed out; float32 unless said otherwise */
  states?: 'none' | 'float16' | 'float32'
  /** false stops the graph at the states: there are no logits and no tokens */
  head?: boolean
  comparisons?: Comparisons
}

export interface Decoded {
  /** (rows, D) as the model made them; empty unless asked for as float32 */
  states: Float32Array
  /** (rows, D) float16; empty unless asked for */
  statesF16: Uint16Array
  /** 1 for each row whose state has only finite numbers in the format it was asked for */
  finite: Uint8Array
  /** each row's token; -1 without a sampler, and where its state or its logits are not finite */
  drawn: Int32Array
  /** of each drawn token, over the whole vocabulary at temperature 1, in nats; NaN where none was drawn */
  logProbabilities: Float32Array
  /** null without comparisons */
  likelihoods: Likelihoods | null
  /** (rows, D) as the output head saw them; null when no row was edited, or states were not asked for as float32 */
  edited: Float32Array | null
  /** V of each row before and after the edit; NaN without control, and where the ascent left the finite numbers: such a row is not edited */
  valueBefore: Float32Array
  valueAfter: Float32Array
  /** |Delta h| / |h| of each row; NaN for rows without control */
  edits: Float32Array
  /** the device that ran the ascents: the one that holds the states, or 'CPU' where that cannot; null without control */
  editedOn: string | null
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
  /** Draws by llama.cpp's plain chain. Throws for logits that are not finite. */
  sample(row: number, sampler: Sampler): number
  logits(row: number): Float32Array
  /** The `count` most probable tokens after output row `row` of the last batch. Throws for logits that are not finite. */
  candidates(row: number, count: number): Candidates
  /** Forgets its tokens; with `from`, those from that position on. Throws where the model cannot forget a part. */
  removeSequence(sequence: number, from?: number): void
  /** `to`, which must be empty, shares the tokens of `from`; with `end`, those before that position. */
  copySequence(from: number, to: number, end?: number): void
  /** Forgets every sequence; with `data` their keys and values are overwritten too. */
  clear(data: boolean): void
  setThreads(threads: number): void
  /** From the next decode on; keys and values from before stay as they are, so the sequences should be forgotten. */
  setLora(adapter: LoraAdapter | null, scale: number): void
  /** (layers - 1, D): added to the output of each layer from the second on. As `setLora` otherwise. */
  setControlVector(data: Float32Array | null): void
  free(): void
}

/** A LoRA adapter beside one model's weights, for its contexts. */
export interface LoraAdapter {
  readonly adapter: unique symbol
}

/** Whole texts, one at a time, so that no other text has a part in a text's vector. */
export interface PooledContext {
  /** A text's vector. Only one call may run at a time. */
  read(tokens: Int32Array): Promise<Float32Array>
  setThreads(threads: number): void
  free(): void
}

export interface PooledSettings {
  /** the raw logits of the file's classification head, one a label; or the text's embedding, not normalised, pooled as the file says, else the mean over its tokens */
  vector: 'logits' | 'embedding'
  /** of the longest text; at most what the model was trained for */
  contextTokens: number
  /** of one step, for logits where attention is causal; else a text is one step */
  batchTokens: number
  threads: number
}

export interface Device {
  name: string
  description: string
  isGpu: boolean
  /** bytes; both 0 where the backend does not know */
  memoryFree: number
  memoryTotal: number
}

export interface Libraries {
  system: string
  devices: Device[]
}

interface Exports {
  /** @param fallbackDirectory more backends, taken where those of `directory` show no GPU */
  openLibraries(directory: string, fallbackDirectory?: string | null): Libraries
  /** Why a shared library cannot be opened here; null when it can. */
  libraryProblem(library: string): string | null
  /**
   * @param gpuLayers from the last one on, the output head counted as one; with 0 no GPU is used at all
   * @param vocabularyOnly to tokenize and no more: no context can be made of such a model
   */
  loadModel(file: string, gpuLayers: number, vocabularyOnly?: boolean): Promise<Model>
  /** Writes the weights of `source` as another type, from whatever type they have. Rejects with llama.cpp's reason. */
  quantizeModel(source: string, target: string, settings: { type: 'q4_0' | 'q4_k_m' | 'q8_0'; threads: number }): Promise<void>
  Context: new (model: Model, settings: ContextSettings) => Context
  /** The file must have been checked against the model, as llama.cpp aborts on some that do not fit. Not while a context of it decodes. */
  LoraAdapter: new (model: Model, file: string) => LoraAdapter
  PooledContext: new (model: Model, settings: PooledSettings) => PooledContext
  Sampler: new (settings: SamplerSettings) => Sampler
}

export const { openLibraries, libraryProblem, loadModel, quantizeModel, Context, LoraAdapter, PooledContext, Sampler } = addon as unknown as Exports
