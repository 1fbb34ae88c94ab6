/** An import before it starts: the file, how it is read, and its first rows. */
import type { DataPreview, ImportSettings } from '../../src-main/contract/data.ts'
import { call } from './connection.ts'
import { debounced } from './debounce.ts'
import { jobs } from './jobs.svelte.ts'
import { notices } from './notices.svelte.ts'
import { studio } from './studio.svelte.ts'

const extensions = ['jsonl', 'ndjson', 'json', 'csv', 'tsv', 'parquet', 'gz']

function settingsFor(file: string): ImportSettings {
  return { file, format: null, map: {}, heldOut: 0.2, seed: 0, duplicates: 'keep' }
}

class ImportDraft {
  settings = $state<ImportSettings | null>(null)
  preview = $state.raw<DataPreview | null>(null)
  /** Every column that was seen: a preview may name a mapped column by its part. */
  columns = $state.raw<string[]>([])
  reading = $state(false)
  starting = $state(false)
  /** Why the file cannot be read as it is set. */
  problem = $state<{ message: string; details: string } | null>(null)
  /** Index of the row whose detail is shown. */
  index = $state<number | null>(null)

  row = $derived(this.index === null ? undefined : this.preview?.rows[this.index])
  warned = $derived(this.preview?.rows.filter((row) => row.warnings.length > 0).length ?? 0)

  readSoon = debounced(() => void this.read(), 300)
  #reads = 0

  constructor() {
    studio.onProjectChange((other) => other && this.cancel())
  }

  async choose(): Promise<void> {
    const file = await notices.guard(() => call('dialog.file', { title: 'Import a data set', extensions }))
    if (file) await this.open(file)
  }

  /** Shows the first rows of a file of this machine, or of the hub's that were fetched. */
  async open(file: string): Promise<void> {
    this.settings = settingsFor(file)
    this.preview = null
    this.columns = []
    this.index = null
    await this.read()
  }

  /** Reads the first rows again, after a setting was changed; only the last answer counts. */
  async read(): Promise<void> {
    const { settings } = this
    if (settings === null) return
    const read = ++this.#reads
    this.reading = true
    const known = Object.keys(settings.map).length > 0 ? this.columns : []
    const mapped = Object.values(settings.map)
    try {
      const preview = await call('data.preview', settings)
      if (read !== this.#reads) return
      this.preview = preview
      this.problem = null
      this.columns = [...new Set([...(known.length > 0 ? known : preview.columns), ...mapped])]
      if (this.row === undefined) this.index = preview.rows.length > 0 ? 0 : null
    } catch (error) {
      if (read !== this.#reads) return
      const { message, stack } = error instanceof Error ? error : new Error(String(error))
      this.problem = { message, details: error instanceof Error && 'details' in error && typeof error.details === 'string' ? error.details : (stack ?? '') }
      this.preview = null
    }
    this.reading = false
  }

  /** '' takes a part's column back. */
  map(part: string, column: string): void {
    if (this.settings === null) return
    const { [part]: _, ...others } = this.settings.map
    this.settings.map = column === '' ? others : { ...others, [part]: column }
    this.readSoon()
  }

  cancel(): void {
    this.#reads += 1
    this.settings = null
    this.preview = null
    this.problem = null
    this.reading = false
  }

  async start(): Promise<void> {
    const { settings, preview } = this
    if (settings === null || preview === null) return
    this.starting = true
    // what was recognised and shown is what is imported
    const job = await notices.guard(() => call('data.import', { ...settings, format: preview.format }))
    this.starting = false
    if (job === undefined) return
    jobs.take(job)
    this.cancel()
  }
}

export const importDraft = new ImportDraft()
