/** Rewards: labels of responses, kept for each source and choice of settings; under one name the newest choice counts. */
import { StudioError } from '../../contract/errors.ts'
import type { Db } from './database.ts'

export interface Label {
  response: number
  value: number | null
  failure: string | null
}

/** One source with one choice of settings, under a name, in a collection. */
export interface Labelling {
  id: number
  collection: number
  name: string
  source: string
  settings: Record<string, unknown>
}

const columns = 'id, collection, name, source, settings'

export class Rewards {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  /**
   * From now on this choice counts under its name; the labels that it has already are kept.
   * @param same whether earlier settings give the same rewards: their labels are then those of this choice
   */
  choose(collection: number, name: string, source: string, settings: Record<string, unknown>, same: (earlier: Record<string, unknown>) => boolean = () => false): number {
    const json = JSON.stringify(settings)
    return this.#db.transaction(() => {
      this.#db.prepare('UPDATE labellings SET counts = 0 WHERE collection = ? AND name = ?').run(collection, name)
      const rows = this.#db.prepare(`SELECT ${columns} FROM labellings WHERE collection = ? AND name = ? AND source = ?`).all(collection, name, source) as LabellingRow[]
      const earlier = rows.find((row) => row.settings === json) ?? rows.find((row) => same(toLabelling(row).settings))
      if (earlier !== undefined) {
        this.#db.prepare('UPDATE labellings SET counts = 1, settings = ? WHERE id = ?').run(json, earlier.id)
        return earlier.id
      }
      return this.#db
        .prepare(
          `INSERT INTO labellings (collection, name, source, settings, counts) VALUES (?, ?, ?, ?, 1)
           ON CONFLICT (collection, name, source, settings) DO UPDATE SET counts = 1 RETURNING id`
        )
        .pluck()
        .get(collection, name, source, json) as number
    })()
  }

  /** One transaction for all of them; a response's earlier label is replaced. */
  add(labelling: number, labels: Label[]): void {
    const insert = this.#db.prepare('INSERT OR REPLACE INTO labels (labelling, response, value, failure) VALUES (?, ?, ?, ?)')
    this.#db.transaction(() => {
      for (const label of labels) insert.run(labelling, label.response, label.value, label.failure)
    })()
  }

  /** Responses of the labelling's collection without a value, the oldest first: a label that failed is tried again. */
  waiting(labelling: number): number[] {
    return this.#db
      .prepare(
        `SELECT r.id FROM labellings l JOIN responses r ON r.collection = l.collection
         WHERE l.id = ? AND NOT EXISTS (SELECT 1 FROM labels w WHERE w.labelling = l.id AND w.response = r.id AND w.value IS NOT NULL) ORDER BY r.id`
      )
      .pluck()
      .all(labelling) as number[]
  }

  /** The labellings of a collection that count, by name. */
  labellings(collection: number): Labelling[] {
    return (this.#db.prepare(`SELECT ${columns} FROM labellings WHERE collection = ? AND counts = 1 ORDER BY name`).all(collection) as LabellingRow[]).map(toLabelling)
  }

  /** Those that count, of every collection. */
  counting(): Labelling[] {
    return (this.#db.prepare(`SELECT ${columns} FROM labellings WHERE counts = 1 ORDER BY collection, name`).all() as LabellingRow[]).map(toLabelling)
  }

  /** All that was ever labelled under a name in a collection, whether it counts or not: a choice that is not seen could never be deleted. */
  delete(collection: number, name: string): void {
    this.#db.prepare('DELETE FROM labellings WHERE collection = ? AND name = ?').run(collection, name)
  }

  /** Every choice of settings that a source has labelled with under a name, whether it counts or not. */
  choices(collection: number, name: string, source: string): Labelling[] {
    return (this.#db.prepare(`SELECT ${columns} FROM labellings WHERE collection = ? AND name = ? AND source = ?`).all(collection, name, source) as LabellingRow[]).map(toLabelling)
  }

  /** @throws StudioError 'not-found' */
  labelling(collection: number, name: string): Labelling {
    const found = this.labellings(collection).find((labelling) => labelling.name === name)
    if (found === undefined) throw new StudioError('not-found', `collection ${collection} has no rewards named ${name}`)
    return found
  }

  /** Every name as it was labelled last: in the newest collection that has it. */
  newest(): Labelling[] {
    return (this.#db.prepare(`SELECT ${columns} FROM labellings l WHERE counts = 1 AND NOT EXISTS (
      SELECT 1 FROM labellings newer WHERE newer.counts = 1 AND newer.name = l.name AND newer.collection > l.collection) ORDER BY name`).all() as LabellingRow[]).map(toLabelling)
  }

  labels(labelling: number): Label[] {
    return this.#db.prepare('SELECT response, value, failure FROM labels WHERE labelling = ? ORDER BY response').all(labelling) as Label[]
  }

  /** A response's label that counts under a name; null if there is none. */
  label(name: string, response: number): Label | null {
    return (this.#db.prepare('SELECT response, value, failure FROM rewards WHERE name = ? AND response = ?').get(name, response) as Label | undefined) ?? null
  }
}

type LabellingRow = Omit<Labelling, 'settings'> & { settings: string }

function toLabelling(row: LabellingRow): Labelling {
  return { ...row, settings: JSON.parse(row.settings) as Record<string, unknown> }
}
