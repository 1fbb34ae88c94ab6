/** What the person wants of the studio on this machine. */
import type { Preferences } from '../../src-main/contract/shell.ts'
import { call } from './connection.ts'
import { notices } from './notices.svelte.ts'

class PreferenceState {
  /** null until they have been asked for */
  wanted = $state.raw<Preferences | null>(null)

  async load(): Promise<void> {
    this.wanted = (await notices.guard(() => call('studio.preferences', {}))) ?? this.wanted
  }

  async set(change: Partial<Preferences>): Promise<void> {
    const { wanted } = this
    if (wanted === null) return
    this.wanted = (await notices.guard(() => call('studio.prefer', { ...wanted, ...change }))) ?? wanted
  }
}

export const preferences = new PreferenceState()
