/** Value functions: their training, their figures, comparisons. */
import { z } from 'zod'
import { share } from './preference.ts'
import { id } from './shared.ts'

/**
 * What a value function is trained by: the paper's loss; the same with V(h_t+1) differentiated; TD(lambda); the reward at
 * every token; the loss as the paper's public code has it (full gradient, the reward at the first token instead of the
 * last); Pref-CTRL's, which adds what pairs of answers say to the paper's (`pairs.ts`); or no training: V along the
 * difference of the mean states of high and low rewards, or along the mean gradient of another value function.
 */
export const objective = z.enum(['semi-gradient', 'full-gradient', 'td-lambda', 'monte-carlo', 'as-published', 'pref-ctrl', 'difference-of-means', 'mean-gradient'])
export type Objective = z.infer<typeof objective>

export const trainSettings = z.object({
  collection: id,
  source: z.string().default('tone'),
  hidden: z.int().min(1).max(16384).default(1024),
  /** hidden layers; 0: a linear V */
  layers: z.int().min(0).max(2).default(1),
  learningRate: z.number().positive().max(1).default(1e-4),
  /** Decoupled (AdamW), of weights and not biases. */
  weightDecay: z.number().min(0).max(1).default(0),
  /** The gradient of all parameters is scaled down to this length; null never clips. */
  clipNorm: z.number().positive().nullable().default(null),
  /** Batches over which the learning rate rises to its full value. */
  warmupSteps: z.int().min(0).max(1_000_000).default(0),
  batch: z.int().min(1).max(65536).default(512),
  epochs: z.int().min(1).max(10000).default(100),
  /** Stop when the return error of the validation prompts has not improved for so many epochs; 0 never stops early. */
  patience: z.int().min(0).max(10000).default(10),
  validation: z.number().min(0).max(0.5).default(0.15),
  objective: objective.default('semi-gradient'),
  /** of td-lambda */
  lambda: z.number().min(0).max(1).default(0.9),
  /**
   * Collections of the data set's chosen and of its rejected answers: pref-ctrl trains on their pairs; with any other
   * objective they only tell how often V is higher for the chosen one of an unseen pair.
   */
  preferred: id.nullable().default(null),
  dispreferred: id.nullable().default(null),
  /** of pref-ctrl: of -log sigmoid(V+ - V-), and of (V_gen - V+)^2; the paper's code adds the parts as they are */
  marginWeight: z.number().min(0).max(1000).default(1),
  regulariserWeight: z.number().min(0).max(1000).default(1),
  /** of mean-gradient: the value function whose gradient is averaged over the collection's training states */
  of: id.nullable().default(null),
  /** An ensemble: so many are trained from seeds that follow each other, and V is their mean. */
  members: z.int().min(1).max(16).default(1),
  standardise: z.boolean().default(true),
  seed: z.int().min(0).max(0xffffffff).default(1),
  /** When the value function of the moment steers a few answers: never, at each new best epoch, or every so many epochs. They change nothing in the training. */
  samples: z.enum(['none', 'best', 'every']).default('none'),
  samplesEvery: z.int().min(1).max(10000).default(10),
  /** of RE-Control in these answers */
  samplesAlpha: z.number().min(0).max(20).default(2.5),
  samplesUpdates: z.int().min(0).max(500).default(30)
})
export type TrainSettings = z.infer<typeof trainSettings>

export const epoch = z.object({
  epoch: z.int(),
  trainLoss: z.number(),
  validationLoss: z.number(),
  /** Mean over the validation states of (V(h_t) - r)^2, in standardised rewards: 1 is no better than their mean. */
  returnError: z.number(),
  correlation: z.number()
})
export type Epoch = z.infer<typeof epoch>

export const valueFunction = z.object({
  id,
  name: z.string(),
  collection: id.nullable(),
  source: z.string(),
  created: z.string(),
  inputDim: z.int(),
  hiddenDims: z.array(z.int()),
  /** c of x = (h - mu) / c: a step of alpha in x is a step of alpha c^2 in h. */
  scale: z.number(),
  /** V predicts (reward - rewardMean) / rewardScale. */
  rewardMean: z.number(),
  rewardScale: z.number(),
  settings: trainSettings.nullable(),
  /** of an ensemble; 1: it is none */
  members: z.int(),
  /** of an ensemble those of its first member; the losses are the means over the members, the other figures those of V itself */
  epochs: z.int(),
  bestEpoch: z.int(),
  trainLoss: z.number(),
  validationLoss: z.number(),
  returnError: z.number(),
  correlation: z.number(),
  /** How often V is higher for the chosen answer of an unseen pair; null where no pairs were given or none is unseen. */
  pairs: share.extend({ pairs: z.int() }).nullable()
})
export type ValueFunction = z.infer<typeof valueFunction>

