/** Texts that are read for the logits of a head or for an embedding. */
import type { Prompt } from './model.ts'

export interface ScoreInput {
  requests: { key: number; prompt: Prompt }[]
}

export interface ScoredEvent {
  kind: 'scored'
  key: number
  /** raw, one a label */
  logits: Float32Array
}

export interface EmbedInput {
  requests: { key: number; text: string }[]
}

export interface EmbeddedEvent {
  kind: 'embedded'
  key: number
  /** not normalised */
  embedding: Float32Array
  /** whether the text was longer than the model takes */
  cut: boolean
}
