/** The data stage: data sets, their examples and rejected rows, and the import that is being prepared. */
import type { DataFormat, DataPreview, Dataset, Example, RejectedRow, Split } from '../../src-main/contract/entities.ts'
import { call } from './connection.ts'
import { debounced } from './debounce.ts'
import { jobs } from './jobs.svelte.ts'
import { notices } from './notices.svelte.ts'
import { PagedRows } from './paged.svelte.ts'
import { pick } from './pick.ts'
import { studio } from './studio.svelte.ts'

class DataStage {
  datasets = $state.raw<Dataset[]>([])
  selected = $state<number | null>(null)
  search = $state('')
  split = $state<Split | null>(null)
  view = $state<'examples' | 'rejected'>('examples')
  readonly examples = new PagedRows<Example>()
  readonly rejected = new PagedRows<RejectedRow>()
  index = $state<number | null>(null)
  rendered = $state.raw<{ example: number; text: string; tokens: number } | null>(null)

  dataset = $derived(this.datasets.find((dataset) => dataset.id === this.selected))
  example = $derived(this.index === null ? undefined : this.examples.rows[this.index])

  searchSoon = debounced(() => void this.browse(), 250)

  constructor() {
    studio.onProjectChange((other) => {
      if (other) {
        this.datasets = []
        this.selected = null
      }
      if (studio.project !== null) void this.refresh()
    })
    jobs.onEnd('import', (job) => void this.refresh(job.subject))
  }

  /** Asks for the data sets again and shows one of them. */
  async refresh(show: number | null = null): Promise<void> {
    this.datasets = (await notices.guard(() => call('data.list', {}))) ?? this.datasets
    const next = pick(this.datasets, show, this.selected)
    if (next !== this.selected || show !== null) this.select(next)
  }

  select(id: number | null): void {
    this.selected = id
    this.search = ''
    this.split = null
    this.view = 'examples'
    void this.browse()
    const dataset = this.datasets.find((one) => one.id === id)
    void this.rejected.load(
      dataset === undefined ? null : async (offset, limit) => ({ total: dataset.rejected, rows: await call('data.rejected', { dataset: dataset.id, offset, limit }) })
    )
  }

  async browse(): Promise<void> {
    const { selected: dataset, search, split } = this
    this.index = null
    await this.examples.load(
      dataset === null
        ? null
        : async (offset, limit) => {
            const { total, examples } = await call('data.examples', { dataset, search, split, offset, limit })
            return { total, rows: examples }
          }
    )
    if (this.examples.total > 0) this.index = 0
  }

  async render(example: number): Promise<void> {
    const rendered = await notices.guard(() => call('data.rendered', { example }))
    if (rendered !== undefined) this.rendered = { example, ...rendered }
  }
}

export const data = new DataStage()

/** The columns that each format reads, by the names that a mapping can give to others. */
export const formatParts: Record<DataFormat, readonly string[]> = {
  'hh-rlhf': ['chosen', 'rejected'],
  preference: ['prompt', 'chosen', 'rejected'],
  shp: ['history', 'human_ref_A', 'human_ref_B', 'labels'],
  prompts: ['prompt']
}

/** An import before it starts: the file, how it is read, and its first rows. */
class ImportDraft {
  file = $state<string | null>(null)
  format = $state<DataFormat | null>(null)
  map = $state<Record<string, string>>({})
  preview = $state.raw<DataPreview | null>(null)
  /** Every column that was seen: a preview names a mapped column by its part. */
  columns = $state.raw<string[]>([])
  reading = $state(false)

  async choose(): Promise<void> {
    const file = await notices.guard(() => call('dialog.file', { title: 'Import a data set', extensions: ['jsonl', 'json', 'csv', 'gz', 'parquet'] }))
    if (!file) return
    this.file = file
    this.format = null
    this.map = {}
    this.columns = []
    this.preview = null
    await this.read()
    if (this.preview === null) this.file = null
  }

  /** Reads the first rows again, after the format or a column was changed. */
  async read(): Promise<void> {
    const { file, format, map } = this
    if (file === null) return
    this.reading = true
    const preview = await notices.guard(() => call('data.preview', { file, format, map }))
    this.reading = false
    if (preview === undefined || file !== this.file) return
    this.preview = preview
    if (Object.keys(map).length === 0 || this.columns.length === 0) this.columns = [...new Set([...preview.columns, ...Object.values(map)])]
    this.format = preview.format
  }

  cancel(): void {
    this.file = null
    this.preview = null
  }

  async start(): Promise<void> {
    const { file, format, map } = this
    if (file === null) return
    await notices.guard(async () => {
      jobs.take(await call('data.import', { file, format, map }))
      this.cancel()
    })
  }
}

export const importDraft = new ImportDraft()
