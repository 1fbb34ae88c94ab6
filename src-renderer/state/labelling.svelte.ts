/** The labelling that is being prepared: a source with its settings, the name that its rewards get, and what it would do. */
import type { RewardPreview } from '../../src-main/contract/reward.ts'
import { defaultSettings, settingFields } from '../ui/schema.ts'
import { call, RequestFailure } from './connection.ts'
import { notices } from './notices.svelte.ts'
import { reward } from './reward.svelte.ts'
import { studio } from './studio.svelte.ts'

class Labelling {
  sourceName = $state('')
  settings = $state.raw<Record<string, unknown>>({})
  /** What the person typed; '' is the source's own name. */
  name = $state('')
  looking = $state(false)
  /** What was found for one choice; another choice makes it stale. */
  #seen = $state.raw<{ of: string; preview: RewardPreview | null; failure: string } | null>(null)

  source = $derived(reward.sources.find((source) => source.name === this.sourceName))
  /** Titles of settings that still need an answer. */
  missing = $derived.by(() => {
    const schema = this.source?.settings ?? {}
    const required = Array.isArray(schema['required']) ? schema['required'] : []
    return settingFields(schema)
      .filter(({ name }) => required.includes(name) && isEmpty(this.settings[name]))
      .map(({ title }) => title)
  })
  #choice = $derived({ collection: reward.collection ?? 0, source: this.sourceName, name: this.name.trim() || null, settings: this.settings })
  seen = $derived(this.#seen !== null && this.#seen.of === JSON.stringify(this.#choice) ? this.#seen : null)
  ready = $derived(reward.collection !== null && this.source !== undefined && this.missing.length === 0)

  constructor() {
    studio.onProjectChange((other) => {
      if (!other) return
      this.sourceName = ''
      this.settings = {}
      this.name = ''
      this.#seen = null
    })
  }

  /** Begins with the source of the project's settings, where nothing was chosen yet. */
  begin(): void {
    const kept = studio.settings?.reward ?? null
    if (kept === null || this.sourceName !== '' || reward.sources.every(({ name }) => name !== kept.source)) return
    this.choose(kept.source)
    this.settings = { ...this.settings, ...kept.settings }
    this.name = kept.name ?? ''
  }

  choose(source: string): void {
    this.sourceName = source
    this.name = ''
    this.settings = this.source === undefined ? {} : defaultSettings(this.source.settings)
  }

  /** Begins with what rewards were made with before. */
  takeOver(source: string, name: string, settings: Record<string, unknown>): void {
    this.sourceName = source
    this.name = name === source ? '' : name
    this.settings = { ...(this.source === undefined ? {} : defaultSettings(this.source.settings)), ...settings }
    reward.view = 'label'
  }

  async look(): Promise<void> {
    const choice = this.#choice
    const of = JSON.stringify(choice)
    this.looking = true
    try {
      this.#seen = { of, preview: await call('reward.preview', choice), failure: '' }
    } catch (error) {
      if (error instanceof RequestFailure) this.#seen = { of, preview: null, failure: error.message }
      else notices.report(error)
    }
    this.looking = false
  }

  async start(): Promise<void> {
    const { source, name, settings } = this.#choice
    if (this.ready) await reward.start({ source, name, settings })
  }
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === '' || (Array.isArray(value) && value.length === 0)
}

export const labelling = new Labelling()
