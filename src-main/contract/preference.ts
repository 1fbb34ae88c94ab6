/** Preference heads. */
import { z } from 'zod'
import { id } from './shared.ts'

export const preferenceSettings = z.object({
  dataset: id,
  /** pairs of each split at most */
  limit: z.int().positive().nullable().default(null),
  /** of an answer; more are cut off */
  maxTokens: z.int().min(1).max(4096).default(256),
  seed: z.int().min(0).max(0xffffffff).default(1)
})
export type PreferenceSettings = z.infer<typeof preferenceSettings>

/** A share of held-out pairs with its 95 % interval. */
export const share = z.object({ accuracy: z.number(), low: z.number(), high: z.number() })
export type Share = z.infer<typeof share>

/** A Bradley-Terry head, w h + b, on the mean of the base model's states of an answer. */
export const preferenceHead = z.object({
  id,
  dataset: id.nullable(),
  datasetName: z.string(),
  created: z.string(),
  settings: preferenceSettings,
  inputDim: z.int(),
  /** SHA-256 of the base model */
  model: z.string(),
  trainPairs: z.int(),
  heldOutPairs: z.int(),
  /** pairs that could not be used: too long for the model, the same answer twice, or a held-out one whose prompt is trained on */
  skipped: z.int(),
  /** L2 penalty on standardised states, chosen by cross-validation on the training pairs */
  strength: z.number(),
  /** Share of held-out pairs whose chosen answer has the higher reward, with its 95 % interval. */
  accuracy: z.number().nullable(),
  low: z.number().nullable(),
  high: z.number().nullable(),
  trainAccuracy: z.number(),
  /** On the same held-out pairs: a plain logistic probe, which learns from single answers, and the head's lead over it (a difference). */
  probe: share.nullable(),
  lead: share.nullable(),
  /** and the rule that the longer answer is the better one */
  longer: share.nullable()
})
export type PreferenceHead = z.infer<typeof preferenceHead>
