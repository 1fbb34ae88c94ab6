/** Ratings by people. */
import { z } from 'zod'
import { id } from './shared.ts'

/** 1: good, or the first of a pair is better; -1: bad, or the second is; 0: neither. */
export const ratingValue = z.union([z.literal(1), z.literal(0), z.literal(-1)])
export type RatingValue = z.infer<typeof ratingValue>

export const ratingTask = z.object({
  /** one response, or two of one prompt in a random order */
  responses: z.array(z.object({ id, text: z.string() })).min(1).max(2),
  prompt: z.string()
})
export type RatingTask = z.infer<typeof ratingTask>

/** Over what was rated twice: how often both say the same, and Cohen's kappa. */
export const agreement = z.object({ compared: z.int(), agreed: z.number().nullable(), kappa: z.number().nullable() })
export type Agreement = z.infer<typeof agreement>

export const ratingSummary = z.object({
  /** of single responses, and of pairs, by everybody */
  singles: z.int(),
  pairs: z.int(),
  /** by this rater in this mode: done, and still to do with what comes again */
  own: z.int(),
  left: z.int(),
  raters: z.array(z.string()),
  /** this rater the first and the second time, in this mode */
  self: agreement,
  /** every two raters, in this mode */
  others: agreement
})
export type RatingSummary = z.infer<typeof ratingSummary>
