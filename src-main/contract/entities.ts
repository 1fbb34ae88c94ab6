/** What the engine keeps and shows: the shared types of window, terminal and engine, as zod schemas. */
import { z } from 'zod'

export const id = z.int().positive()

/** Draws one response: llama.cpp's samplers in the order top-k, top-p, min-p, temperature. Temperature 0 is greedy. */
export const sampling = z.object({
  temperature: z.number().min(0).max(5).default(0.7),
  topK: z.int().min(0).max(1000).default(50),
  topP: z.number().gt(0).max(1).default(0.95),
  minP: z.number().min(0).max(1).default(0)
})
export type Sampling = z.infer<typeof sampling>

// Model

export const modelFacts = z.object({
  file: z.string(),
  bytes: z.number(),
  name: z.string().nullable(),
  architecture: z.string(),
  parameters: z.number(),
  embeddingLength: z.number(),
  blockCount: z.number(),
  contextLength: z.number(),
  vocabularySize: z.number().nullable(),
  quantization: z.string(),
  licence: z.string().nullable(),
  hasChatTemplate: z.boolean(),
  /** Bytes by part, as the file has them, and what a loaded model needs beside them. */
  sizes: z.object({
    /** weights of each layer, the first one first */
    layers: z.array(z.number()),
    /** weights of the output head */
    output: z.number(),
    /** weights that a graphics processor needs a copy of for the output head, where it is the token embeddings once more */
    shared: z.number(),
    /** of one layer's KV cache, for each token of the context */
    cachePerToken: z.number(),
    /** intermediate results, for each token of a step */
    computePerToken: z.number()
  }),
  /** Bytes that loading without a graphics processor needs: weights, KV cache and compute buffers for the studio's context. */
  memoryNeeded: z.number(),
  memoryAvailable: z.number(),
  fits: z.boolean()
})
export type ModelFacts = z.infer<typeof modelFacts>

export const catalogueModel = z.object({
  id: z.string(),
  title: z.string(),
  licence: z.string(),
  bytes: z.number(),
  sha256: z.string(),
  file: z.string(),
  /** Whether `file` is there, whole and checked. */
  present: z.boolean()
})
export type CatalogueModel = z.infer<typeof catalogueModel>

// Project

export const stageName = z.enum(['model', 'data', 'collect', 'reward', 'train', 'chat', 'evaluate'])
export type StageName = z.infer<typeof stageName>

export const project = z.object({
  id: z.string(),
  name: z.string(),
  path: z.string(),
  modelFile: z.string().nullable(),
  /** whether that file is there: the sample's is fetched first */
  modelPresent: z.boolean(),
  created: z.string(),
  /** How much there is, for the rail's states. */
  counts: z.object({
    datasets: z.int(),
    examples: z.int(),
    collections: z.int(),
    responses: z.int(),
    rewards: z.int(),
    valueFunctions: z.int(),
    evaluations: z.int()
  })
})
export type Project = z.infer<typeof project>

/** Why a copy of project.db was made: before its schema changed, as the day's first, or because somebody asked. */
export const backupReason = z.enum(['migration', 'daily', 'request'])
export type BackupReason = z.infer<typeof backupReason>

export const backup = z.object({
  /** its file in the project's backups/ */
  name: z.string(),
  created: z.string(),
  bytes: z.int(),
  /** the schema version that it has; a restored older one is migrated when it is opened */
  schema: z.int(),
  reason: backupReason
})
export type Backup = z.infer<typeof backup>

// Data

export const split = z.enum(['train', 'held-out'])
export type Split = z.infer<typeof split>

export const message = z.object({ role: z.enum(['system', 'user', 'assistant']), content: z.string() })
export type Message = z.infer<typeof message>

export const dataFormat = z.enum(['hh-rlhf', 'preference', 'implicit-preference', 'shp', 'conversation', 'unpaired', 're-control', 'prompts'])
export type DataFormat = z.infer<typeof dataFormat>

/** A file on this machine, or one of the hub that was fetched before: hf://datasets/<owner>/<name>[@<revision>]/<path>. */
export const dataFile = z.string().min(1).max(4096).regex(/^[^\0]*$/, 'a path holds no null characters')

