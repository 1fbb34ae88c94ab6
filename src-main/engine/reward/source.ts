/** What a reward source is: one file a source, listed in sources.ts. */
import type { z } from 'zod'
import type { Message } from '../../contract/data.ts'
import type { RewardPreview } from '../../contract/reward.ts'
import type { AskedFor, Door } from '../asked-for.ts'
import type { Models } from '../models/models.ts'
import type { Project } from '../project/project.ts'
import type { Secrets } from '../secrets.ts'

export interface ToScore {
  /** its id, where it belongs to a collection */
  response: number | null
  prompt: string
  /** the conversation before the response */
  messages: Message[]
  text: string
  /** the example's own columns */
  columns: Record<string, unknown>
}

/** A reward, or why there is none. NaN and infinity count as a failure. */
export type Verdict = { value: number } | { failure: string }

export interface Surroundings {
  project: Project
  models: Models
  /** keys of endpoints */
  secrets: Secrets
  /** commands and endpoints */
  asked: AskedFor
  /** for sources that ask others */
  sourceNamed(name: string): RewardSource
  signal: AbortSignal
}

/** A source that is ready: its files are read, its model is loaded. */
export interface Scorer {
  /**
   * Tells a verdict for each item as soon as it has one, in any order, and resolves after the last one. It asks for
   * items as it goes: there may be more than memory. @throws only where going on makes no sense; the rest then waits
   */
  score(items: Iterable<ToScore>, tell: (item: ToScore, verdict: Verdict) => void): Promise<void>
  close(): void
}

export interface RewardSource<S extends z.ZodObject = z.ZodObject> {
  name: string
  title: string
  description: string
  settings: S
  /** Whether a response's reward can change without its settings changing (people go on rating): it is then asked again each time. */
  changes?: boolean
  /** Whether it can score nothing but responses of a collection (what people have rated, say). */
  collectedOnly?(settings: z.output<S>, surroundings: Pick<Surroundings, 'project' | 'sourceNamed'>): boolean
  /** What of its settings a reward depends on, without how it is got (timeouts, keys): equal ones share their labels. Default: all. */
  decisive?(settings: z.output<S>): unknown
  /** Settings that only the project can fill in, before a labelling of this collection under this name keeps them. @throws StudioError */
  complete?(settings: z.output<S>, project: Project, collection: number, name: string): z.output<S>
  /** What its settings name that nobody may do at a project's word alone; `open` requires it. Starting a labelling with them asks for it. */
  door?(settings: z.output<S>): Door | null
  /** The same of other rewards that it would score by, which its own settings do not say. */
  doorsBehind?(settings: z.output<S>, surroundings: Pick<Surroundings, 'project' | 'sourceNamed'>): Door[]
  /** @throws StudioError when nothing could be scored this way */
  open(settings: z.output<S>, surroundings: Surroundings): Promise<Scorer>
  /** What it would do with these responses. `first` is null where nothing waits. */
  preview?(settings: z.output<S>, waiting: { first: ToScore | null; items: Iterable<ToScore>; count: number }, surroundings: Surroundings): Promise<Omit<RewardPreview, 'responses'>>
}
