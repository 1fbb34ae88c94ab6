/** What a pasted name or address leads to: a model of the Hugging Face hub with its GGUF files, or a file of another host. */
import type { HubModel, ModelSource, PastedModel } from '../../src-main/contract/models.ts'
import { call } from './connection.ts'
import { downloads } from './downloads.svelte.ts'
import { studio } from './studio.svelte.ts'

export type HubModelFile = HubModel['files'][number]

class HubModelPicker {
  name = $state('')
  asking = $state(false)
  /** Why nothing was found. */
  problem = $state<string | null>(null)
  found = $state.raw<PastedModel | null>(null)
  /** Whether the project is to use it once it is here. */
  use = $state(true)
  #asked = 0

  async look(): Promise<void> {
    const asked = ++this.#asked
    this.asking = true
    this.problem = null
    this.found = null
    this.use = studio.project?.modelPresent !== true
    try {
      const found = await call('model.hub', { name: this.name.trim() })
      if (asked === this.#asked) this.found = found
    } catch (error) {
      if (asked === this.#asked) this.problem = error instanceof Error ? error.message : String(error)
    }
    if (asked === this.#asked) this.asking = false
  }

  async download(source: ModelSource): Promise<void> {
    await downloads.add(source, this.use)
  }
}

export const hubModel = new HubModelPicker()
