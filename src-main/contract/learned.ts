/** What a value function has learned: where on its collection V is high and low, what it goes with, and which tokens an edit makes likelier. */
import { z } from 'zod'
import { id } from './shared.ts'

const count = z.int().min(0)

/** Of V over all states of some responses, in standard deviations of the reward above its mean; null of no states. */
export const valueStates = z.object({ responses: count, states: count, mean: z.number().nullable(), sd: z.number().nullable(), min: z.number().nullable(), max: z.number().nullable() })
export type ValueStates = z.infer<typeof valueStates>

/**
 * A place in an unseen response. A token's value is V of the state that it was drawn from, as everywhere in the studio:
 * that state has read the tokens before it, and not the token itself.
 */
export const valueContext = z.object({
  response: id,
  prompt: z.string(),
  reward: z.number(),
  /** tokens of the whole response */
  length: count,
  /** the first of `tokens`, counted from 0 in the response */
  from: count,
  /** index in `tokens`: drawn from the state that is highest or lowest; or the one whose reading moved V most */
  marked: count,
  /** V of the marked token's state; of a rise or fall V of the next token's state, which has read the marked one */
  value: z.number(),
  /** of a rise or fall: V(h_t) - V(h_t-1) */
  change: z.number().nullable(),
  tokens: z.array(z.object({ text: z.string(), value: z.number() }))
})
export type ValueContext = z.infer<typeof valueContext>

/** Spearman's rho with its 95 % bootstrap interval, prompts being drawn again; null where one of the two never changes, or for fewer than three prompts. */
export const rankCorrelation = z.object({ rho: z.number().nullable(), low: z.number().nullable(), high: z.number().nullable(), responses: count })
export type RankCorrelation = z.infer<typeof rankCorrelation>

export const valueReading = z.object({
  valueFunction: id,
  /** V in the reward's own unit is rewardMean + rewardScale V */
  rewardMean: z.number(),
  rewardScale: z.number(),
  training: valueStates,
  unseen: valueStates,
  /** states at which V is no finite number; they are in nothing else */
  notFinite: count,
  /** From the lowest V; equally wide, without gaps. */
  histogram: z.array(z.object({ from: z.number(), to: z.number(), training: count, unseen: count })),
  /** Of unseen responses, at most one a response and list; the most extreme first. */
  contexts: z.object({ highest: z.array(valueContext), lowest: z.array(valueContext), rises: z.array(valueContext), falls: z.array(valueContext) }),
  /** Over unseen responses, V being its mean over a response's tokens. */
  correlations: z.object({
    reward: rankCorrelation,
    /** tokens of the response */
    length: rankCorrelation,
    rewardAndLength: rankCorrelation,
    /** partial: what is left of `reward` when length is held fixed */
    rewardGivenLength: rankCorrelation,
    /** within a response, of V with the token's number; the mean over a prompt's responses, and then over the prompts */
    position: rankCorrelation
  }),
  /** Plain sentences on what a reader should doubt; empty where nothing was found. */
  remarks: z.array(z.string())
})
export type ValueReading = z.infer<typeof valueReading>

export const movedToken = z.object({
  token: z.int(),
  text: z.string(),
  /** of its logit, less the mean change over the vocabulary, which the softmax does not see */
  change: z.number(),
  /** standard deviation of that over the states; of a plain output head it is that of rounding */
  spread: z.number()
})
export type MovedToken = z.infer<typeof movedToken>

/** What a move of the last state along the mean gradient of V does to the logits of all tokens. */
export const promotedTokens = z.object({
  valueFunction: id,
  /** whether the states are those of unseen responses; false where none are known */
  unseen: z.boolean(),
  /** states over which the gradient is averaged */
  gradientStates: count,
  /** |mean of dV/dh| / mean of |dV/dh|: 1 where the gradient points the same way everywhere, as a linear V's does */
  common: z.number(),
  /** |Delta h| as a share of the mean |h| */
  move: z.number(),
  /** that V gains by it to first order, on average over the states, in standard deviations of the reward */
  gain: z.number(),
  /** states whose logits were compared */
  states: count,
  /** mean over them of KL(moved || as they were), in nats */
  kl: z.number(),
  vocabulary: count,
  promoted: z.array(movedToken),
  suppressed: z.array(movedToken)
})
export type PromotedTokens = z.infer<typeof promotedTokens>

/** How far a reading is. */
export const readingProgress = z.object({ valueFunction: id, what: z.enum(['states', 'tokens']), done: count, total: count })
