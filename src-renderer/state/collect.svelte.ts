/** The collect stage: settings and their estimate, collections, their responses, live samples. */
import type { Collection, CollectSettings, Response } from '../../src-main/contract/collect.ts'
import type { EventPayload, Output } from '../../src-main/contract/methods.ts'
import { call, on } from './connection.ts'
import { debounced, throttled } from './debounce.ts'
import { deletions } from './deletions.svelte.ts'
import { jobs } from './jobs.svelte.ts'
import { notices } from './notices.svelte.ts'
import { PagedRows } from './paged.svelte.ts'
import { pick } from './pick.ts'
import { studio } from './studio.svelte.ts'

const mostSamples = 20

export interface Sample {
  key: number
  prompt: string
  text: string
}

class CollectStage {
  /** From the project's settings; no form is shown before there is one. */
  settings = $state<CollectSettings>()!
  estimate = $state.raw<Output<'collect.estimate'> | null>(null)
  #all = $state.raw<Collection[]>([])
  /** without those that are being deleted */
  collections = $derived(this.#all.filter(({ id }) => !deletions.has(`collection ${id}`)))
  selected = $state<number | null>(null)
  readonly responses = new PagedRows<Response>()
  index = $state<number | null>(null)
  /** The last responses of the running collection, newest first. */
  samples = $state.raw<Sample[]>([])
  starting = $state(false)

  collection = $derived(this.collections.find((one) => one.id === this.selected))
  response = $derived(this.index === null ? undefined : this.responses.rows.at(this.index))
  job = $derived(jobs.activeOf('collect'))

  estimateSoon = debounced(() => void this.#estimate(), 300)
  #arrived: Sample[] = []
  #keys = 0
  #showArrived = throttled(() => {
    this.samples = [...this.#arrived.reverse(), ...this.samples].slice(0, mostSamples)
    this.#arrived = []
  }, 500)
  #refreshCounts = throttled(() => void this.refresh(), 2000)

  constructor() {
    studio.onProjectChange((other) => {
      if (other) {
        this.#all = []
        this.selected = null
        this.samples = []
        this.estimate = null
        if (studio.settings !== null) this.settings = { ...studio.settings.collect, dataset: 0 }
      }
      if (studio.project !== null) void this.refresh()
    })
    on('collect.sample', (sample) => this.#take(sample))
    jobs.onEnd('collect', (job) => void this.refresh(job.subject))
    jobs.onEnd('reward', () => this.selected !== null && this.select(this.selected))
  }

  async refresh(show: number | null = null): Promise<void> {
    this.#all = (await notices.guard(() => call('collect.list', {}))) ?? this.#all
    const next = pick(this.collections, show, this.selected)
    if (next !== this.selected || show !== null) this.select(next)
  }

  select(collection: number | null): void {
    this.selected = collection
    this.index = null
    void this.responses.load(
      collection === null
        ? null
        : async (offset, limit) => {
            const { total, responses } = await call('collect.responses', { collection, offset, limit })
            return { total, rows: responses }
          }
    )
  }

  async start(): Promise<void> {
    this.starting = true
    const job = await notices.guard(() => call('collect.start', this.settings))
    this.starting = false
    if (job === undefined) return
    this.samples = []
    jobs.take(job)
  }

  /** It vanishes at once and can be taken back for a while; one that is in use stays, with the reason. */
  async delete({ id, datasetName }: Collection): Promise<void> {
    const gone = await deletions.ask(`collection ${id}`, `Collection #${id} of ${datasetName}`, () => call('collect.delete', { collection: id, check: true }), async () => {
      await call('collect.delete', { collection: id })
      this.#all = this.#all.filter((one) => one.id !== id)
    })
    if (gone && this.selected === id) this.select(pick(this.collections, null, null))
  }

  async #estimate(): Promise<void> {
    if (this.settings.dataset === 0) return
    this.estimate = (await notices.guard(() => call('collect.estimate', this.settings))) ?? null
  }

  #take({ prompt, text }: EventPayload<'collect.sample'>): void {
    this.#arrived = [...this.#arrived, { key: ++this.#keys, prompt, text }].slice(-mostSamples)
    this.#showArrived()
    this.#refreshCounts()
  }
}

export const collect = new CollectStage()
