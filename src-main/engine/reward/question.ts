/** What is asked of a judge about each of many items. */
import type { Message } from '../../contract/data.ts'
import type { Answer } from './parse-score.ts'
import type { Verdict } from './source.ts'

export interface Question<T> {
  /** As one request. */
  messages(item: T): Message[]
  /** @param shown the answer as a message may show it */
  read(answer: Answer, shown: string): Verdict
}

/** A judge that is ready to be asked one question. */
export interface Judge<T> {
  /** As a reward source's scorer: in any order, and pulled as it goes. @throws where going on makes no sense */
  ask(items: Iterable<T>, tell: (item: T, verdict: Verdict) => void): Promise<void>
  close(): void
}
