/** Named sets of panes of the chat. */
import type { PanePreset } from '../../contract/chat.ts'
import type { MethodChoice } from '../../contract/control.ts'
import { StudioError } from '../../contract/errors.ts'
import type { Db } from './database.ts'

export class PanePresets {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  /** By name. */
  list(): PanePreset[] {
    const rows = this.#db.prepare('SELECT id, name, methods FROM panePresets ORDER BY name COLLATE NOCASE, id').all() as { id: number; name: string; methods: string }[]
    return rows.map(({ methods, ...preset }) => ({ ...preset, methods: JSON.parse(methods) as MethodChoice[] }))
  }

  /** Instead of what had that name. */
  save(name: string, methods: MethodChoice[]): void {
    this.#db.prepare('INSERT INTO panePresets (name, methods) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET methods = excluded.methods').run(name, JSON.stringify(methods))
  }

  /** @throws StudioError 'not-found', or 'bad-request' where another has that name */
  rename(id: number, name: string): void {
    if (this.#db.prepare('SELECT 1 FROM panePresets WHERE name = ? AND id <> ?').get(name, id) !== undefined) throw new StudioError('bad-request', `there is a preset named ${name} already`)
    if (this.#db.prepare('UPDATE panePresets SET name = ? WHERE id = ?').run(name, id).changes === 0) throw new StudioError('not-found', `there is no preset ${id} in this project`)
  }

  /** @throws StudioError 'not-found' */
  delete(id: number): void {
    if (this.#db.prepare('DELETE FROM panePresets WHERE id = ?').run(id).changes === 0) throw new StudioError('not-found', `there is no preset ${id} in this project`)
  }
}
