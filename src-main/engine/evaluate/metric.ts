/** What a metric of an evaluation is: one file a metric in metrics/, listed in metrics.ts. */
import type { z } from 'zod'
import type { ResolvedMethod } from '../control/methods.ts'
import type { Surroundings, ToScore, Verdict } from '../reward/source.ts'

/** A response of an evaluation with what it may be measured against. */
export interface ToMeasure extends ToScore {
  /** the method that gave it, by its index in the evaluation's settings */
  method: number
  /** as the project's model drew them, the end token included; null where they were not kept, or another model drew them */
  tokens: Int32Array | null
  /** which of the evaluation's seeds it is from */
  seed: number
  /** the first method's response to the same prompt from the same seed; null where it has none */
  base: string | null
  /** the data set's preferred answer */
  preferred: string | null
}

/** What a metric may ask, and the methods that gave the responses: `ToMeasure.method` is an index into them. */
export interface MetricSurroundings extends Surroundings {
  methods: readonly ResolvedMethod[]
}

/** A metric that is ready. As a reward's scorer: a verdict for each item, in any order, as soon as there is one. */
export interface Meter {
  /** @throws only where going on makes no sense; the rest then waits */
  measure(items: Iterable<ToMeasure>, tell: (item: ToMeasure, verdict: Verdict) => void): Promise<void>
  close(): void
}

export interface MetricSource<S extends z.ZodObject = z.ZodObject> {
  name: string
  title: string
  description: string
  /** paper or page */
  source: string
  better: 'higher' | 'lower' | null
  settings: S
  /** What a table calls it: its name, with what of its settings tells it from others of that name. */
  label(settings: z.output<S>): string
  /** Whether the first method, which it compares with, has none itself. */
  againstBase?: boolean
  /** @throws StudioError when nothing could be measured this way */
  open(settings: z.output<S>, surroundings: MetricSurroundings): Promise<Meter>
}
