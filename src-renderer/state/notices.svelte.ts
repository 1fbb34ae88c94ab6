/** What the person must be told: notices of the engine and failed requests. */
import { on, RequestFailure } from './connection.ts'

export type NoticeLevel = 'info' | 'warning' | 'error'

export interface Notice {
  key: number
  level: NoticeLevel
  text: string
  details: string | undefined
}

/** Milliseconds; an error stays until it is dismissed. */
const shownFor = { info: 7000, warning: 15_000 }
const most = 4

class Notices {
  list = $state.raw<Notice[]>([])
  #last = 0

  constructor() {
    on('notice', ({ level, text, details }) => this.add(level, text, details))
  }

  add(level: NoticeLevel, text: string, details?: string): void {
    if (this.list.some((notice) => notice.text === text && notice.level === level)) return
    const key = ++this.#last
    this.list = [...this.list, { key, level, text, details }].slice(-most)
    if (level !== 'error') setTimeout(() => this.dismiss(key), shownFor[level])
  }

  dismiss(key: number): void {
    this.list = this.list.filter((notice) => notice.key !== key)
  }

  /** Shows what a request failed with; a cancelled one was the person's own wish and is not shown. */
  report(error: unknown): void {
    if (error instanceof RequestFailure) {
      if (error.code !== 'cancelled') this.add('error', error.message, error.details ?? `code: ${error.code}`)
    } else {
      const cause = error instanceof Error ? error : new Error(String(error))
      this.add('error', `Something went wrong in the window: ${cause.message}`, cause.stack)
    }
  }

  /** Runs `work` and reports its failure; undefined then. */
  async guard<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work()
    } catch (error) {
      this.report(error)
      return undefined
    }
  }
}

export const notices = new Notices()
