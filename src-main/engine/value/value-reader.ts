/** Readings of value functions, which take as long as there are states: one at a time, told on the way, and ended when nobody waits. */
import type { PromotedTokens, ValueReading } from '../../contract/learned.ts'
import type { EventPayload } from '../../contract/methods.ts'
import type { Models } from '../models/models.ts'
import type { Project } from '../project/project.ts'
import { promotedTokens } from './promoted-tokens.ts'
import { readValues } from './value-reading.ts'

const toldEveryMs = 200

export class ValueReader {
  readonly #models: Models
  readonly #tell: (progress: EventPayload<'value.progress'>) => void
  #abort = new AbortController()

  constructor(models: Models, tell: (progress: EventPayload<'value.progress'>) => void) {
    this.#models = models
    this.#tell = tell
  }

  /** @throws as `readValues` */
  values(project: Project, id: number): Promise<ValueReading> {
    return readValues(project, this.#models, id, this.#progress(id, 'states'), this.#begin())
  }

  /** @throws as `promotedTokens` */
  promoted(project: Project, id: number): Promise<PromotedTokens> {
    return promotedTokens(project, this.#models, id, this.#progress(id, 'tokens'), this.#begin())
  }

  /** What runs fails with 'cancelled'. */
  stop(): void {
    this.#abort.abort()
  }

  #begin(): AbortSignal {
    this.stop()
    this.#abort = new AbortController()
    return this.#abort.signal
  }

  #progress(valueFunction: number, what: 'states' | 'tokens'): (done: number, total: number) => void {
    let told = performance.now()
    return (done, total) => {
      if (performance.now() - told < toldEveryMs) return
      told = performance.now()
      this.#tell({ valueFunction, what, done, total })
    }
  }
}
