/** What the base model and a method say of responses that are there already. */
import type { ControlInput } from './generate.ts'
import type { Prompt } from './model.ts'

/** A response that is there already, to be measured by the probabilities of its tokens. */
export interface LikelihoodRequest {
  key: number
  /** of the base model: the conversation without any method */
  prompt: Prompt
  /** its tokens; of a text the tokens without an end token, as nobody knows whether it was cut */
  response: Int32Array | string
  /** What a method makes of the base: its own prompt, its edit of the states. null: nothing to compare with */
  own: { prompt: Prompt; control: ControlInput | null } | null
  /** whether its states and the most probable tokens are wanted too */
  closely?: boolean
  /** whether the change of every token's logit from the base to the method is wanted too */
  changes?: boolean
}

export interface LikelihoodInput {
  /** each is read by itself: its figures do not depend on what else there is */
  requests: LikelihoodRequest[]
}

/** In nats, one number a token of the response, over the whole vocabulary at temperature 1. */
export interface LikelihoodEvent {
  kind: 'likelihood'
  key: number
  tokens: Int32Array
  /** log of the token's probability under the base model, and under the method; null without one */
  base: Float64Array
  own: Float64Array | null
  /** KL(method || base) after the tokens before this one */
  divergence: Float64Array | null
  /** of the method's distribution, or else of the base's */
  entropy: Float64Array
  /** null unless asked for */
  closely: {
    /** the most probable token in each token's place, by the base model and by the method; null without one */
    baseTop: TopToken[]
    ownTop: TopToken[] | null
    /** (tokens, D) float16: what the method's tokens were drawn from before any edit; without a method the base's */
    states: Uint16Array
  } | null
  /** null unless asked for */
  changes: LogitChanges | null
}

/**
 * Logits under the method - logits under the base, less the mean of that over the vocabulary, which the softmax does not
 * see: a sum and a sum of squares over the states of a response, one a token of the vocabulary.
 */
export interface LogitChanges {
  sum: Float64Array
  squares: Float64Array
}

export interface TopToken {
  token: number
  /** special tokens as text; bytes that are no whole letter as \xE2 */
  text: string
  probability: number
}
