/** Rate over the last seconds and the time left, from how far a job is. */
// long enough for a few batches full of prompts, in which no response grows
const windowMs = 30_000

export class Rate {
  #marks: { at: number; done: number }[] = []

  /** What was done before this does not count: a new phase, or what an earlier run had finished. */
  restart(done: number): void {
    this.#marks = [{ at: performance.now(), done }]
  }

  mark(done: number, at = performance.now()): void {
    this.#marks.push({ at, done })
    while (this.#marks.length > 2 && at - (this.#marks[0]?.at ?? at) > windowMs) this.#marks.shift()
  }

  /** Units a second; null until two marks are at least a quarter of a second apart. */
  get perSecond(): number | null {
    const [first, last] = [this.#marks[0], this.#marks.at(-1)]
    if (first === undefined || last === undefined || last.at - first.at < 250) return null
    return ((last.done - first.done) / (last.at - first.at)) * 1000
  }

  secondsLeft(total: number | null): number | null {
    const rate = this.perSecond
    const done = this.#marks.at(-1)?.done ?? 0
    return total === null || rate === null || rate <= 0 ? null : Math.max(0, total - done) / rate
  }
}
