/** Two rewards of the same responses, point by point. */
import { call } from './connection.ts'
import { notices } from './notices.svelte.ts'
import { reward } from './reward.svelte.ts'

/** Responses that are drawn, the first ones of the collection. */
export const mostPoints = 500

class CorrelationPair {
  names = $state.raw<{ a: string; b: string } | null>(null)
  points = $state.raw<{ x: number; y: number }[]>([])
  found = $derived.by(() => {
    const { names } = this
    return names === null ? undefined : reward.correlations.find(({ a, b }) => (a === names.a && b === names.b) || (a === names.b && b === names.a))
  })

  async show(a: string, b: string): Promise<void> {
    const names = { a, b }
    this.names = names
    const { collection } = reward
    if (collection === null) return
    const ask = (source: string) => call('collect.responses', { collection, source, limit: mostPoints })
    const got = await notices.guard(() => Promise.all([ask(a), ask(b)]))
    if (got === undefined || names !== this.names) return
    const other = new Map(got[1].responses.map(({ id, reward: y }) => [id, y]))
    this.points = got[0].responses.flatMap(({ id, reward: x }) => {
      const y = other.get(id) ?? null
      return x === null || y === null ? [] : [{ x, y }]
    })
  }

  /** The pair in front as long as the collection has it, else its first. */
  async enter(): Promise<void> {
    const [first] = reward.correlations
    const next = this.found ?? first
    if (next === undefined) this.names = null
    else if (this.found !== undefined && this.names !== null) await this.show(this.names.a, this.names.b)
    else await this.show(next.a, next.b)
  }
}

export const correlationPair = new CorrelationPair()
