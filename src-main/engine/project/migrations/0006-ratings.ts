/** What people say of responses, one by one or in pairs, and thumbs for the answers of the chat. */
import type { Database } from 'better-sqlite3'

export function migrate(db: Database): void {
  db.exec(`
    -- As it was shown: a pair's first response stood on the left. value 1: good, or the first is better; -1: bad, or the
    -- second is; 0: neither.
    CREATE TABLE ratings (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      rater TEXT NOT NULL,
      first INTEGER NOT NULL REFERENCES responses(id) ON DELETE CASCADE,
      second INTEGER REFERENCES responses(id) ON DELETE CASCADE,
      value INTEGER NOT NULL CHECK (value IN (-1, 0, 1)),
      created TEXT NOT NULL,
      CHECK (first <> second)
    ) STRICT;
    CREATE INDEX ratingsByFirst ON ratings (first);
    CREATE INDEX ratingsBySecond ON ratings (second);

    CREATE TABLE thumbs (
      turn INTEGER NOT NULL REFERENCES turns(id) ON DELETE CASCADE,
      pane INTEGER NOT NULL,
      value INTEGER NOT NULL CHECK (value IN (-1, 0, 1)),
      PRIMARY KEY (turn, pane)
    ) STRICT, WITHOUT ROWID;
  `)
}
