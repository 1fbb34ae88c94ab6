/** A long task, as window and terminal see it. */
import { z } from 'zod'
import { id } from './shared.ts'
import { failure } from './errors.ts'

export const jobKind = z.enum(['fetch-data', 'import', 'export', 'collect', 'export-states', 'import-states', 'reward', 'preference', 'train', 'evaluate'])
export type JobKind = z.infer<typeof jobKind>

export const jobState = z.enum(['queued', 'running', 'paused', 'done', 'stopped', 'failed'])
export type JobState = z.infer<typeof jobState>

export const job = z.object({
  id,
  kind: jobKind,
  title: z.string(),
  state: jobState,
  /** What is happening now, e.g. "Loading the model". */
  phase: z.string(),
  done: z.number(),
  /** null until it is known. */
  total: z.number().nullable(),
  unit: z.string(),
  /** Units per second over the last seconds, and seconds left; null until known. */
  rate: z.number().nullable(),
  secondsLeft: z.number().nullable(),
  failure: failure.nullable(),
  /** The id of what the job makes (data set, collection, value function, evaluation), once there is one. */
  subject: id.nullable(),
  created: z.string(),
  updated: z.string()
})
export type Job = z.infer<typeof job>
