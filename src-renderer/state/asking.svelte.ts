/** What settings would run or send to and nobody on this machine has asked for: shown in full, and wanted or not, before anything starts. */
import type { Input } from '../../src-main/contract/methods.ts'
import { call } from './connection.ts'
import { studio } from './studio.svelte.ts'

class Asking {
  /** In words, as they complete "This project asks to"; null when nothing is asked. */
  words = $state.raw<string[] | null>(null)
  #answer: (wanted: boolean) => void = () => {}

  constructor() {
    studio.onProjectChange((other) => other && this.answer(false))
  }

  /** @returns what the person allows, word for word; null where they do not. @throws RequestFailure for settings that cannot be */
  async confirm(settings: Input<'project.asksFor'>): Promise<string[] | null> {
    this.answer(false)
    const words = await call('project.asksFor', settings)
    if (words.length === 0) return []
    this.words = words
    const wanted = await new Promise<boolean>((resolve) => (this.#answer = resolve))
    return wanted ? words : null
  }

  answer(wanted: boolean): void {
    this.words = null
    this.#answer(wanted)
  }
}

export const asking = new Asking()
