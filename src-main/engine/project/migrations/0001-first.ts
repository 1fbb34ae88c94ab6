/** The first schema: from a data set to an evaluation. */
import type { Database } from 'better-sqlite3'

export function migrate(db: Database): void {
  db.exec(`
    CREATE TABLE project (
      id TEXT NOT NULL,
      name TEXT NOT NULL,
      modelFile TEXT,
      created TEXT NOT NULL
    ) STRICT;

    CREATE TABLE datasets (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      name TEXT NOT NULL,
      source TEXT NOT NULL,
      format TEXT NOT NULL,
      imported TEXT NOT NULL
    ) STRICT;

    -- messages: JSON, the conversation that the chat template gets; columns: JSON, the row's other columns
    CREATE TABLE examples (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      dataset INTEGER NOT NULL REFERENCES datasets(id) ON DELETE CASCADE,
      line INTEGER NOT NULL,
      split TEXT NOT NULL CHECK (split IN ('train', 'held-out')),
      prompt TEXT NOT NULL,
      messages TEXT NOT NULL,
      chosen TEXT,
      rejected TEXT,
      columns TEXT NOT NULL
    ) STRICT;
    CREATE INDEX examplesByLine ON examples (dataset, split, line);

    CREATE TABLE rejectedRows (
      dataset INTEGER NOT NULL REFERENCES datasets(id) ON DELETE CASCADE,
      line INTEGER NOT NULL,
      reason TEXT NOT NULL
    ) STRICT;
    CREATE INDEX rejectedRowsByLine ON rejectedRows (dataset, line);

    CREATE TABLE collections (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      dataset INTEGER NOT NULL REFERENCES datasets(id) ON DELETE CASCADE,
      settings TEXT NOT NULL,
      manifest TEXT NOT NULL,
      planned INTEGER NOT NULL,
      inputDim INTEGER NOT NULL,
      -- of its runs so far, what was drawn and lost included
      drawnTokens INTEGER NOT NULL DEFAULT 0,
      seconds REAL NOT NULL DEFAULT 0,
      created TEXT NOT NULL
    ) STRICT;

    -- Raw states: float16, row-major, in states/<file>; a response's are states.count rows from byte offset on.
    CREATE TABLE responses (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      collection INTEGER NOT NULL REFERENCES collections(id) ON DELETE CASCADE,
      example INTEGER NOT NULL REFERENCES examples(id) ON DELETE CASCADE,
      sample INTEGER NOT NULL,
      seed INTEGER NOT NULL,
      promptText TEXT NOT NULL,
      text TEXT NOT NULL,
      tokens BLOB NOT NULL,
      finish TEXT NOT NULL CHECK (finish IN ('end', 'length')),
      shard TEXT NOT NULL,
      offset INTEGER NOT NULL,
      states INTEGER NOT NULL,
      crc32 INTEGER NOT NULL,
      UNIQUE (collection, example, sample)
    ) STRICT;

    -- Examples whose prompt the model cannot take.
    CREATE TABLE skippedExamples (
      collection INTEGER NOT NULL REFERENCES collections(id) ON DELETE CASCADE,
      example INTEGER NOT NULL REFERENCES examples(id) ON DELETE CASCADE,
      sample INTEGER NOT NULL,
      reason TEXT NOT NULL,
      PRIMARY KEY (collection, example, sample)
    ) STRICT;

    -- value is NULL where labelling failed, and failure says why: a broken label is never a 0.
    CREATE TABLE rewards (
      response INTEGER NOT NULL REFERENCES responses(id) ON DELETE CASCADE,
      source TEXT NOT NULL,
      settings TEXT NOT NULL,
      value REAL,
      failure TEXT,
      PRIMARY KEY (response, source),
      CHECK ((value IS NULL) <> (failure IS NULL))
    ) STRICT;

    -- weights: float32 little-endian, layer by layer, weight (out, in) row-major, then bias; they take raw states.
    CREATE TABLE valueFunctions (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      name TEXT NOT NULL,
      collection INTEGER REFERENCES collections(id) ON DELETE SET NULL,
      source TEXT NOT NULL,
      created TEXT NOT NULL,
      inputDim INTEGER NOT NULL,
      hiddenDims TEXT NOT NULL,
      weights BLOB NOT NULL,
      scale REAL NOT NULL,
      rewardMean REAL NOT NULL,
      rewardScale REAL NOT NULL,
      settings TEXT,
      bestEpoch INTEGER NOT NULL,
      curve TEXT NOT NULL,
      calibration TEXT NOT NULL
    ) STRICT;

    CREATE TABLE turns (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      created TEXT NOT NULL,
      prompt TEXT NOT NULL,
      seed INTEGER NOT NULL,
      panes TEXT NOT NULL
    ) STRICT;

    CREATE TABLE evaluations (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      dataset INTEGER NOT NULL REFERENCES datasets(id) ON DELETE CASCADE,
      settings TEXT NOT NULL,
      manifest TEXT NOT NULL,
      created TEXT NOT NULL,
      -- JSON, for each method [tokens, seconds] of its runs so far
      timings TEXT NOT NULL,
      result TEXT,
      report TEXT
    ) STRICT;

    CREATE TABLE evaluationResponses (
      evaluation INTEGER NOT NULL REFERENCES evaluations(id) ON DELETE CASCADE,
      method INTEGER NOT NULL,
      example INTEGER NOT NULL REFERENCES examples(id) ON DELETE CASCADE,
      text TEXT NOT NULL,
      tokens INTEGER NOT NULL,
      edit REAL,
      reward REAL,
      failure TEXT,
      PRIMARY KEY (evaluation, method, example)
    ) STRICT;

    -- settings: what the job needs to go on from what is in the other tables
    CREATE TABLE jobs (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      kind TEXT NOT NULL,
      title TEXT NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'paused', 'done', 'stopped', 'failed')),
      settings TEXT NOT NULL,
      phase TEXT NOT NULL,
      done REAL NOT NULL,
      total REAL,
      unit TEXT NOT NULL,
      failure TEXT,
      subject INTEGER,
      created TEXT NOT NULL,
      updated TEXT NOT NULL
    ) STRICT;
  `)
}
