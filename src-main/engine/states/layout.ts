/**
 * A collection as a folder for Python:
 *
 *   states-00001-of-00003.safetensors ...   safetensors.torch.load_file reads each
 *     states (N, D) float16      the states of all its responses one after the other
 *     lengths (R) int64          how many of them each response has
 *     offsets (R) int64          the row of `states` at which each begins
 *     tokens (N) int32           the token that was drawn from each state; -1 where it is not known
 *     rewards.<name> (R) float32 NaN where there is no reward
 *   responses.jsonl                         a line a response, in the shards' order: prompt, response, example, sample, ...
 *   collection.json                         what it is; written last
 *
 * A folder that others write needs states, lengths and responses.jsonl with prompt and response; the rest is optional.
 */
import { z } from 'zod'
import { manifest } from '../../contract/device.ts'
import { message, split } from '../../contract/data.ts'
import { rewardName } from '../../contract/reward.ts'

export const indexFile = 'collection.json'
export const textsFile = 'responses.jsonl'
export const rewardPrefix = 'rewards.'

export function shardFile(number: number, count: number): string {
  const five = (n: number): string => String(n).padStart(5, '0')
  return `states-${five(number)}-of-${five(count)}.safetensors`
}

const count = z.int().min(0)
/** A name beside collection.json, never a path. */
const ownName = z.string().min(1).max(255).regex(/^[^/\\\0]+$/).refine((name) => name !== '.' && name !== '..')

export const indexSchema = z.object({
  format: z.literal('re-control states'),
  version: z.literal(1),
  /** drawn for each export: a job that was killed at its end knows its own work by it */
  export: z.int().positive().optional(),
  name: z.string().max(200),
  inputDim: z.int().positive(),
  responses: count,
  states: count,
  /** how it was collected */
  settings: z.record(z.string(), z.unknown()),
  manifest,
  rewards: z.array(z.object({ name: rewardName, source: z.string(), settings: z.record(z.string(), z.unknown()) })).max(1000),
  shards: z.array(z.object({ file: ownName, responses: count, states: count, bytes: count, crc32: z.int().min(0).max(0xffffffff) })).max(99_999),
  texts: z.object({ file: ownName, bytes: count, crc32: z.int().min(0).max(0xffffffff) })
})
export type Index = z.infer<typeof indexSchema>

const text = z.string().refine((one) => one.isWellFormed(), 'it holds half a character (a lone surrogate)')

/** A line of responses.jsonl. */
export const rowSchema = z.object({
  prompt: text,
  response: text,
  /** which prompt of the data set; equal ones are samples of the same prompt. Without it equal prompts are */
  example: z.int().positive().optional(),
  sample: z.int().min(0).max(1_000_000).optional(),
  split: split.default('train'),
  /** the conversation that the chat template gets; without it the prompt is one user's turn */
  messages: z.array(message).min(1).optional(),
  /** the prompt as the model got it */
  rendered: text.default(''),
  finish: z.enum(['end', 'length']).default('end'),
  seed: z.int().min(0).max(0xffffffff).default(0),
  chosen: text.nullable().default(null),
  rejected: text.nullable().default(null),
  columns: z.record(z.string(), z.unknown()).default({})
})
export type ResponseRow = z.infer<typeof rowSchema>
