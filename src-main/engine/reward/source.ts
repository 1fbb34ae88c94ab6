/** What a reward source is: one file a source, listed in sources.ts. */
import type { z } from 'zod'

export interface ToScore {
  prompt: string
  text: string
  /** the example's own columns */
  columns: Record<string, unknown>
}

export interface RewardSource<S extends z.ZodObject = z.ZodObject> {
  name: string
  title: string
  description: string
  settings: S
  /** One response's reward. @throws Error whose message says why it has none; it then stays unlabelled. */
  score(item: ToScore, settings: z.output<S>): number
}
