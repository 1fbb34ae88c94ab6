/** Steering methods and the tokens that they give. */
import { z } from 'zod'
import { chosenSettings, settingsSchema } from './shared.ts'

export const steeringMethod = z.object({
  name: z.string(),
  title: z.string(),
  description: z.string(),
  /** Paper or page that the method comes from. */
  source: z.string(),
  settings: settingsSchema
})
export type SteeringMethod = z.infer<typeof steeringMethod>

export const methodChoice = z.object({
  name: z.string(),
  settings: chosenSettings.default({})
})
export type MethodChoice = z.infer<typeof methodChoice>

const topToken = z.object({ token: z.int(), text: z.string(), probability: z.number() })

/** One token of an answer that was read again: whole vocabulary, temperature 1, probabilities and not their logs. */
export const tokenReading = z.object({
  /** KL(method || base) in nats before this token; null where the method has no distribution of the next token */
  kl: z.number().nullable(),
  /** of this token, under the base model with the plain conversation and under the method */
  baseProbability: z.number(),
  probability: z.number().nullable(),
  /** what each thought most probable here */
  baseTop: topToken,
  top: topToken.nullable()
})
export type TokenReading = z.infer<typeof tokenReading>

/** One generated token. The value fields are null where the method uses no value function. */
export const tokenStep = z.object({
  token: z.int(),
  text: z.string(),
  valueBefore: z.number().nullable(),
  valueAfter: z.number().nullable(),
  /** |Delta h| / |h| */
  edit: z.number().nullable(),
  /** absent until chat.tokens was asked */
  reading: tokenReading.optional()
})
export type TokenStep = z.infer<typeof tokenStep>
