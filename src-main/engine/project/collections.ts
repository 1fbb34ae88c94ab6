/** Collections: one run of the base model over a data set's prompts, with the states of every generated token. */
import type { Manifest } from '../../contract/device.ts'
import { collectSettings, type Collection, type CollectSettings } from '../../contract/collect.ts'
import { StudioError } from '../../contract/errors.ts'
import type { Db } from './database.ts'

const summary = `
  SELECT c.id, c.dataset, d.name AS datasetName, c.created, c.settings, c.planned, c.inputDim, c.drawnTokens, c.seconds,
    count(r.id) AS responses, coalesce(sum(r.states), 0) AS states
  FROM collections c JOIN datasets d ON d.id = c.dataset LEFT JOIN responses r ON r.collection = c.id`

type Row = Omit<Collection, 'settings' | 'tokens' | 'bytes' | 'tokensPerSecond'> & { settings: string; inputDim: number; drawnTokens: number; seconds: number }

export class Collections {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  create(settings: CollectSettings, manifest: Manifest, planned: number, inputDim: number): number {
    const { lastInsertRowid } = this.#db
      .prepare('INSERT INTO collections (dataset, settings, manifest, planned, inputDim, created) VALUES (?, ?, ?, ?, ?, ?)')
      .run(settings.dataset, JSON.stringify(settings), JSON.stringify(manifest), planned, inputDim, new Date().toISOString())
    return Number(lastInsertRowid)
  }

  delete(id: number): void {
    this.#db.prepare('DELETE FROM collections WHERE id = ?').run(id)
  }

  list(): Collection[] {
    return (this.#db.prepare(`${summary} GROUP BY c.id ORDER BY c.id`).all() as Row[]).map(toCollection)
  }

  get(id: number): Collection {
    const row = this.#db.prepare(`${summary} WHERE c.id = ? GROUP BY c.id`).get(id) as Row | undefined
    if (row === undefined) throw new StudioError('not-found', `there is no collection ${id} in this project`)
    return toCollection(row)
  }

  addTiming(id: number, tokens: number, seconds: number): void {
    this.#db.prepare('UPDATE collections SET drawnTokens = drawnTokens + ?, seconds = seconds + ? WHERE id = ?').run(tokens, seconds, id)
  }

  manifest(id: number): Manifest {
    return JSON.parse(this.#db.prepare('SELECT manifest FROM collections WHERE id = ?').pluck().get(id) as string) as Manifest
  }

  /** A whole collection that was imported with this content, if there is one. */
  imported(fingerprint: string): number | null {
    return (this.#db
      .prepare(
        `SELECT c.id FROM collections c JOIN datasets d ON d.id = c.dataset AND d.deleted = 0
         WHERE json_extract(c.manifest, '$.settings.imported.fingerprint') = ? AND c.planned = (SELECT count(*) FROM responses r WHERE r.collection = c.id)`
      )
      .pluck()
      .get(fingerprint) as number | undefined) ?? null
  }

  inputDim(id: number): number {
    return this.#db.prepare('SELECT inputDim FROM collections WHERE id = ?').pluck().get(id) as number
  }
}

function toCollection({ inputDim, drawnTokens, seconds, ...row }: Row): Collection {
  return {
    ...row,
    settings: collectSettings.parse(JSON.parse(row.settings)), // older rows lack the newer settings
    tokens: row.states, // a state a token, two bytes a number
    bytes: row.states * inputDim * 2,
    tokensPerSecond: seconds > 0 ? drawnTokens / seconds : null
  }
}
