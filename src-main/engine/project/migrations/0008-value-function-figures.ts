/** Value functions that are ensembles, and what they do over the tokens of unseen responses. */
import type { Database } from 'better-sqlite3'

export function migrate(db: Database): void {
  db.exec(`
    -- The networks of that many members one after another in "weights", of the dimensions that "hiddenDims" has.
    ALTER TABLE valueFunctions ADD COLUMN members INTEGER NOT NULL DEFAULT 1;
    -- JSON; NULL for an imported one, and for those that were trained before
    ALTER TABLE valueFunctions ADD COLUMN figures TEXT;
  `)
}
