/** The model stage: the catalogue, the facts of the project's model, loading it. */
import type { DeviceCandidate, DeviceChoice, LoadPlan } from '../../src-main/contract/device.ts'
import type { Output } from '../../src-main/contract/methods.ts'
import type { CatalogueModel, ModelFacts } from '../../src-main/contract/models.ts'
import { fileName } from '../ui/format.ts'
import { call, on } from './connection.ts'
import { downloads } from './downloads.svelte.ts'
import { notices } from './notices.svelte.ts'
import { studio } from './studio.svelte.ts'

class ModelStage {
  catalogue = $state.raw<CatalogueModel[]>([])
  facts = $state.raw<ModelFacts | null>(null)
  inspecting = $state(false)
  loading = $state(false)
  /** How models are to run on this machine. */
  choice = $state.raw<DeviceChoice | null>(null)
  /** Every backend of this machine, once they have answered. */
  candidates = $state.raw<DeviceCandidate[]>([])
  /** How the project's model would be loaded now, or why it would not. */
  plan = $state.raw<LoadPlan | null>(null)
  planProblem = $state<string | null>(null)
  /** SHA-256 of files that it was asked for, and of each of its files. */
  checksums = $state.raw<ReadonlyMap<string, Output<'model.checksum'>>>(new Map())
  /** How far the checksum of a file is. */
  checking = $state.raw<{ file: string; done: number; total: number | null } | null>(null)

  constructor() {
    studio.onProjectChange(() => {
      this.facts = null
      this.plan = null
      this.planProblem = null
      this.loading = false
      void this.inspect()
    })
    downloads.onDone(() => void this.loadCatalogue())
    on('model.checksum', (progress) => this.checking?.file === progress.file && (this.checking = progress))
  }

  /** What a model is called: as the catalogue lists it, or as it calls itself; many files call themselves anything. */
  /**
   * What a model is called: by the catalogue, by its header or by its file. A header's one word that the file's name lacks
   * is the folder that it was converted in ("Storage", "hf"), and names nothing.
   */
  titleOf(file: string, name: string | null | undefined): string {
    const own = fileName(file)
    const names = name != null && (/\s|-/.test(name.trim()) || own.toLowerCase().includes(name.trim().toLowerCase())) && name.trim() !== ''
    return this.catalogue.find((entry) => entry.file === file)?.title ?? (names ? name : own)
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
    void this.planLoad()
  }

  /** What the machine's devices make of the project's model. */
  async planLoad(): Promise<void> {
    this.choice = (await notices.guard(() => call('device.choice', {}))) ?? this.choice
    this.candidates = (await notices.guard(() => call('device.list', {}))) ?? this.candidates
    const file = studio.project?.modelFile
    if (this.facts === null) return
    let plan: LoadPlan | null = null
    let problem: string | null = null
    try {
      plan = await call('model.plan', {})
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error)
    }
    if (studio.project?.modelFile !== file) return
    this.plan = plan
    this.planProblem = problem
  }

  /** Keeps the choice for this machine; a model that is loaded is loaded again. */
  async chooseDevice(choice: DeviceChoice): Promise<void> {
    const wasLoaded = studio.model !== null
    const kept = await notices.guard(() => call('device.choose', choice))
    if (kept === undefined) return
    this.choice = kept
    studio.model = null
    await this.planLoad()
    if (wasLoaded) await this.load()
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

  async checksum(file: string): Promise<void> {
    this.checking = { file, done: 0, total: null }
    const answer = await notices.guard(() => call('model.checksum', { file }))
    if (answer !== undefined) this.checksums = new Map(this.checksums).set(file, answer)
    this.checking = null
  }

  /** What is computed ends without a word. */
  async cancelChecksum(file: string): Promise<void> {
    await notices.guard(() => call('model.cancelChecksum', { file }))
  }

  async load(): Promise<void> {
    this.loading = true
    const loaded = await notices.guard(() => call('model.load', {}))
    if (loaded !== undefined) studio.model = loaded
    this.loading = false
  }
}

export const model = new ModelStage()
