/** Items a chunk at a time, for a model: what has no verdict when its process dies comes again. */
import type { ToScore, Verdict } from './source.ts'

export class Chunks<T = ToScore> {
  readonly #items: Iterator<T>
  readonly #size: number
  readonly #tell: (item: T, verdict: Verdict) => void
  #open: T[] = []

  constructor(items: Iterable<T>, size: number, tell: (item: T, verdict: Verdict) => void) {
    this.#items = items[Symbol.iterator]()
    this.#size = size
    this.#tell = tell
  }

  /** What of the last chunk has no verdict, or else the next items; empty at the end. */
  next(): readonly T[] {
    if (this.#open.length > 0) return [...this.#open]
    while (this.#open.length < this.#size) {
      const next = this.#items.next()
      if (next.done === true) break
      this.#open.push(next.value)
    }
    return [...this.#open]
  }

  tell(item: T, verdict: Verdict): void {
    this.#open = this.#open.filter((open) => open !== item)
    this.#tell(item, verdict)
  }
}
