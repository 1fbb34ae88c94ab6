/** Asks a process again and again whether it answers, for one that hangs without ending. */

const everyMs = 5000
/** in a row, so that a machine that slept has not missed any */
const mostMissed = 3

export class Answers {
  #missed = 0
  #asking: NodeJS.Timeout | undefined

  /** @param ask sends the question @param hangs is told when the answers stay away, and when they come again */
  constructor(
    private readonly ask: () => void,
    private readonly hangs: (now: boolean) => void
  ) {}

  /** Anew, of a process that has just been started. */
  begin(): void {
    this.end()
    this.#asking = setInterval(() => {
      if (++this.#missed === mostMissed + 1) this.hangs(true)
      this.ask()
    }, everyMs)
  }

  answered(): void {
    const hung = this.#missed > mostMissed
    this.#missed = 0
    if (hung) this.hangs(false)
  }

  end(): void {
    clearInterval(this.#asking)
    this.#missed = 0
  }
}