export const importSettings = z.object({
  file: dataFile,
  /** null: recognised from the first rows */
  format: dataFormat.nullable().default(null),
  /** part -> column, e.g. prompt -> question */
  map: z.record(z.string(), z.string()).default({}),
  /** share of the prompts that are held out, where the rows do not say so themselves; equal prompts stay together */
  heldOut: z.number().min(0).max(0.9).default(0.2),
  seed: z.int().min(0).max(0xffffffff).default(0),
  /** rows whose prompt and answers an earlier row has had */
  duplicates: z.enum(['keep', 'drop']).default('keep')
})
export type ImportSettings = z.infer<typeof importSettings>

export const dataset = z.object({
  id,
  name: z.string(),
  source: z.string(),
  format: dataFormat,
  imported: z.string(),
  examples: z.int(),
  train: z.int(),
  heldOut: z.int(),
  /** examples that repeat an earlier one */
  duplicates: z.int(),
  rejected: z.int()
})
export type Dataset = z.infer<typeof dataset>

/** Which of the data set's own answers an example has: both, the preferred or the dispreferred one alone, or none. */
export const answersKept = z.enum(['pair', 'chosen', 'rejected', 'none'])
export type AnswersKept = z.infer<typeof answersKept>

export const exampleFilter = z.object({
  /** words, each found as the beginning of a word of prompt or answers; "quoted words" as a phrase */
  search: z.string().max(1000).default(''),
  split: split.nullable().default(null),
  answers: answersKept.nullable().default(null),
  duplicates: z.enum(['all', 'first', 'repeated']).default('all'),
  /** characters of prompt and answers */
  minLength: z.int().min(0).nullable().default(null),
  maxLength: z.int().min(0).nullable().default(null),
  /** only examples with a response whose reward under this name is within the bounds */
  reward: z.object({ name: z.string(), min: z.number().nullable().default(null), max: z.number().nullable().default(null) }).nullable().default(null)
})
export type ExampleFilter = z.infer<typeof exampleFilter>

export const exampleOrder = z.enum(['line', 'shortest', 'longest'])
export type ExampleOrder = z.infer<typeof exampleOrder>

/** An example in a list: no text of it is long. */
export const exampleRow = z.object({
  id,
  line: z.int(),
  split,
  /** the prompt's end, which is what tells prompts apart, on one line */
  excerpt: z.string(),
  answers: answersKept,
  length: z.int(),
  /** line of the first example that is the same; null for the first */
  duplicateOf: z.int().nullable()
})
export type ExampleRow = z.infer<typeof exampleRow>

export const example = exampleRow.extend({
  prompt: z.string(),
  messages: z.array(message),
  chosen: z.string().nullable(),
  rejected: z.string().nullable(),
  /** the row's other columns, as text */
  columns: z.array(z.object({ name: z.string(), value: z.string() }))
})
export type Example = z.infer<typeof example>

export const rejectedRow = z.object({ line: z.int(), reason: z.string() })
export type RejectedRow = z.infer<typeof rejectedRow>

export const previewRow = z.object({
  line: z.int(),
  split,
  prompt: z.string(),
  messages: z.array(message),
  chosen: z.string().nullable(),
  rejected: z.string().nullable(),
  /** what is suspicious about it, e.g. that the prompt holds the answer */
  warnings: z.array(z.string())
})

export const dataPreview = z.object({
  format: dataFormat,
  columns: z.array(z.string()),
  /** parts of the format that a column can be mapped to, in the order of a form */
  parts: z.array(z.string()),
  rows: z.array(previewRow),
  rejected: z.array(rejectedRow)
})
export type DataPreview = z.infer<typeof dataPreview>

/** A data set of the Hugging Face hub at one revision. */
export const hubDataset = z.object({
  name: z.string(),
  revision: z.string(),
  licence: z.string().nullable(),
  files: z.array(z.object({
    path: z.string(),
    /** what data.import takes */
    file: dataFile,
    bytes: z.number(),
    sha256: z.string().nullable(),
    /** whether it is here, whole and checked */
    present: z.boolean()
  }))
})
export type HubDataset = z.infer<typeof hubDataset>

