/** When the next request may go out: at most so many a minute, and none while the endpoint wants to be left alone. */
import { setTimeout as sleep } from 'node:timers/promises'

const minuteMs = 60_000

/**
 * A token bucket of one second's requests, kept as the time of the next one: requests are spread over the minute, and
 * what was not used a while ago is no credit.
 */
export class Pace {
  readonly #intervalMs: number
  readonly #burstMs: number
  #next = 0
  #heldUntil = 0

  /** @param perMinute null: no limit */
  constructor(perMinute: number | null) {
    this.#intervalMs = perMinute === null ? 0 : minuteMs / perMinute
    this.#burstMs = Math.max(0, 1000 - this.#intervalMs)
  }

  /** Nobody asks for this long: one answer "too many requests" counts for all that run. */
  hold(ms: number): void {
    this.#heldUntil = Math.max(this.#heldUntil, performance.now() + ms)
  }

  /** Resolves when it is this caller's turn. @throws AbortError */
  async turn(signal: AbortSignal): Promise<void> {
    const now = performance.now()
    const at = Math.max(this.#next, now - this.#burstMs)
    this.#next = at + this.#intervalMs
    if (at > now) await sleep(at - now, undefined, { signal })
    for (let left = this.#heldUntil - performance.now(); left > 0; left = this.#heldUntil - performance.now()) await sleep(left, undefined, { signal })
  }
}