/** Where V stands, of a response, from 0 (its first token) to 1, and how wrong it is there, in standardised rewards. */
export const valuePosition = z.object({
  from: z.number(),
  to: z.number(),
  tokens: z.int(),
  /** mean of (V(h_t) - r)^2 */
  error: z.number(),
  /** mean of V(h_t) - r */
  bias: z.number()
})
export type ValuePosition = z.infer<typeof valuePosition>

/** How far an ensemble's members disagree at unseen tokens: standard deviations over the members, in standardised rewards. */
export const valueSpread = z.object({
  tokens: z.int(),
  mean: z.number(),
  /** mean of |V(h_t) - r| */
  error: z.number(),
  /** of |V(h_t) - r| with the spread, over the tokens: above 0 where the spread tells something; null where it is not defined */
  correlation: z.number().nullable()
})
export type ValueSpread = z.infer<typeof valueSpread>

export const valueMember = z.object({ seed: z.int(), epochs: z.int(), bestEpoch: z.int(), trainLoss: z.number(), validationLoss: z.number(), returnError: z.number(), correlation: z.number() })
export type ValueMember = z.infer<typeof valueMember>

/** Answers to a few unseen prompts, all from one seed: by the base model, and steered by the value function as it was after some epochs. */
export const trainingSamples = z.object({
  alpha: z.number(),
  updates: z.int(),
  prompts: z.array(z.string()),
  /** one a prompt */
  base: z.array(z.string()),
  epochs: z.array(z.object({
    epoch: z.int(),
    /** one a prompt; means over its tokens of V, in standard deviations of the reward above its mean, and of |Delta h| / |h| */
    answers: z.array(z.object({ text: z.string(), valueBefore: z.number().nullable(), valueAfter: z.number().nullable(), edit: z.number().nullable() }))
  }))
})
export type TrainingSamples = z.infer<typeof trainingSamples>

export const valueFunctionDetail = valueFunction.extend({
  curve: z.array(epoch),
  /** Validation responses: the reward and the value at the last token, both in the reward's units. */
  calibration: z.array(z.object({ reward: z.number(), predicted: z.number() })),
  /** of an ensemble, in their order; empty where it is none */
  memberFigures: z.array(valueMember),
  /** Of unseen responses; empty without any, and for value functions from before this was measured. */
  positions: z.array(valuePosition),
  spread: valueSpread.nullable(),
  /** of its training, where they were asked for; of an ensemble those of its first member */
  samples: trainingSamples.nullable()
})
export type ValueFunctionDetail = z.infer<typeof valueFunctionDetail>

/** An unseen response with V at every token, in the reward's units. */
export const valueAlong = z.object({
  response: id,
  prompt: z.string(),
  reward: z.number(),
  /** mean of (V(h_t) - r)^2, in standardised rewards */
  error: z.number(),
  /** spread: the standard deviation over an ensemble's members; null without one */
  tokens: z.array(z.object({ text: z.string(), value: z.number(), spread: z.number().nullable() }))
})
export type ValueAlong = z.infer<typeof valueAlong>

/** Value functions side by side. */
export const valueComparison = z.object({
  /** settings that are not the same for all, one text a value function */
  settings: z.array(z.object({ name: z.string(), values: z.array(z.string()) })),
  rows: z.array(z.object({
    id,
    name: z.string(),
    members: z.int(),
    epochs: z.int(),
    bestEpoch: z.int(),
    /** unseen responses, whose errors these are */
    heldOut: z.int(),
    returnError: z.number(),
    correlation: z.number(),
    pairs: valueFunction.shape.pairs,
    /** Of the mean error of a response to that of the first value function, over the same unseen responses, with its 95 % interval; null where those are others. */
    difference: z.object({ mean: z.number(), low: z.number(), high: z.number(), responses: z.int() }).nullable()
  }))
})
export type ValueComparison = z.infer<typeof valueComparison>