export const exportSettings = z.object({
  what: z.enum(['examples', 'rejected', 'responses']),
  /** a data set, or a collection for responses */
  of: id,
  /** of examples: which */
  filter: exampleFilter.prefault({}),
  file: z.string().min(1).max(4096),
  /** re-control: the public code's [{prompt, result, response}], for responses */
  format: z.enum(['jsonl', 'csv', 'parquet', 're-control'])
})
export type ExportSettings = z.infer<typeof exportSettings>

// Collect

/** Where a collection's responses come from: drawn by the model, or the data set's own, of which it takes the states only. */
export const responseOrigin = z.enum(['generated', 'chosen', 'rejected'])

/** Each response by itself: its tokens and states do not depend on what runs beside it, on `parallel` or on a pause. */
const deterministic = z.boolean().default(false)

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

// Settings of methods and reward sources

const isSetting = (value: unknown): boolean => value === null || ['string', 'number', 'boolean'].includes(typeof value)

/** As they come from a form or from flags; the method's or the source's own schema checks them further. */
export const chosenSettings = z
  .record(z.string(), z.unknown())
  .refine((settings) => Object.values(settings).flat().every(isSetting), 'settings are texts, numbers, switches and lists of them')

// Reward

export const settingsSchema = z.record(z.string(), z.unknown()) // JSON Schema of a method's or a source's settings

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

// Ratings by people

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

// Preference heads

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

// Train

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

/**
 * The plane of a landscape: the first two principal components of the states; or the first one and the mean direction of
 * V's gradient, along which the updates go.
 */
export const landscapePlane = z.enum(['components', 'ascent'])
export type LandscapePlane = z.infer<typeof landscapePlane>

/** V on a plane through the mean of a collection's states, in standard deviations of the reward above its mean. */
export const landscape = z.object({
  plane: landscapePlane,
  /** shares of the states' variance along x and y */
  explained: z.tuple([z.number(), z.number()]),
  /** how many the plane was found from */
  states: z.int(),
  x: z.object({ min: z.number(), max: z.number() }),
  y: z.object({ min: z.number(), max: z.number() }),
  /** grid points along each axis */
  size: z.int(),
  /** (size, size), row by row from the lowest y */
  values: z.array(z.number()),
  /** some of the states; their values are those where they are, which is off the plane */
  points: z.array(z.object({ x: z.number(), y: z.number(), value: z.number() }))
})
export type Landscape = z.infer<typeof landscape>

/** A state before any update and after each. */
export const landscapePath = z.object({
  /** of the response */
  tokens: z.int(),
  steps: z.array(z.object({ x: z.number(), y: z.number(), value: z.number() })),
  /** |Delta h| / |h| at the end */
  edit: z.number()
})
export type LandscapePath = z.infer<typeof landscapePath>
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

// Control

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

/** How one pane's answer ended; the reward is its tone. */
export const answerEnd = z.object({
  finish: z.enum(['end', 'length', 'stopped']),
  tokensPerSecond: z.number(),
  reward: z.number().nullable()
})
export type AnswerEnd = z.infer<typeof answerEnd>

/** An answer read again after it had ended. */
export const answerReading = z.object({
  /** one a step */
  tokens: z.array(tokenReading),
  /** why there is no KL; null where there is */
  note: z.string().nullable()
})
export type AnswerReading = z.infer<typeof answerReading>

export const chatPane = z.object({
  method: methodChoice,
  text: z.string(),
  steps: z.array(tokenStep),
  end: answerEnd.nullable(),
  /** thumbs up or down */
  rating: ratingValue.nullable().default(null)
})
export type ChatPane = z.infer<typeof chatPane>

/** One prompt in a conversation with every pane's answer. */
export const chatTurn = z.object({
  turn: id,
  conversation: id,
  /** the turn that it goes on from; null: it begins the conversation */
  parent: id.nullable(),
  /** the turns at this place of the conversation, itself included, the oldest first */
  siblings: z.array(id),
  created: z.string(),
  prompt: z.string(),
  seed: z.int(),
  panes: z.array(chatPane),
  /** why an answer is not whole */
  failure: z.string().nullable()
})
export type ChatTurn = z.infer<typeof chatTurn>

