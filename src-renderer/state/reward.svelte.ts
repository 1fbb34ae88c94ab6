/** The reward stage: sources, labelling runs, and how the rewards of a collection are spread. */
import type { Response, RewardSource, RewardSummary } from '../../src-main/contract/entities.ts'
import { defaultSettings } from '../ui/schema.ts'
import { collect } from './collect.svelte.ts'
import { call } from './connection.ts'
import { jobs } from './jobs.svelte.ts'
import { notices } from './notices.svelte.ts'
import { studio } from './studio.svelte.ts'

const shownResponses = 5

class RewardStage {
  sources = $state.raw<RewardSource[]>([])
  sourceName = $state('')
  settings = $state.raw<Record<string, unknown>>({})
  collection = $state<number | null>(null)
  summaries = $state.raw<RewardSummary[]>([])
  shown = $state('')
  best = $state.raw<Response[]>([])
  worst = $state.raw<Response[]>([])

  source = $derived(this.sources.find((source) => source.name === this.sourceName))
  summary = $derived(this.summaries.find((summary) => summary.source === this.shown) ?? this.summaries[0])
  job = $derived(jobs.activeOf('reward'))
  /** The source of the labelling that was started last. */
  #started = ''

  constructor() {
    studio.onProjectChange((other) => {
      if (other) {
        this.collection = null
        this.summaries = []
        this.best = []
        this.worst = []
        this.#started = ''
      }
      if (studio.project !== null) void this.loadSources()
    })
    jobs.onEnd('reward', (job) => {
      const collection = job.subject ?? this.collection
      if (this.#started !== '') this.shown = this.#started
      if (collection !== null) void this.showCollection(collection)
    })
  }

  async loadSources(): Promise<void> {
    this.sources = (await notices.guard(() => call('reward.sources', {}))) ?? this.sources
    if (this.source === undefined && this.sources[0] !== undefined) this.choose(this.sources[0].name)
  }

  choose(name: string): void {
    this.sourceName = name
    this.settings = this.source === undefined ? {} : defaultSettings(this.source.settings)
  }

  /** Opens on the collection that the collect stage shows. */
  async enter(): Promise<void> {
    const known = collect.collections.some((one) => one.id === this.collection)
    const next = known ? this.collection : (collect.selected ?? collect.collections.at(-1)?.id ?? null)
    if (next !== null) await this.showCollection(next)
  }

  async showCollection(collection: number): Promise<void> {
    this.collection = collection
    const summaries = await notices.guard(() => call('reward.summaries', { collection }))
    if (summaries === undefined || collection !== this.collection) return
    this.summaries = summaries
    await this.showSource(this.summary?.source ?? '')
  }

  async showSource(source: string): Promise<void> {
    this.shown = source
    const collection = this.collection
    if (collection === null || source === '') {
      this.best = []
      this.worst = []
      return
    }
    const ask = (order: 'best' | 'worst') => call('collect.responses', { collection, source, order, limit: shownResponses })
    await notices.guard(async () => {
      const [best, worst] = await Promise.all([ask('best'), ask('worst')])
      if (collection !== this.collection || source !== this.shown) return
      this.best = best.responses
      this.worst = worst.responses
    })
  }

  async start(): Promise<void> {
    const { collection, source, settings } = this
    if (collection === null || source === undefined) return
    this.#started = source.name
    const job = await notices.guard(() => call('reward.start', { collection, source: source.name, settings }))
    if (job !== undefined) jobs.take(job)
  }
}

export const reward = new RewardStage()
