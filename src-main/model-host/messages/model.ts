/** Opening a backend, loading a model, and the prompts that a model gets. */
import type { Message } from '../../contract/data.ts'
import type { Device, LoadedModel } from '../../contract/device.ts'

/** What a backend has here. */
export interface OpenOutput {
  /** whether its libraries are open now: this process can then open no other backend */
  open: boolean
  /** graphics processors */
  gpus: Device[]
  /** the processor, as the open backend's folder has it; null where nothing is open */
  cpu: Device | null
  /** why there is none that can be used; null when there is one, and for the backend cpu */
  problem: string | null
}

export interface LoadInput {
  file: string
  sha256: string
  /** tokens that all sequences share */
  contextTokens: number
  sequences: number
  /** of one step: those of the running responses, and as much of new prompts as there is room for; null: measured */
  batchTokens: number | null
  /** null: measured */
  threads: number | null
  /** on the GPUs of the open backend, from the last layer on, the output head counted as one */
  gpuLayers: number
  /** It writes text, unless it is to give a text's logits by the classification head of its file, or by this one, or a text's embedding. */
  scores?: 'own-head' | Head | 'embedding'
}

/** logits = W h + b of the state of a text's last token */
export interface Head {
  /** (labels, D), row-major */
  weight: Float32Array
  /** (labels) */
  bias: Float32Array
}

/** The engine knows the rest: why this device, and what else there is. */
export type HostModel = Omit<LoadedModel, 'backend' | 'reason' | 'candidates'> & { stateSize: number }

/**
 * What a prompt is before it is tokens: a conversation for the chat template, or the text as it stands. A conversation
 * that is `whole` ends with its last turn; otherwise the assistant's turn is begun.
 */
export type Prompt = { messages: Message[]; whole?: boolean } | { text: string }

export interface RenderOutput {
  /** as the model gets it, special tokens as text */
  text: string
  tokens: number
  /** whether the model's own chat template was applied */
  templated: boolean
}
