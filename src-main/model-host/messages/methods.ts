/** The message contract of the model host: what the engine asks, what comes back while it works, what comes at the end. */
import type { Backend } from '../../contract/device.ts'
import type { Failure } from '../../contract/errors.ts'
import type { Adapter, BranchesEvent, ChooseInput, GenerateEvent, GenerateInput, PrefillEvent, PrefillInput, ProgressEvent, SkippedEvent, Totals } from './generate.ts'
import type { LikelihoodEvent, LikelihoodInput } from './likelihood.ts'
import type { HostModel, LoadInput, OpenOutput, Prompt, RenderOutput } from './model.ts'
import type { EmbedInput, EmbeddedEvent, ScoreInput, ScoredEvent } from './read-text.ts'
import type { MeanGradient, Network, StoredStates, TrainEvent, TrainInput, TrainOutput } from './train.ts'

/** Every request of the host: input, output, and the events that come before the output. */
export interface HostMethods {
  open: { input: { backend: Backend }; output: OpenOutput; event: never }
  /** on the backend that is open, or on the processor */
  load: { input: LoadInput; output: HostModel; event: never }
  render: { input: { prompt: Prompt }; output: RenderOutput; event: never }
  /** the same by the vocabulary of a file, of which nothing else is loaded */
  'render.file': { input: { file: string; prompt: Prompt }; output: RenderOutput; event: never }
  /** one text at a time: a text's logits do not depend on what else is scored */
  score: { input: ScoreInput; output: null; event: ScoredEvent | SkippedEvent }
  embed: { input: EmbedInput; output: null; event: EmbeddedEvent | SkippedEvent }
  'network.set': { input: { name: string; network: Network }; output: null; event: never }
  /** What has a name keeps it: another adapter takes another name. */
  'adapter.set': { input: { name: string; adapter: Adapter }; output: null; event: never }
  generate: { input: GenerateInput; output: Totals; event: GenerateEvent | BranchesEvent }
  /** What a `branches` event asks for, while its `generate` runs; nothing when that has ended. */
  choose: { input: ChooseInput; output: null; event: never }
  prefill: { input: PrefillInput; output: Totals; event: PrefillEvent }
  likelihood: { input: LikelihoodInput; output: Totals; event: LikelihoodEvent | SkippedEvent | ProgressEvent }
  train: { input: TrainInput; output: TrainOutput; event: TrainEvent }
  /**
   * Makes the last weights that the running training kept for this known under a name, as `network.set` does: after the
   * epoch that is told. null where there are none that were not asked for before.
   */
  'train.snapshot': { input: { name: string }; output: { epoch: number; scale: number } | null; event: never }
  /** V of all the states one after another, by each network. No model need be loaded for this and the next two. */
  values: { input: { networks: Network[]; states: StoredStates[] }; output: Float32Array[]; event: never }
  /** the mean over all the states of dV/dh, and of the states themselves; of their lengths |dV/dh| and |h|, too */
  'gradient.mean': { input: { network: Network; states: StoredStates[] }; output: MeanGradient; event: never }
  /** each token by itself, by the vocabulary of the loaded model; bytes that are no whole letter as \xE2 */
  'token.texts': { input: { tokens: Int32Array }; output: string[]; event: never }
  /** the text of each token by the vocabulary of a file; a letter of several tokens is the last one's */
  pieces: { input: { file: string; responses: Int32Array[] }; output: string[][]; event: never }
}

export type HostMethod = keyof HostMethods

export type ToHost = { [M in HostMethod]: { id: number; method: M; input: HostMethods[M]['input'] } }[HostMethod] | { id: number; cancel: true }

export type FromHost =
  | { id: number; output: unknown }
  | { id: number; failure: Failure }
  | { id: number; event: HostMethods[HostMethod]['event'] }
