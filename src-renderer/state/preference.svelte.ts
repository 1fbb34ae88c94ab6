/** Preference heads: the training of the next one, and those that there are. */
import type { PreferenceHead, PreferenceSettings } from '../../src-main/contract/preference.ts'
import { call } from './connection.ts'
import { data } from './data.svelte.ts'
import { deletions } from './deletions.svelte.ts'
import { jobs } from './jobs.svelte.ts'
import { notices } from './notices.svelte.ts'
import { studio } from './studio.svelte.ts'

const usual: PreferenceSettings = { dataset: 0, limit: null, maxTokens: 256, seed: 1 }

class PreferenceStage {
  settings = $state<PreferenceSettings>({ ...usual })
  #all = $state.raw<PreferenceHead[]>([])
  /** without those that are being deleted */
  heads = $derived(this.#all.filter(({ id }) => !deletions.has(`preference head ${id}`)))
  job = $derived(jobs.activeOf('preference'))

  constructor() {
    studio.onProjectChange((other) => {
      if (!other) return
      this.#all = []
      this.settings = { ...usual }
    })
    jobs.onEnd('preference', () => void this.refresh())
  }

  async enter(): Promise<void> {
    if (!data.datasets.some(({ id }) => id === this.settings.dataset)) this.settings.dataset = data.selected ?? data.datasets[0]?.id ?? 0
    await this.refresh()
  }

  async refresh(): Promise<void> {
    this.#all = (await notices.guard(() => call('preference.list', {}))) ?? this.#all
  }

  /** It vanishes at once and can be taken back for a while; one that is in use stays, with the reason. */
  async delete({ id, datasetName }: PreferenceHead): Promise<void> {
    await deletions.ask(`preference head ${id}`, `Preference head #${id} of ${datasetName}`, () => call('preference.delete', { head: id, check: true }), async () => {
      await call('preference.delete', { head: id })
      this.#all = this.#all.filter((one) => one.id !== id)
    })
  }

  async start(): Promise<void> {
    const job = await notices.guard(() => call('preference.train', this.settings))
    if (job !== undefined) jobs.take(job)
  }
}

export const preference = new PreferenceStage()
