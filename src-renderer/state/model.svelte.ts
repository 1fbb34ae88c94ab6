/** The model stage: the catalogue, the facts of the project's model, loading it. */
import type { CatalogueModel, ModelFacts } from '../../src-main/contract/entities.ts'
import { call } from './connection.ts'
import { jobs } from './jobs.svelte.ts'
import { notices } from './notices.svelte.ts'
import { studio } from './studio.svelte.ts'

class ModelStage {
  catalogue = $state.raw<CatalogueModel[]>([])
  facts = $state.raw<ModelFacts | null>(null)
  inspecting = $state(false)
  loading = $state(false)
  /** Which fetch job brings which catalogue entry. */
  #fetches = $state.raw<ReadonlyMap<string, number>>(new Map())

  constructor() {
    studio.onProjectChange(() => {
      this.facts = null
      this.loading = false
      void this.inspect()
    })
    jobs.onEnd('fetch-model', () => void this.loadCatalogue())
  }

  async loadCatalogue(): Promise<void> {
    this.catalogue = (await notices.guard(() => call('model.catalogue', {}))) ?? this.catalogue
  }

  /** The facts of the project's model file. */
  async inspect(): Promise<void> {
    const file = studio.project?.modelFile
    if (!file || studio.project?.modelPresent !== true) {
      this.facts = null
      return
    }
    if (this.facts?.file === file) return
    this.inspecting = true
    this.facts = (await notices.guard(() => call('model.inspect', { file }))) ?? null
    this.inspecting = false
  }

  async chooseFromDisk(): Promise<void> {
    const file = await notices.guard(() => call('dialog.file', { title: 'Choose a GGUF model', extensions: ['gguf'] }))
    if (file) await this.choose(file)
  }

  async choose(file: string): Promise<void> {
    await notices.guard(async () => {
      studio.project = await call('model.choose', { file })
    })
  }

  async fetch(id: string): Promise<void> {
    const job = await notices.guard(() => call('model.fetch', { id }))
    if (job === undefined) return
    this.#fetches = new Map([...this.#fetches, [id, job.id]])
    jobs.take(job)
  }

  /** The running fetch of an entry. A fetch that a window before this one started is known by its title. */
  fetching(entry: CatalogueModel): ReturnType<typeof jobs.activeOf> {
    const id = this.#fetches.get(entry.id)
    return jobs.active.find((job) => job.kind === 'fetch-model' && (job.id === id || (id === undefined && job.title.includes(entry.title))))
  }

  async load(): Promise<void> {
    this.loading = true
    const loaded = await notices.guard(() => call('model.load', {}))
    if (loaded !== undefined) studio.model = loaded
    this.loading = false
  }
}

export const model = new ModelStage()
