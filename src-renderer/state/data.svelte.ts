/** The data stage: data sets, their examples as they are searched and filtered, and the rows that were rejected. */
import type { Dataset, Example, ExampleFilter, ExampleOrder, ExampleRow, ExportSettings, RejectedRow } from '../../src-main/contract/data.ts'
import { collect } from './collect.svelte.ts'
import { call } from './connection.ts'
import { debounced } from './debounce.ts'
import { deletions } from './deletions.svelte.ts'
import { jobs } from './jobs.svelte.ts'
import { notices } from './notices.svelte.ts'
import { PagedRows } from './paged.svelte.ts'
import { pick } from './pick.ts'
import { studio } from './studio.svelte.ts'

/** Newest collections of a data set whose rewards can be filtered by without typing their names. */
const namedCollections = 3

function everything(): ExampleFilter {
  return { search: '', split: null, answers: null, duplicates: 'all', minLength: null, maxLength: null, reward: null }
}

function narrows(filter: ExampleFilter): boolean {
  const all = everything()
  return (Object.keys(all) as (keyof ExampleFilter)[]).some((part) => filter[part] !== all[part])
}

class DataStage {
  #all = $state.raw<Dataset[]>([])
  /** without those that are being deleted */
  datasets = $derived(this.#all.filter(({ id }) => !deletions.has(`dataset ${id}`)))
  /** Whether the list has been asked for. */
  listed = $state(false)
  selected = $state<number | null>(null)
  view = $state<'examples' | 'rejected'>('examples')
  filter = $state<ExampleFilter>(everything())
  order = $state<ExampleOrder>('line')
  readonly examples = new PagedRows<ExampleRow>()
  readonly rejected = new PagedRows<RejectedRow>()
  index = $state<number | null>(null)
  /** The example in front, once it is there. */
  detail = $state.raw<Example | null>(null)
  /** Names that the selected data set's responses have rewards under. */
  rewardNames = $state.raw<string[]>([])

  dataset = $derived(this.datasets.find((dataset) => dataset.id === this.selected))
  narrowed = $derived(narrows(this.filter))
  row = $derived(this.index === null ? undefined : this.examples.rows.at(this.index))

  browseSoon = debounced(() => void this.browse(), 150)
  #wanted: number | null = null
  #fetching = false

  constructor() {
    studio.onProjectChange((other) => {
      if (other) {
        this.#all = []
        this.listed = false
        this.selected = null
      }
      if (studio.project !== null) void this.refresh()
    })
    jobs.onEnd('import', (job) => void this.refresh(job.subject))
  }

  /** Asks for the data sets again and shows one of them. */
  async refresh(show: number | null = null): Promise<void> {
    this.#all = (await notices.guard(() => call('data.list', {}))) ?? this.#all
    this.listed = true
    const next = pick(this.datasets, show, this.selected)
    if (next !== this.selected || show !== null) this.select(next)
  }

  select(id: number | null): void {
    this.selected = id
    this.filter = everything()
    this.order = 'line'
    this.view = 'examples'
    this.rewardNames = []
    void this.showDetail(null)
    void this.browse()
    const dataset = this.datasets.find((one) => one.id === id)
    void this.rejected.load(
      dataset === undefined ? null : async (offset, limit) => ({ total: dataset.rejected, rows: await call('data.rejected', { dataset: dataset.id, offset, limit }) })
    )
  }

  /** Asks for the examples that the filter lets through; `index` is the one to show of them. */
  async browse(index = 0): Promise<void> {
    const { dataset, order, narrowed } = this
    const filter = $state.snapshot(this.filter)
    this.index = null
    const wanted = await this.examples.load(
      dataset === undefined
        ? null
        : async (offset, limit) => {
            const { total, exact, examples } = await call('data.examples', { dataset: dataset.id, filter, order, offset, limit })
            // of all there is no need to count
            return narrowed ? { total, exact, rows: examples } : { total: dataset.examples, rows: examples }
          }
    )
    if (wanted && this.examples.total > index) this.index = index
  }

  clearFilter(): void {
    this.filter = everything()
    void this.browse()
  }

  /** Brings an example in front; those that were passed while another was fetched are skipped. */
  async showDetail(id: number | null): Promise<void> {
    this.#wanted = id
    if (id === null) this.detail = null
    if (this.#fetching) return
    this.#fetching = true
    while (this.#wanted !== null && this.#wanted !== this.detail?.id) {
      const example = this.#wanted
      const detail = await notices.guard(() => call('data.example', { example }))
      if (detail === undefined && this.#wanted === example) this.#wanted = null
      else if (detail !== undefined && this.#wanted !== null) this.detail = detail
    }
    this.#fetching = false
  }

  /** Shows the example of a line among all of them. */
  async showLine(line: number): Promise<void> {
    const { dataset } = this
    if (dataset === undefined) return
    await notices.guard(async () => {
      // lines rise with the position, which is at most line - 1
      let [low, high] = [0, Math.min(line, dataset.examples) - 1]
      while (low < high) {
        const middle = Math.ceil((low + high) / 2)
        const { examples } = await call('data.examples', { dataset: dataset.id, offset: middle, limit: 1 })
        if ((examples[0]?.line ?? Infinity) <= line) low = middle
        else high = middle - 1
      }
      if (this.selected !== dataset.id) return
      this.filter = everything()
      this.order = 'line'
      await this.browse(low)
    })
  }

  async findRewardNames(): Promise<void> {
    const { selected } = this
    const collections = collect.collections.filter(({ dataset }) => dataset === selected).slice(-namedCollections)
    const names = await notices.guard(async () => (await Promise.all(collections.map(({ id }) => call('reward.summaries', { collection: id })))).flat().map(({ name }) => name))
    if (names !== undefined && selected === this.selected) this.rewardNames = [...new Set(names)]
  }

  /** It vanishes at once and can be taken back for a while; one that is in use stays, with the reason. */
  async delete({ id, name }: Dataset): Promise<void> {
    const key = `dataset ${id}`
    const gone = await deletions.ask(key, name, () => call('data.delete', { dataset: id, check: true }), async () => {
      await call('data.delete', { dataset: id })
      this.#all = this.#all.filter((one) => one.id !== id)
    })
    if (gone && this.selected === id) this.select(pick(this.datasets, null, null))
  }

  /** Asks where to, and starts the job. @returns whether it was started */
  async export(what: 'examples' | 'rejected', format: ExportSettings['format']): Promise<boolean> {
    const { dataset } = this
    if (dataset === undefined) return false
    const name = `${dataset.name.replaceAll(/[\\/:*?"<>|]/g, '-')}${what === 'rejected' ? '-rejected' : ''}.${format}`
    const started = await notices.guard(async () => {
      const file = await call('dialog.save', { title: what === 'rejected' ? 'Export the rejected rows' : 'Export the examples', name, extensions: [format] })
      if (file === null) return false
      jobs.take(await call('data.export', { what, of: dataset.id, filter: this.filter, file, format }))
      return true
    })
    return started ?? false
  }
}

export const data = new DataStage()
