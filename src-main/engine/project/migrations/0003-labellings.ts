/**
 * Rewards get names of their own, and those of earlier settings are kept: a labelling is one source with one choice of
 * settings, and of those with the same name in a collection one counts.
 */
import type { Database } from 'better-sqlite3'

export function migrate(db: Database): void {
  db.exec(`
    CREATE TABLE labellings (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      collection INTEGER NOT NULL REFERENCES collections(id) ON DELETE CASCADE,
      name TEXT NOT NULL,
      source TEXT NOT NULL,
      settings TEXT NOT NULL,
      counts INTEGER NOT NULL CHECK (counts IN (0, 1)),
      UNIQUE (collection, name, source, settings)
    ) STRICT;
    CREATE UNIQUE INDEX labellingThatCounts ON labellings (collection, name) WHERE counts = 1;

    INSERT INTO labellings (collection, name, source, settings, counts)
      SELECT r.collection, w.source, w.source, w.settings,
        row_number() OVER (PARTITION BY r.collection, w.source ORDER BY max(w.rowid) DESC) = 1
      FROM rewards w JOIN responses r ON r.id = w.response GROUP BY r.collection, w.source, w.settings;

    -- value is NULL where labelling failed, and failure says why: a broken label is never a 0.
    CREATE TABLE labels (
      labelling INTEGER NOT NULL REFERENCES labellings(id) ON DELETE CASCADE,
      response INTEGER NOT NULL REFERENCES responses(id) ON DELETE CASCADE,
      value REAL,
      failure TEXT,
      PRIMARY KEY (labelling, response),
      CHECK ((value IS NULL) <> (failure IS NULL))
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX labelsByResponse ON labels (response);

    INSERT INTO labels (labelling, response, value, failure)
      SELECT l.id, w.response, w.value, w.failure
      FROM rewards w JOIN responses r ON r.id = w.response
        JOIN labellings l ON l.collection = r.collection AND l.source = w.source AND l.settings = w.settings;
    DROP TABLE rewards;

    -- The label that counts, by name.
    CREATE VIEW rewards AS
      SELECT l.collection, l.name, w.response, w.value, w.failure
      FROM labellings l JOIN labels w ON w.labelling = l.id WHERE l.counts = 1;
  `)
}
