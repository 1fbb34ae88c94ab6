/** Value functions keep how they were trained, as collections and evaluations do. */
import type { Database } from 'better-sqlite3'

export function migrate(db: Database): void {
  // JSON; NULL for an imported one, and for those that were trained before
  db.exec('ALTER TABLE valueFunctions ADD COLUMN manifest TEXT')
}
