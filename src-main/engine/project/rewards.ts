/** Rewards: one a response and source. */
import type { Db } from './database.ts'

export interface Label {
  response: number
  value: number | null
  failure: string | null
}

export class Rewards {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  /** One transaction for all of them; a response's earlier reward by the same source is replaced. */
  add(source: string, settings: string, labels: Label[]): void {
    const insert = this.#db.prepare('INSERT OR REPLACE INTO rewards (response, source, settings, value, failure) VALUES (?, ?, ?, ?, ?)')
    this.#db.transaction(() => {
      for (const label of labels) insert.run(label.response, source, settings, label.value, label.failure)
    })()
  }

  sources(collection: number): string[] {
    return this.#db
      .prepare('SELECT DISTINCT w.source FROM rewards w JOIN responses r ON r.id = w.response WHERE r.collection = ? ORDER BY w.source')
      .pluck()
      .all(collection) as string[]
  }

  labels(collection: number, source: string): Label[] {
    return this.#db
      .prepare('SELECT w.response, w.value, w.failure FROM rewards w JOIN responses r ON r.id = w.response WHERE r.collection = ? AND w.source = ? ORDER BY w.response')
      .all(collection, source) as Label[]
  }

  /** The settings that a source labelled with last; null if it has not. */
  lastSettings(source: string): Record<string, unknown> | null {
    const settings = this.#db.prepare('SELECT settings FROM rewards WHERE source = ? ORDER BY response DESC LIMIT 1').pluck().get(source) as string | undefined
    return settings === undefined ? null : (JSON.parse(settings) as Record<string, unknown>)
  }
}
