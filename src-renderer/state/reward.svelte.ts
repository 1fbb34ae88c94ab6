/** The reward stage: which collection is labelled, by which names, and how its rewards are spread and go together. */
import type { Response } from '../../src-main/contract/collect.ts'
import type { LabelSettings, RewardCorrelation, RewardSource, RewardSummary } from '../../src-main/contract/reward.ts'
import { asking } from './asking.svelte.ts'
import { collect } from './collect.svelte.ts'
import { call } from './connection.ts'
import { deletions } from './deletions.svelte.ts'
import { jobs } from './jobs.svelte.ts'
import { notices } from './notices.svelte.ts'
import { studio } from './studio.svelte.ts'

const pageOfResponses = 6

export type RewardView = 'label' | 'results' | 'compare' | 'rate' | 'heads'

/** The best or the worst responses under one name, as many as were asked for. */
export class Ends {
  readonly order: 'best' | 'worst'
  responses = $state.raw<Response[]>([])
  #of: { collection: number; source: string } | null = null

  constructor(order: 'best' | 'worst') {
    this.order = order
  }

  async show(of: { collection: number; source: string } | null): Promise<void> {
    this.#of = of
    if (of === null) this.responses = []
    else await this.#page(of, 0)
  }

  async more(): Promise<void> {
    if (this.#of !== null) await this.#page(this.#of, this.responses.length)
  }

  async #page(of: { collection: number; source: string }, offset: number): Promise<void> {
    const page = await notices.guard(() => call('collect.responses', { ...of, order: this.order, offset, limit: pageOfResponses }))
    if (page === undefined || of !== this.#of) return
    // the unlabelled come last
    const labelled = page.responses.filter((response) => response.reward !== null)
    this.responses = offset === 0 ? labelled : [...this.responses.slice(0, offset), ...labelled]
  }
}

class RewardStage {
  view = $state<RewardView>('label')
  sources = $state.raw<RewardSource[]>([])
  collection = $state<number | null>(null)
  #summaries = $state.raw<RewardSummary[]>([])
  #correlations = $state.raw<RewardCorrelation[]>([])
  /** both without those that are being deleted */
  summaries = $derived(this.#summaries.filter(({ name }) => !this.#vanishes(name)))
  correlations = $derived(this.#correlations.filter(({ a, b }) => !this.#vanishes(a) && !this.#vanishes(b)))
  /** The name whose results are shown. */
  shown = $state('')
  readonly best = new Ends('best')
  readonly worst = new Ends('worst')

  summary = $derived(this.summaries.find((summary) => summary.name === this.shown) ?? this.summaries[0])
  job = $derived(jobs.activeOf('reward'))
  /** The name of the labelling that was started last; '' when its end is not awaited. */
  #started = ''

  constructor() {
    studio.onProjectChange((other) => {
      if (other) {
        this.collection = null
        this.view = 'label'
        this.#started = ''
        this.#forget()
      }
      if (studio.project !== null) void this.loadSources()
    })
    jobs.onEnd('reward', (job) => {
      const collection = job.subject ?? this.collection
      if (this.#started !== '' && job.state !== 'failed') {
        this.shown = this.#started
        if (this.view !== 'compare') this.view = 'results'
      }
      this.#started = ''
      if (collection !== null) void this.showCollection(collection)
    })
  }

  async loadSources(): Promise<void> {
    this.sources = (await notices.guard(() => call('reward.sources', {}))) ?? this.sources
  }

  /** Opens on the collection that the collect stage shows. */
  async enter(): Promise<void> {
    const known = collect.collections.some((one) => one.id === this.collection)
    const next = known ? this.collection : (collect.selected ?? collect.collections.at(-1)?.id ?? null)
    if (next === null) return
    const first = this.collection === null
    await this.showCollection(next)
    if (first && this.summaries.length > 0) this.view = 'results'
  }

  async showCollection(collection: number): Promise<void> {
    if (collection !== this.collection) this.#forget()
    this.collection = collection
    const got = await notices.guard(() => Promise.all([call('reward.summaries', { collection }), call('reward.correlations', { collection })]))
    if (got === undefined || collection !== this.collection) return
    ;[this.#summaries, this.#correlations] = got
    await this.show(this.summary?.name ?? '')
  }

  async show(name: string): Promise<void> {
    this.shown = name
    const of = this.collection === null || name === '' ? null : { collection: this.collection, source: name }
    await Promise.all([this.best.show(of), this.worst.show(of)])
  }

  async start(labelling: Omit<LabelSettings, 'collection'>): Promise<void> {
    const { collection } = this
    if (collection === null) return
    const job = await notices.guard(async () => {
      const allow = await asking.confirm({ labelling: { source: labelling.source, settings: labelling.settings } })
      return allow === null ? undefined : call('reward.start', { ...labelling, collection, allow })
    })
    if (job === undefined) return
    this.#started = labelling.name ?? labelling.source
    jobs.take(job)
  }

  /** They vanish at once and can be taken back for a while; what is in use stays, with the reason. */
  async delete({ name }: RewardSummary): Promise<void> {
    const { collection } = this
    if (collection === null) return
    const gone = await deletions.ask(keyOf(collection, name), `The rewards "${name}" of collection #${collection}`, () => call('reward.delete', { collection, name, check: true }), async () => {
      await call('reward.delete', { collection, name })
      if (this.collection !== collection) return
      this.#summaries = this.#summaries.filter((one) => one.name !== name)
      this.#correlations = this.#correlations.filter(({ a, b }) => a !== name && b !== name)
    })
    if (gone && this.shown === name) await this.show(this.summary?.name ?? '')
  }

  #vanishes(name: string): boolean {
    return this.collection !== null && deletions.has(keyOf(this.collection, name))
  }

  #forget(): void {
    this.#summaries = []
    this.#correlations = []
    this.shown = ''
    void this.show('')
  }
}

const keyOf = (collection: number, name: string): string => `rewards ${collection} ${name}`

export const reward = new RewardStage()
