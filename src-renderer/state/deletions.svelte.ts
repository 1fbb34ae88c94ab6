/**
 * What the person deleted and may still have back. The engine is asked only when the time for that is over, so a window
 * or an engine that ends before has deleted nothing.
 */
import { notices } from './notices.svelte.ts'
import { studio } from './studio.svelte.ts'

/** As long as its notice is shown. */
const undoMs = 7000

interface Deletion {
  name: string
  timer: ReturnType<typeof setTimeout>
  run: () => Promise<unknown>
}

class Deletions {
  #waiting = $state.raw<ReadonlyMap<string, Deletion>>(new Map())

  constructor() {
    studio.beforeClose(() => this.flush())
    studio.onProjectChange((other) => {
      if (!other) return
      for (const { timer } of this.#waiting.values()) clearTimeout(timer)
      this.#waiting = new Map()
    })
  }

  /** Whether the thing of that key ("dataset 3") is to be shown as gone. */
  has(key: string): boolean {
    return this.#waiting.has(key)
  }

  /** Shows `name` as gone and calls `run` when it can no longer be taken back; what fails then is reported, and the thing is there again. */
  add(key: string, name: string, run: () => Promise<unknown>): void {
    if (this.has(key)) return
    const timer = setTimeout(() => void this.#carryOut(key), undoMs)
    this.#waiting = new Map(this.#waiting).set(key, { name, timer, run })
    notices.add('info', `${name} was deleted.`, undefined, { title: 'Undo', run: () => this.#takeBack(key) })
  }

  /** As `add`, once the engine has said that it may be; a refusal is reported and the thing stays. @returns whether it vanished */
  async ask(key: string, name: string, may: () => Promise<unknown>, run: () => Promise<unknown>): Promise<boolean> {
    if ((await notices.guard(may)) === undefined) return false
    this.add(key, name, run)
    return true
  }

  /** Deletes at once what still waits, before the project closes. */
  async flush(): Promise<void> {
    for (const key of [...this.#waiting.keys()]) await this.#carryOut(key)
  }

  #takeBack(key: string): void {
    clearTimeout(this.#waiting.get(key)?.timer)
    this.#forget(key)
  }

  async #carryOut(key: string): Promise<void> {
    const deletion = this.#waiting.get(key)
    if (deletion === undefined) return
    clearTimeout(deletion.timer)
    await notices.guard(deletion.run)
    this.#forget(key)
  }

  #forget(key: string): void {
    const rest = new Map(this.#waiting)
    rest.delete(key)
    this.#waiting = rest
  }
}

export const deletions = new Deletions()
