/** Data sets: import, preview, browsing, the hub, export. */
import { z } from 'zod'
import { id } from './shared.ts'

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
