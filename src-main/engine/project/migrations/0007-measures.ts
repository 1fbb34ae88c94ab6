/** Evaluations with several seeds, with what is measured of each response, and with the tokens that a measure may ask for. */
import type { Database } from 'better-sqlite3'

export function migrate(db: Database): void {
  db.exec(`
    -- rounds: JSON, of a sweep with successive halving: for each round that is decided the points that went on;
    -- extendedFrom: the settings before an extension that is under way;
    -- remarks: JSON, by the label of a metric what a reader of its figures should know
    ALTER TABLE evaluations ADD COLUMN rounds TEXT NOT NULL DEFAULT '[]';
    ALTER TABLE evaluations ADD COLUMN extendedFrom TEXT;
    ALTER TABLE evaluations ADD COLUMN remarks TEXT NOT NULL DEFAULT '{}';

    -- method: the column, see evaluate/columns.ts; tokenIds: int32 little-endian, NULL where they were not kept;
    -- the key begins with the prompt, as a page of answers side by side does
    CREATE TABLE newEvaluationResponses (
      evaluation INTEGER NOT NULL REFERENCES evaluations(id) ON DELETE CASCADE,
      example INTEGER NOT NULL REFERENCES examples(id) ON DELETE CASCADE,
      method INTEGER NOT NULL,
      seed INTEGER NOT NULL,
      tokens INTEGER NOT NULL,
      edit REAL,
      reward REAL,
      failure TEXT,
      text TEXT NOT NULL,
      tokenIds BLOB,
      PRIMARY KEY (evaluation, example, method, seed)
    ) STRICT;
    INSERT INTO newEvaluationResponses (evaluation, example, method, seed, tokens, edit, reward, failure, text)
      SELECT evaluation, example, method, 0, tokens, edit, reward, failure, text FROM evaluationResponses ORDER BY evaluation, example, method;
    DROP TABLE evaluationResponses;
    ALTER TABLE newEvaluationResponses RENAME TO evaluationResponses;

    -- metric: its label; value is NULL where it could not be measured, and failure says why.
    CREATE TABLE evaluationMeasures (
      evaluation INTEGER NOT NULL,
      example INTEGER NOT NULL,
      method INTEGER NOT NULL,
      seed INTEGER NOT NULL,
      metric TEXT NOT NULL,
      value REAL,
      failure TEXT,
      PRIMARY KEY (evaluation, example, method, seed, metric),
      FOREIGN KEY (evaluation, example, method, seed) REFERENCES evaluationResponses (evaluation, example, method, seed) ON DELETE CASCADE,
      CHECK ((value IS NULL) <> (failure IS NULL))
    ) STRICT, WITHOUT ROWID;
  `)
}
