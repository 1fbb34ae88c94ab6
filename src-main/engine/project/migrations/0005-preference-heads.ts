/** Rewards learnt from pairs: a weight for each number of a state, and how well they tell unseen pairs apart. */
import type { Database } from 'better-sqlite3'

export function migrate(db: Database): void {
  db.exec(`
    CREATE TABLE preferenceHeads (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      dataset INTEGER REFERENCES datasets(id) ON DELETE SET NULL,
      datasetName TEXT NOT NULL,
      created TEXT NOT NULL,
      settings TEXT NOT NULL,
      inputDim INTEGER NOT NULL,
      trainPairs INTEGER NOT NULL,
      heldOutPairs INTEGER NOT NULL,
      skipped INTEGER NOT NULL,
      strength REAL NOT NULL,
      trainAccuracy REAL NOT NULL,
      -- JSON: held-out accuracies with their intervals
      accuracies TEXT NOT NULL,
      -- float32, on raw states
      weights BLOB NOT NULL,
      bias REAL NOT NULL,
      manifest TEXT NOT NULL
    ) STRICT;
  `)
}
