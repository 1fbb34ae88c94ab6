/** Rows of a long list, fetched in pages when they come into view; rows not there yet are undefined. */
import { notices } from './notices.svelte.ts'

const pageSize = 200

export interface Page<T> {
  total: number
  rows: T[]
}

export class PagedRows<T> {
  rows = $state.raw<(T | undefined)[]>([])
  total = $state(0)
  loading = $state(false)
  #fetch: ((offset: number, limit: number) => Promise<Page<T>>) | null = null
  #asked = new Set<number>()
  #generation = 0

  /** Starts over with another list; null is the empty one. */
  async load(fetch: ((offset: number, limit: number) => Promise<Page<T>>) | null): Promise<void> {
    this.#fetch = fetch
    this.#generation += 1
    this.#asked.clear()
    if (fetch === null) {
      this.rows = []
      this.total = 0
      return
    }
    await this.#page(0)
  }

  /** Asks for the pages that hold rows `from` to `to`, unless they are there. */
  need(from: number, to: number): void {
    const last = Math.floor(Math.max(0, to) / pageSize)
    for (let page = Math.floor(Math.max(0, from) / pageSize); page <= last; page += 1) {
      if (page * pageSize < this.total) void this.#page(page)
    }
  }

  async #page(page: number): Promise<void> {
    const fetch = this.#fetch
    if (fetch === null || this.#asked.has(page)) return
    this.#asked.add(page)
    const generation = this.#generation
    this.loading = true
    const got = await notices.guard(() => fetch(page * pageSize, pageSize))
    if (generation !== this.#generation) return
    this.loading = false
    if (got === undefined) {
      this.#asked.delete(page)
      return
    }
    const start = page === 0 ? [] : this.rows.slice(0, got.total)
    const rows: (T | undefined)[] = start.concat(new Array<T | undefined>(Math.max(0, got.total - start.length)).fill(undefined))
    got.rows.forEach((row, i) => (rows[page * pageSize + i] = row))
    this.rows = rows
    this.total = got.total
  }
}
