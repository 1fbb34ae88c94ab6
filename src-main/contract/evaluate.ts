/** Evaluations: settings, the table, comparisons, responses. */
import { z } from 'zod'
import { methodChoice } from './control.ts'
import { split } from './data.ts'
import { chosenSettings, deterministic, id, sampling, settingsSchema } from './shared.ts'

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
