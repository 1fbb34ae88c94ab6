/** A data set of the Hugging Face hub: its files, and the one that is fetched to be imported. */
import type { HubDataset } from '../../src-main/contract/data.ts'
import { call } from './connection.ts'
import { importDraft } from './import-draft.svelte.ts'
import { isOver, jobs } from './jobs.svelte.ts'
import { notices } from './notices.svelte.ts'
import { studio } from './studio.svelte.ts'

export type HubFile = HubDataset['files'][number]

const readable = /\.(jsonl|ndjson|json|csv|tsv|parquet)(\.gz)?$/i

class Hub {
  open = $state(false)
  name = $state('')
  asking = $state(false)
  /** Why the hub did not answer. */
  problem = $state<string | null>(null)
  dataset = $state.raw<HubDataset | null>(null)
  /** Index among `files`. */
  index = $state<number | null>(null)

  /** Those that can be data; a hub's repository has others beside them. */
  files = $derived(this.dataset?.files.filter((file) => readable.test(file.path)) ?? [])
  file = $derived(this.index === null ? undefined : this.files[this.index])
  /** The fetch whose end opens the preview. */
  #fetch = $state.raw<{ job: number; file: string } | null>(null)
  job = $derived(jobs.list.find((job) => job.id === this.#fetch?.job))
  fetching = $derived(this.job !== undefined && !isOver(this.job))
  #asked = 0

  constructor() {
    studio.onProjectChange((other) => other && this.close())
    jobs.onEnd('fetch-data', (job) => {
      if (job.id !== this.#fetch?.job) return
      if (job.state === 'done') void this.#preview(this.#fetch.file)
      else if (job.state === 'stopped') this.#fetch = null
    })
  }

  close(): void {
    this.open = false
    this.#fetch = null
    this.#asked += 1
    this.asking = false
  }

  async look(): Promise<void> {
    const asked = ++this.#asked
    this.asking = true
    this.problem = null
    this.dataset = null
    this.index = null
    this.#fetch = null
    try {
      const dataset = await call('data.hub', { name: this.name.trim() })
      if (asked !== this.#asked) return
      this.dataset = dataset
      if (this.files.length > 0) this.index = 0
    } catch (error) {
      if (asked !== this.#asked) return
      this.problem = error instanceof Error ? error.message : String(error)
    }
    this.asking = false
  }

  /** Opens the preview of the selected file, which is fetched first where it is not here. */
  async take(): Promise<void> {
    const { file } = this
    if (file === undefined) return
    if (file.present) {
      await this.#preview(file.file)
      return
    }
    const job = await notices.guard(() => call('data.fetch', { file: file.file }))
    if (job === undefined) return
    this.#fetch = { job: job.id, file: file.file }
    jobs.take(job)
  }

  async #preview(file: string): Promise<void> {
    this.close()
    await importDraft.open(file)
  }
}

export const hub = new Hub()
