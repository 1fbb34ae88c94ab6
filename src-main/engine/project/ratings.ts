/** What people said of responses, as it was shown to them. */
import type { RatingValue } from '../../contract/rating.ts'
import { StudioError } from '../../contract/errors.ts'
import type { Db } from './database.ts'

export type RatingMode = 'single' | 'pair'

export interface Rating {
  id: number
  rater: string
  /** of a pair the one that was shown first */
  first: number
  /** null for a rating of one response */
  second: number | null
  value: RatingValue
}

const columns = 'w.id, w.rater, w.first, w.second, w.value'
const isPair = "(w.second IS NOT NULL) = (@mode = 'pair')"

export class Ratings {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  add(rater: string, first: number, second: number | null, value: RatingValue): number {
    const { lastInsertRowid } = this.#db
      .prepare('INSERT INTO ratings (rater, first, second, value, created) VALUES (?, ?, ?, ?, ?)')
      .run(rater, first, second, value, new Date().toISOString())
    return Number(lastInsertRowid)
  }

  /** @throws StudioError 'not-found' */
  delete(id: number): void {
    const { changes } = this.#db.prepare('DELETE FROM ratings WHERE id = ?').run(id)
    if (changes === 0) throw new StudioError('not-found', `there is no rating ${id} in this project`)
  }

  /** Of a collection's responses, the oldest first. */
  list(collection: number, mode: RatingMode): Rating[] {
    return this.#db
      .prepare(`SELECT ${columns} FROM ratings w JOIN responses r ON r.id = w.first WHERE r.collection = @collection AND ${isPair} ORDER BY w.id`)
      .all({ collection, mode }) as Rating[]
  }

  /** Of the samples of one prompt, single ones and pairs, the oldest first. */
  ofPrompt(collection: number, example: number): Rating[] {
    return this.#db
      .prepare(`SELECT ${columns} FROM responses r JOIN ratings w ON w.first = r.id WHERE r.collection = ? AND r.example = ? ORDER BY w.id`)
      .all(collection, example) as Rating[]
  }

  counts(collection: number): { singles: number; pairs: number } {
    return this.#db
      .prepare('SELECT count(w.id) - count(w.second) AS singles, count(w.second) AS pairs FROM ratings w JOIN responses r ON r.id = w.first WHERE r.collection = ?')
      .get(collection) as { singles: number; pairs: number }
  }

  raters(collection: number): string[] {
    return this.#db
      .prepare('SELECT DISTINCT w.rater FROM ratings w JOIN responses r ON r.id = w.first WHERE r.collection = ? ORDER BY w.rater')
      .pluck()
      .all(collection) as string[]
  }
}