export const conversation = z.object({
  id,
  title: z.string(),
  created: z.string(),
  /** when it went on last */
  updated: z.string(),
  turns: z.int(),
  /** of a search: the newest turn that has the words, and a line of it; null where only the title has them */
  found: z.object({ turn: id, excerpt: z.string() }).nullable()
})
export type Conversation = z.infer<typeof conversation>

export const conversationTitle = z.string().trim().min(1).max(200)

/** markdown, messages: one way through the conversation; json: all of it. messages: JSONL, a line a pane. */
export const conversationFormat = z.enum(['markdown', 'json', 'messages'])
export type ConversationFormat = z.infer<typeof conversationFormat>

/** A named set of panes. */
export const panePreset = z.object({ id, name: z.string().trim().min(1).max(60), methods: z.array(methodChoice).min(1).max(4) })
export type PanePreset = z.infer<typeof panePreset>

// Local server

/** The OpenAI-compatible endpoint for programs of this machine. Its token is asked for by `server.token` and is in no state or event. */
export const serverState = z.object({
  running: z.boolean(),
  /** that it listens on, or would */
  port: z.int(),
  /** answers that are being generated or wait for a place */
  active: z.int(),
  /** requests since it was started: answered, and failed or given up by their client */
  served: z.int(),
  failed: z.int(),
  /** whether the token will be the same the next time: the system's keychain has it */
  tokenKept: z.boolean()
})
export type ServerState = z.infer<typeof serverState>

// Evaluate

/** What is measured of every response beside its reward, e.g. coherence. */
export const metric = z.object({
  name: z.string(),
  title: z.string(),
  description: z.string(),
  /** Paper or page that it comes from. */
  source: z.string(),
  /** null: neither is better */
  better: z.enum(['higher', 'lower']).nullable(),
  settings: settingsSchema
})
export type Metric = z.infer<typeof metric>

export const metricChoice = z.object({
  name: z.string(),
  settings: chosenSettings.default({})
})
export type MetricChoice = z.infer<typeof metricChoice>

/** A method at every combination of some of its settings, e.g. over alpha: [1, 2, 3]. */
export const sweep = z.object({
  method: methodChoice,
  over: z.record(z.string(), z.array(z.number()).min(1).max(64))
})
export type Sweep = z.infer<typeof sweep>

export const evaluateSettings = z.object({
  dataset: id,
  split: split.nullable().default('held-out'),
  limit: z.int().positive().nullable().default(null),
  /** The first is what the others are compared with. */
  methods: z.array(methodChoice).min(1).max(256),
  /** Its points come after the methods; null: there are none. */
  sweep: sweep.nullable().default(null),
  /** Successive halving: in each of so many rounds as many prompts as before and again; then only this share of the sweep's points, the best by reward, goes on. */
  halving: z.object({ rounds: z.int().min(2).max(8), keep: z.number().gt(0).lt(1).default(0.5) }).nullable().default(null),
  /** Methods that were added to a finished evaluation with a sweep: they come after its points, so that no column changes its place. */
  further: z.array(methodChoice).max(256).default([]),
  /** Responses of each method to a prompt, from as many seeds. */
  seeds: z.int().min(1).max(64).default(1),
  metrics: z.array(metricChoice).max(32).default([]),
  source: z.string().default('tone'),
  /** null: those that the source labelled this project's responses with last */
  sourceSettings: chosenSettings.nullable().default(null),
  maxTokens: z.int().min(1).max(4096).default(128),
  parallel: z.int().min(1).max(64).default(16),
  deterministic,
  seed: z.int().min(0).max(0xffffffff).default(1),
  sampling: sampling.prefault({})
})
export type EvaluateSettings = z.infer<typeof evaluateSettings>

/** A finished evaluation with more methods, metrics or seeds; with none of them, only what failed is tried again. */
export const evaluationExtension = z.object({
  evaluation: id,
  methods: z.array(methodChoice).max(256).default([]),
  metrics: z.array(metricChoice).max(32).default([]),
  seeds: z.int().min(1).max(64).nullable().default(null)
})
export type EvaluationExtension = z.infer<typeof evaluationExtension>

const interval = z.object({ mean: z.number().nullable(), low: z.number().nullable(), high: z.number().nullable() })

