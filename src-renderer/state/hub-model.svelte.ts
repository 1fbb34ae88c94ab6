/** A model of the Hugging Face hub: its GGUF files, and the one that is to be downloaded. */
import type { HubModel } from '../../src-main/contract/models.ts'
import { call } from './connection.ts'
import { downloads } from './downloads.svelte.ts'
import { studio } from './studio.svelte.ts'

export type HubModelFile = HubModel['files'][number]

class HubModelPicker {
  name = $state('')
  asking = $state(false)
  /** Why the hub did not answer. */
  problem = $state<string | null>(null)
  model = $state.raw<HubModel | null>(null)
  /** Whether the project is to use it once it is here. */
  use = $state(true)
  #asked = 0

  async look(): Promise<void> {
    const asked = ++this.#asked
    this.asking = true
    this.problem = null
    this.model = null
    this.use = studio.project?.modelPresent !== true
    try {
      const model = await call('model.hub', { name: this.name.trim() })
      if (asked === this.#asked) this.model = model
    } catch (error) {
      if (asked === this.#asked) this.problem = error instanceof Error ? error.message : String(error)
    }
    if (asked === this.#asked) this.asking = false
  }

  async download({ path }: HubModelFile): Promise<void> {
    if (this.model === null) return
    await downloads.add({ kind: 'hub', name: this.model.name, revision: this.model.revision, path }, this.use)
  }
}

export const hubModel = new HubModelPicker()
