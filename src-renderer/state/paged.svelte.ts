/** Rows of a long list, fetched in pages when they come into view; rows not there yet are undefined. */
import { notices } from './notices.svelte.ts'

const pageSize = 100
/** Pages that are kept: some ten thousand rows. */
const mostPages = 100

export interface Page<T> {
  total: number
  /** false: there are more than `total` */
  exact?: boolean
  rows: T[]
}

type Fetch<T> = (offset: number, limit: number) => Promise<Page<T>>

/** What is there of a list: like an array with holes, but a million rows that were never seen cost nothing. */
export class SomeRows<T> {
  readonly length: number
  readonly exact: boolean
  readonly #pages: ReadonlyMap<number, T[]>

  constructor(length: number, exact: boolean, pages: ReadonlyMap<number, T[]>) {
    this.length = length
    this.exact = exact
    this.#pages = pages
  }

  at(index: number): T | undefined {
    return this.#pages.get(Math.floor(index / pageSize))?.[index % pageSize]
  }
}

export class PagedRows<T> {
  /** Those of the list before until the first page of another is there. */
  rows = $state.raw(new SomeRows<T>(0, true, new Map()))
  /** Whether the first page of another list is awaited. */
  loading = $state(false)
  /** Whether it could not be read; the notices say why. */
  failed = $state(false)
  total = $derived(this.rows.length)

  #fetch: Fetch<T> | null = null
  #pages = new Map<number, T[]>()
  #length: number | null = null
  #wanted = { from: 0, to: 0 }
  #generation = 0
  #filling = false

  /** Starts over with another list; null is the empty one. @returns whether it is still the one that is wanted */
  async load(fetch: Fetch<T> | null): Promise<boolean> {
    this.#generation += 1
    this.#fetch = fetch
    this.#pages = new Map()
    this.#length = null
    this.#wanted = { from: 0, to: 0 }
    this.failed = false
    this.loading = fetch !== null
    const generation = this.#generation
    if (fetch === null) this.#show(0, true)
    else await this.#fill(fetch)
    return generation === this.#generation
  }

  /**
   * The rows from `from` up to `to` are in view. One page is fetched at a time, and always one that is in view then: what a
   * dragged scroll bar only passed is never asked for.
   */
  need(from: number, to: number): void {
    this.#wanted = { from, to }
    if (this.#fetch !== null && !this.#filling) void this.#fill(this.#fetch)
  }

  async #fill(fetch: Fetch<T>): Promise<void> {
    const generation = this.#generation
    this.#filling = true
    for (let page = this.#missing(); page !== null; page = this.#missing()) {
      const offset = page * pageSize
      const got = await notices.guard(() => fetch(offset, pageSize))
      if (generation !== this.#generation) return // another list is being filled
      if (got === undefined) {
        this.failed = this.#length === null
        if (this.failed) this.#show(0, true)
        break
      }
      this.#keep(page, got.rows)
      this.#length = got.total
      this.#show(got.total, got.exact ?? true)
    }
    this.#filling = false
  }

  /** The first page in view that is not there. */
  #missing(): number | null {
    if (this.#length === null) return 0
    const last = Math.ceil(Math.min(this.#wanted.to, this.#length) / pageSize)
    for (let page = Math.floor(Math.max(0, this.#wanted.from) / pageSize); page < last; page += 1) {
      if (!this.#pages.has(page)) return page
    }
    return null
  }

  #keep(page: number, rows: T[]): void {
    this.#pages.set(page, rows)
    const [oldest] = this.#pages.keys()
    if (this.#pages.size > mostPages && oldest !== undefined) this.#pages.delete(oldest)
  }

  #show(total: number, exact: boolean): void {
    this.loading = false
    this.rows = new SomeRows(total, exact, this.#pages)
  }
}
