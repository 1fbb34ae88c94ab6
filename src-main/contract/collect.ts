/** Collections of responses and their states. */
import { z } from 'zod'
import { split } from './data.ts'
import { deterministic, id, sampling } from './shared.ts'

/** Where a collection's responses come from: drawn by the model, or the data set's own, of which it takes the states only. */
export const responseOrigin = z.enum(['generated', 'chosen', 'rejected'])

export const collectSettings = z.object({
  dataset: id,
  responses: responseOrigin.default('generated'),
  split: split.nullable().default('train'),
  limit: z.int().positive().nullable().default(null),
  samples: z.int().min(1).max(64).default(1),
  maxTokens: z.int().min(1).max(4096).default(128),
  parallel: z.int().min(1).max(64).default(16),
  deterministic,
  seed: z.int().min(0).max(0xffffffff).default(1),
  sampling: sampling.prefault({})
})
export type CollectSettings = z.infer<typeof collectSettings>

export const collection = z.object({
  id,
  dataset: id,
  datasetName: z.string(),
  created: z.string(),
  settings: collectSettings,
  planned: z.int(),
  responses: z.int(),
  tokens: z.int(),
  states: z.int(),
  bytes: z.number(),
  /** Over all its runs; null before one ended. */
  tokensPerSecond: z.number().nullable()
})
export type Collection = z.infer<typeof collection>

/** A collection as safetensors with its texts beside, in a new folder. */
export const exportStatesSettings = z.object({ collection: id, directory: z.string().min(1).max(4096).regex(/^[^\0]*$/, 'a path holds no null characters') })
export type ExportStatesSettings = z.infer<typeof exportStatesSettings>

/** Such a folder or one file of it, or the features of the public Python code (token_wise_activations_*.pth). */
export const importStatesSettings = z.object({ path: z.string().min(1).max(4096).regex(/^[^\0]*$/, 'a path holds no null characters') })
export type ImportStatesSettings = z.infer<typeof importStatesSettings>

export const response = z.object({
  id,
  example: id,
  sample: z.int(),
  prompt: z.string(),
  text: z.string(),
  tokens: z.int(),
  /** 'end' when the model stopped by itself, 'length' at maxTokens. */
  finish: z.enum(['end', 'length']),
  reward: z.number().nullable(),
  rewardFailure: z.string().nullable()
})
export type Response = z.infer<typeof response>