/** b minus a over the same prompts, 95 % paired bootstrap. */
export const comparison = z.object({
  prompts: z.int(), difference: z.number().nullable(), low: z.number().nullable(), high: z.number().nullable(),
  /** Two-sided, of the paired permutation test; and corrected for the table's comparisons of that measure (Holm). */
  p: z.number().nullable().default(null),
  pHolm: z.number().nullable().default(null)
})
export type Comparison = z.infer<typeof comparison>

export const evaluationTable = z.object({
  methods: z.array(
    z.object({
      name: z.string(),
      /** the name, with the settings that tell it from the table's others of that name */
      label: z.string().default(''),
      settings: chosenSettings,
      /** of the sweep: where it is in it */
      point: z.record(z.string(), z.number()).nullable().default(null),
      responses: z.int(),
      unlabelled: z.int(),
      /** 95 % bootstrap interval over prompts; several seeds are averaged within their prompt first. */
      reward: interval,
      diversity: z.number().nullable(),
      diversityInterval: interval.nullable().default(null),
      secondsPerToken: z.number(),
      /** time a token over that of the first method */
      timeRatio: z.number().nullable().default(null),
      edit: z.number().nullable(),
      /** by the label of the metric; how many responses could not be measured */
      measures: z.record(z.string(), interval.extend({ failed: z.int() })).default({})
    })
  ),
  /** Of the rewards, each method b against the first, a, by their labels; then of diversity and of the measures. */
  paired: z.array(comparison.extend({ a: z.string(), b: z.string(), diversity: comparison.nullable().default(null), measures: z.record(z.string(), comparison).default({}) })),
  /** What should make one doubt a method, e.g. that its reward rises while another falls. */
  alarms: z.array(z.object({ method: z.string(), text: z.string() })).default([]),
  /** What a reader of the measures should know, a sentence each, e.g. that texts were cut. */
  remarks: z.array(z.string()).default([])
})
export type EvaluationTable = z.infer<typeof evaluationTable>

export const evaluation = z.object({
  id,
  created: z.string(),
  settings: evaluateSettings,
  datasetName: z.string(),
  finished: z.boolean(),
  table: evaluationTable.nullable(),
  /** its HTML file */
  report: z.string().nullable()
})
export type Evaluation = z.infer<typeof evaluation>

export const evaluationResponse = z.object({
  example: id,
  prompt: z.string(),
  /** the data set's preferred answer */
  preferred: z.string().nullable(),
  byMethod: z.array(z.object({
    /** its row in the table */
    method: z.int().min(0),
    name: z.string(),
    label: z.string(),
    seed: z.int(),
    text: z.string(),
    tokens: z.int(),
    /** mean |Delta h| / |h| over its tokens; null without control */
    edit: z.number().nullable(),
    reward: z.number().nullable(),
    failure: z.string().nullable(),
    measures: z.record(z.string(), z.number().nullable()),
    /** of the measures that are null: why, by the label */
    measureFailures: z.record(z.string(), z.string())
  }))
})
export type EvaluationResponse = z.infer<typeof evaluationResponse>

export const evaluationFormat = z.enum(['html', 'csv', 'json', 'latex', 'settings'])
export type EvaluationFormat = z.infer<typeof evaluationFormat>

/** Prompts by a figure of one method's responses, its mean over their seeds; those without it come last. */
export const responseOrder = z.object({
  /** its row in the table */
  method: z.int().min(0),
  /** reward, diversity, edit, or a metric by its label */
  figure: z.string(),
  /** by what it is more than the first method's */
  minusFirst: z.boolean().default(false),
  ascending: z.boolean().default(false)
})
export type ResponseOrder = z.infer<typeof responseOrder>

// Settings of a whole pipeline

/** What the forms of the stages begin with; in a project's settings.json, which the terminal's run reads and writes. */
export const stageSettings = z.object({
  collect: collectSettings.omit({ dataset: true }).prefault({}),
  reward: labelSettings.omit({ collection: true }).nullable().default(null),
  train: trainSettings.omit({ collection: true, source: true }).prefault({}),
  evaluate: evaluateSettings.omit({ dataset: true, source: true, sourceSettings: true, methods: true, sweep: true, further: true, metrics: true }).prefault({})
})
export type StageSettings = z.infer<typeof stageSettings>
