/** What a metric of an evaluation is: one file a metric in metrics/, listed in metrics.ts. */
import type { z } from 'zod'
import type { ResolvedMethod } from '../control/methods.ts'
import type { Door } from '../asked-for.ts'
import type { Project } from '../project/project.ts'
import type { Surroundings, ToScore, Verdict } from '../reward/source.ts'
import type { Interval } from './bootstrap.ts'

/** A response of an evaluation with what it may be measured against. */
export interface ToMeasure extends ToScore {
  /** id of its prompt's example */
  example: number
  /** the method that gave it, by its index in the evaluation's settings */
  method: number
  /** which of the evaluation's seeds it is from */
  seed: number
  /** of the response, the end-of-text token included */
  tokens: number
  /** the same as the project's model drew them; null where they were not kept (evaluations of an older version) */
  tokenIds: Int32Array | null
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
  /** After measuring: what a reader of its figures should know, a sentence each, e.g. that texts were cut. */
  remarks?(): string[]
  close(): void
}

export interface Measured {
  item: ToMeasure
  value: number
}

/** A figure of a whole column of the table that is no mean of its responses' values. */
export interface Aggregate extends Interval {
  /** what the table calls it */
  label: string
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
  /** Whether it compares with the first method, which then has no value itself. */
  againstBase?(settings: z.output<S>): boolean
  /** Settings as an evaluation keeps them: valid in any folder, and whatever the project does later. @throws StudioError */
  complete?(settings: z.output<S>, project: Project): z.output<S>
  /** As a reward source's: what its own settings name, and what the reward that they name would do. */
  door?(settings: z.output<S>): Door | null
  doorsBehind?(settings: z.output<S>, project: Project): Door[]
  /**
   * @param phase says what is got ready where that takes a while, e.g. a download
   * @throws StudioError when nothing could be measured this way
   */
  open(settings: z.output<S>, surroundings: MetricSurroundings, phase?: (text: string) => void): Promise<Meter>
  /** Of one method's measured responses. */
  aggregate?(settings: z.output<S>, measured: Measured[]): Aggregate[]
}
