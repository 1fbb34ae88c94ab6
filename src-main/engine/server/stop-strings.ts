/** Ends a text before the first of some strings, and holds back what may be the beginning of one. */
export class StopStrings {
  readonly #stops: readonly string[]
  #held = ''
  #met = false

  constructor(stops: readonly string[]) {
    this.#stops = stops
  }

  /** Whether one of them was met: nothing more follows. */
  get met(): boolean {
    return this.#met
  }

  /** @returns what of the text up to here can be told now */
  take(text: string): string {
    if (this.#met) return ''
    const all = this.#held + text
    const at = Math.min(...this.#stops.map((stop) => all.indexOf(stop)).map((found) => (found < 0 ? Infinity : found)))
    if (at < Infinity) {
      this.#met = true
      this.#held = ''
      return all.slice(0, at)
    }
    const open = Math.max(0, ...this.#stops.map((stop) => overlap(all, stop)))
    this.#held = all.slice(all.length - open)
    return all.slice(0, all.length - open)
  }

  /** What was held back, once it is known that nothing follows. */
  rest(): string {
    const held = this.#held
    this.#held = ''
    return held
  }
}

/** Length of the longest end of `text` that `stop` begins with, but for all of it. */
function overlap(text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length--) {
    if (text.endsWith(stop.slice(0, length))) return length
  }
  return 0
}
