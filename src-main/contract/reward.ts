/** Reward sources, labellings and what they gave. */
import { z } from 'zod'
import { chosenSettings, id, settingsSchema } from './shared.ts'

export const rewardSource = z.object({
  name: z.string(),
  title: z.string(),
  description: z.string(),
  settings: settingsSchema
})
export type RewardSource = z.infer<typeof rewardSource>

/** What rewards are called: the source's name unless they are given another, so that two rubrics can stand side by side. */
export const rewardName = z.string().trim().min(1).max(60).regex(/^[^=,\n]*$/, 'a name holds no "=", comma or line break')

/** What a key is called where it is kept. Whoever gives the key itself instead is told so before anything keeps it. */
export const keyName = z
  .string()
  .regex(/^[\w.-]{1,40}$/, 'the name of a key is up to 40 letters, digits, dots, dashes and underscores')
  .refine((name) => !/^(sk|hf|gsk|xai|pk|rk|nvapi|key|AIza)[-_]?(?=.*\d)[\w-]{16,}$/i.test(name), 'this looks like a key itself: keep it under a name, and give that')

export const labelSettings = z.object({
  collection: id,
  source: z.string(),
  /** null: the source's name */
  name: rewardName.nullable().default(null),
  settings: chosenSettings.default({})
})
export type LabelSettings = z.infer<typeof labelSettings>

export const rewardSummary = z.object({
  name: z.string(),
  source: z.string(),
  settings: chosenSettings,
  labelled: z.int(),
  failed: z.int(),
  /** responses that were never tried */
  waiting: z.int(),
  mean: z.number().nullable(),
  sd: z.number().nullable(),
  min: z.number().nullable(),
  max: z.number().nullable(),
  /** Equal bins from the lowest to the highest reward. */
  histogram: z.array(z.object({ from: z.number(), to: z.number(), count: z.int() })),
  failures: z.array(z.object({ response: id, reason: z.string() }))
})
export type RewardSummary = z.infer<typeof rewardSummary>

/** Two rewards of the same responses; null where there are fewer than three, or one of them never changes. */
export const rewardCorrelation = z.object({ a: z.string(), b: z.string(), responses: z.int(), pearson: z.number().nullable(), spearman: z.number().nullable() })
export type RewardCorrelation = z.infer<typeof rewardCorrelation>

/** What a labelling would do, before it starts. */
export const rewardPreview = z.object({
  /** still to be labelled */
  responses: z.int(),
  /** the first of them exactly as the source gets it; null where the source sees the bare text */
  sample: z.string().nullable(),
  /** e.g. requests, tokens, cost */
  facts: z.array(z.object({ name: z.string(), value: z.string() }))
})
export type RewardPreview = z.infer<typeof rewardPreview>
