/** Thumbs for the answers of the chat, and the data set that is made of them. */
import type { RatingValue } from '../../src-main/contract/rating.ts'
import { collect } from './collect.svelte.ts'
import { call } from './connection.ts'
import { data } from './data.svelte.ts'
import { navigation } from './navigation.svelte.ts'
import { notices } from './notices.svelte.ts'
import { studio } from './studio.svelte.ts'
import type { Turn } from './turn.svelte.ts'

class Thumbs {
  /** Answers with one, of all turns of the project. */
  answers = $state(0)

  constructor() {
    studio.onProjectChange((other) => {
      if (other) this.answers = 0
      if (studio.project !== null) void this.#count()
    })
  }

  /** A thumb for an answer; the same one again takes it back. */
  async rate(turn: Turn, index: number, thumb: 1 | -1): Promise<void> {
    const pane = turn.panes[index]
    if (pane === undefined || turn.id === null) return
    const before = pane.rating
    const value: RatingValue | null = before === thumb ? null : thumb
    pane.rating = value
    const kept = await notices.guard(() => call('chat.rate', { turn: turn.id ?? 0, pane: index, value }))
    if (kept === undefined) pane.rating = before
    await this.#count()
  }

  /** A data set of the answers with thumbs, chosen in the stage that makes states of it to train on. */
  async train(): Promise<void> {
    const dataset = await notices.guard(() => call('chat.toDataset', {}))
    if (dataset === undefined) return
    await data.refresh(dataset.id)
    collect.settings.dataset = dataset.id
    collect.settings.split = null
    collect.settings.responses = 'chosen'
    navigation.go('collect')
    notices.add('info', `${dataset.name} is a data set now, with ${dataset.examples === 1 ? 'one example' : `${dataset.examples} examples`}. Collect the states of its chosen answers, then of its rejected ones, to train on them.`)
  }

  async #count(): Promise<void> {
    this.answers = (await notices.guard(() => call('chat.rated', {})))?.answers ?? this.answers
  }
}

export const thumbs = new Thumbs()
