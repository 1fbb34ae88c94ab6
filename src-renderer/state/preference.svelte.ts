/** Preference heads: the training of the next one, and those that there are. */
import type { PreferenceHead, PreferenceSettings } from '../../src-main/contract/preference.ts'
import { call } from './connection.ts'
import { data } from './data.svelte.ts'
import { jobs } from './jobs.svelte.ts'
import { notices } from './notices.svelte.ts'
import { studio } from './studio.svelte.ts'

const usual: PreferenceSettings = { dataset: 0, limit: null, maxTokens: 256, seed: 1 }

class PreferenceStage {
  settings = $state<PreferenceSettings>({ ...usual })
  heads = $state.raw<PreferenceHead[]>([])
  job = $derived(jobs.activeOf('preference'))

  constructor() {
    studio.onProjectChange((other) => {
      if (!other) return
      this.heads = []
      this.settings = { ...usual }
    })
    jobs.onEnd('preference', () => void this.refresh())
  }

  async enter(): Promise<void> {
    if (!data.datasets.some(({ id }) => id === this.settings.dataset)) this.settings.dataset = data.selected ?? data.datasets[0]?.id ?? 0
    await this.refresh()
  }

  async refresh(): Promise<void> {
    this.heads = (await notices.guard(() => call('preference.list', {}))) ?? this.heads
  }

  async start(): Promise<void> {
    const job = await notices.guard(() => call('preference.train', this.settings))
    if (job !== undefined) jobs.take(job)
  }
}

export const preference = new PreferenceStage()
