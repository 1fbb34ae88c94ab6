/** Rating by hand: what is shown now, what was said so far in this sitting. */
import type { RatingSummary, RatingTask, RatingValue } from '../../src-main/contract/rating.ts'
import { call } from './connection.ts'
import { debounced } from './debounce.ts'
import { notices } from './notices.svelte.ts'
import { reward } from './reward.svelte.ts'
import { studio } from './studio.svelte.ts'

const usualRater = 'me'

class RatingStage {
  mode = $state<'single' | 'pair'>('single')
  rater = $state('')
  task = $state.raw<RatingTask | null>(null)
  summary = $state.raw<RatingSummary | null>(null)
  /** Whether what is shown may be rated: not while the next one is on its way. */
  busy = $state(false)
  /** Ratings of this sitting that can be taken back, the last one last. */
  said = $state.raw<{ rating: number; value: RatingValue }[]>([])

  collection = $derived(reward.collection)
  name = $derived(this.rater.trim())
  raterSoon = debounced(() => void this.begin(), 400)

  constructor() {
    studio.onProjectChange((other) => {
      if (!other) return
      this.rater = ''
      this.task = null
      this.summary = null
      this.said = []
    })
  }

  /** Another collection or mode; who rated last goes on. */
  async enter(): Promise<void> {
    if (this.rater.trim() === '') this.rater = await this.#lastRater()
    await this.begin()
  }

  /** From where this rater stopped. */
  async begin(): Promise<void> {
    this.said = []
    this.task = null
    this.summary = null
    await this.#next()
  }

  async rate(value: RatingValue): Promise<void> {
    const { task, name: rater, busy } = this
    if (task === null || busy) return
    this.busy = true
    const done = await notices.guard(() => call('people.rate', { responses: task.responses.map(({ id }) => id), value, rater }))
    if (done !== undefined) {
      this.said = [...this.said, { rating: done.rating, value }]
      await this.#next()
    }
    this.busy = false
  }

  /** Takes the last rating of this sitting back and shows its response again. */
  async undo(): Promise<void> {
    const last = this.said.at(-1)
    if (last === undefined || this.busy) return
    this.busy = true
    const done = await notices.guard(() => call('people.undo', { rating: last.rating }))
    if (done !== undefined) {
      this.said = this.said.slice(0, -1)
      await this.#next()
    }
    this.busy = false
  }

  async #next(): Promise<void> {
    const { collection, mode, name: rater } = this
    if (collection === null || rater === '') return
    const place = { collection, mode, rater }
    const got = await notices.guard(() => Promise.all([call('people.next', place), call('people.summary', place)]))
    if (got === undefined || collection !== this.collection || mode !== this.mode || rater !== this.name) return
    ;[this.task, this.summary] = got
  }

  async #lastRater(): Promise<string> {
    const { collection, mode } = this
    if (collection === null) return usualRater
    const summary = await notices.guard(() => call('people.summary', { collection, mode, rater: usualRater }))
    return summary?.raters.at(-1) ?? usualRater
  }
}

export const rating = new RatingStage()
