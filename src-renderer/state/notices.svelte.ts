/** What the person must be told: notices of the engine and failed requests. */
import { sentence } from '../ui/format.ts'
import { on, RequestFailure } from './connection.ts'

export type NoticeLevel = 'info' | 'warning' | 'error'

export interface Notice {
  key: number
  level: NoticeLevel
  text: string
  details: string | undefined
  /** what the person can do about it */
  action: NoticeAction | undefined
}

export interface NoticeAction {
  title: string
  run: () => void
}

/** Milliseconds; an error stays until it is dismissed. */
const shownFor = { info: 7000, warning: 15_000 }
const most = 4

class Notices {
  list = $state.raw<Notice[]>([])
  #last = 0

  constructor() {
    on('notice', ({ level, text, details }) => this.add(level, sentence(text), details))
  }

  /** @returns its key, to dismiss it by; one that is there already is not shown twice */
  add(level: NoticeLevel, text: string, details?: string, action?: NoticeAction): number {
    const same = this.list.find((notice) => notice.text === text && notice.level === level && notice.action === undefined)
    if (same !== undefined && action === undefined) return same.key
    const key = ++this.#last
    this.list = [...this.list, { key, level, text, details, action }].slice(-most)
    if (level !== 'error') setTimeout(() => this.dismiss(key), shownFor[level])
    return key
  }

  dismiss(key: number): void {
    this.list = this.list.filter((notice) => notice.key !== key)
  }

  /**
   * Shows what a request failed with; a cancelled one was the person's own wish and is not shown.
   * @returns the notice's key, null where there is none
   */
  report(error: unknown): number | null {
    if (error instanceof RequestFailure) return error.code === 'cancelled' ? null : this.add('error', error.message, error.details ?? `code: ${error.code}`)
    const cause = error instanceof Error ? error : new Error(String(error))
    return this.add('error', `Something went wrong in the window: ${cause.message}`, cause.stack)
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
