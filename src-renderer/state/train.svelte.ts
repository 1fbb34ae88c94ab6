/** The train stage: settings, the curve of the running training, and the value functions. */
import type { Epoch, TrainingSamples, TrainSettings, ValueAlong, ValueComparison, ValueFunction, ValueFunctionDetail } from '../../src-main/contract/value.ts'
import { collect } from './collect.svelte.ts'
import { call, on } from './connection.ts'
import { throttled } from './debounce.ts'
import { deletions } from './deletions.svelte.ts'
import { jobs } from './jobs.svelte.ts'
import { notices } from './notices.svelte.ts'
import { pick } from './pick.ts'
import { reward } from './reward.svelte.ts'
import { studio } from './studio.svelte.ts'

/** Whether responses were kept aside; without any, the numbers of unseen responses only repeat the training's loss. */
export function hasUnseen({ trainLoss, validationLoss }: { trainLoss: number; validationLoss: number }): boolean {
  return trainLoss !== validationLoss
}

/** with the selected one, at most: a table wants to be read */
const mostCompared = 9

class TrainStage {
  /** From the project's settings; no form is shown before there is one. */
  settings = $state<TrainSettings>()!
  /** Names that the chosen collection is labelled under. */
  sources = $state.raw<string[]>([])
  #all = $state.raw<ValueFunction[]>([])
  /** without those that are being deleted */
  list = $derived(this.#all.filter(({ id }) => !deletions.has(`value function ${id}`)))
  selected = $state<number | null>(null)
  detail = $state.raw<ValueFunctionDetail | null>(null)
  /** V along unseen responses of the selected one, once it was asked for: the smallest, the median and the largest error. */
  along = $state.raw<ValueAlong[] | null>(null)
  /** The selected one beside others of the same collection and rewards; null while there are none. */
  comparison = $state.raw<ValueComparison | null>(null)
  /** Epochs of the training that runs or ran last, drawn at most ten times a second. */
  live = $state.raw<{ job: number; epochs: Epoch[]; planned: number } | null>(null)
  /** Answers that it has steered so far. */
  liveSamples = $state.raw<{ job: number; samples: TrainingSamples } | null>(null)
  /** How the curves are drawn: weight of the moving average, and their y axis. */
  smoothing = $state(0)
  logarithmic = $state(false)

  job = $derived(jobs.activeOf('train'))
  newest = $derived(this.list.reduce<ValueFunction | undefined>((a, b) => (a === undefined || b.id > a.id ? b : a), undefined))

  #arrived: { job: number; epochs: Epoch[] } = { job: 0, epochs: [] }
  #draw = throttled(() => {
    const { job, epochs } = this.#arrived
    this.live = { job, epochs: [...epochs], planned: this.settings.epochs }
  }, 100)

  constructor() {
    studio.onProjectChange((other) => {
      if (other) {
        this.#all = []
        this.selected = null
        this.detail = null
        this.along = null
        this.comparison = null
        this.live = null
        this.liveSamples = null
        if (studio.settings !== null) this.settings = { ...studio.settings.train, collection: 0, source: '', preferred: null, dispreferred: null, of: null }
      }
      if (studio.project !== null) void this.refresh()
    })
    on('train.epoch', ({ job, epoch }) => {
      if (this.#arrived.job !== job) this.#arrived = { job, epochs: [] }
      // a training that goes on tells its epochs again
      if (epoch.epoch <= (this.#arrived.epochs.at(-1)?.epoch ?? 0)) this.#arrived.epochs = this.#arrived.epochs.filter((earlier) => earlier.epoch < epoch.epoch)
      this.#arrived.epochs.push(epoch)
      this.#draw()
    })
    on('train.samples', (told) => (this.liveSamples = told))
    jobs.onEnd('train', (job) => void this.refresh(job.state === 'failed' ? null : job.subject))
  }

  async refresh(show: number | null = null): Promise<void> {
    this.#all = (await notices.guard(() => call('value.list', {}))) ?? this.#all
    const next = pick(this.list, show, this.selected)
    if (next === null) this.selected = this.detail = null
    else if (next !== this.selected || show !== null) await this.select(next)
  }

  async select(id: number): Promise<void> {
    if (id !== this.selected) this.along = this.comparison = null
    this.selected = id
    const detail = await notices.guard(() => call('value.detail', { id }))
    if (detail === undefined || id !== this.selected) return
    this.detail = detail
    const others = this.list.filter((one) => one.id !== id && one.collection === detail.collection && one.source === detail.source).slice(-mostCompared)
    if (others.length === 0) return
    const comparison = await notices.guard(() => call('value.compare', { ids: [id, ...others.map((one) => one.id)] }))
    if (comparison !== undefined && id === this.selected) this.comparison = comparison
  }

  /** It vanishes at once and can be taken back for a while; one that is in use stays, with the reason. */
  async delete({ id, name }: Pick<ValueFunction, 'id' | 'name'>): Promise<void> {
    const gone = await deletions.ask(`value function ${id}`, name, () => call('value.delete', { id, check: true }), async () => {
      await call('value.delete', { id })
      this.#all = this.#all.filter((one) => one.id !== id)
    })
    if (!gone || this.selected !== id) return
    const next = pick(this.list, null, null)
    if (next === null) this.selected = this.detail = null
    else await this.select(next)
  }

  async showAlong(): Promise<void> {
    const { selected } = this
    if (selected === null) return
    const along = await notices.guard(() => call('value.along', { id: selected }))
    if (along !== undefined && selected === this.selected) this.along = along
  }

  /** Opens on the collection that was labelled last. */
  async enter(): Promise<void> {
    if (!collect.collections.some((one) => one.id === this.settings.collection)) {
      const whole = collect.collections.findLast((one) => one.responses >= one.planned) ?? collect.collections.at(-1)
      this.settings.collection = reward.collection ?? whole?.id ?? 0
    }
    await this.loadSources()
  }

  async loadSources(): Promise<void> {
    const { collection } = this.settings
    if (collection === 0) return
    const summaries = await notices.guard(() => call('reward.summaries', { collection }))
    this.sources = summaries?.map((summary) => summary.name) ?? []
    if (!this.sources.includes(this.settings.source)) this.settings.source = this.sources[0] ?? ''
  }

  async start(): Promise<void> {
    const job = await notices.guard(() => call('train.start', this.settings))
    if (job === undefined) return
    this.live = { job: job.id, epochs: [], planned: this.settings.epochs }
    this.liveSamples = null
    jobs.take(job)
  }
}

export const train = new TrainStage()
