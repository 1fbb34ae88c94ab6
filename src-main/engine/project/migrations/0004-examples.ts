/**
 * Examples of which a million can be browsed: what filters ask is kept apart from the texts, in blocks of a few bytes a
 * row; data sets know their counts; messages that only repeat the prompt are not kept.
 */
import type { Database } from 'better-sqlite3'
import { createHash, randomInt } from 'node:crypto'

export function migrate(db: Database): void {
  db.exec(`
    ALTER TABLE datasets ADD COLUMN train INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE datasets ADD COLUMN heldOut INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE datasets ADD COLUMN duplicates INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE datasets ADD COLUMN rejected INTEGER NOT NULL DEFAULT 0;
    -- 1: nobody sees it any more, and its rows go slice by slice
    ALTER TABLE datasets ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1));

    -- The short columns come first, so that a list does not read through the long ones.
    -- length: UTF-16 units of prompt and answers; duplicateOf: line of the first example that is the same;
    -- ending: the end of a prompt that is too long to be read for a list; messages: NULL for one user turn, the prompt
    CREATE TABLE newExamples (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      dataset INTEGER NOT NULL REFERENCES datasets(id) ON DELETE CASCADE,
      line INTEGER NOT NULL,
      split TEXT NOT NULL CHECK (split IN ('train', 'held-out')),
      length INTEGER NOT NULL,
      duplicateOf INTEGER,
      ending TEXT,
      prompt TEXT NOT NULL,
      messages TEXT,
      chosen TEXT,
      rejected TEXT,
      columns TEXT NOT NULL
    ) STRICT;

    -- facts: a record an example, see example-facts.ts; searchKey: the block's name in the search index
    CREATE TABLE exampleBlocks (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      dataset INTEGER NOT NULL REFERENCES datasets(id) ON DELETE CASCADE,
      searchKey INTEGER NOT NULL UNIQUE,
      rows INTEGER NOT NULL,
      facts BLOB NOT NULL
    ) STRICT;
    CREATE INDEX exampleBlocksByDataset ON exampleBlocks (dataset);
  `)

  for (const dataset of db.prepare('SELECT id FROM datasets ORDER BY id').pluck().all() as number[]) moveExamples(db, dataset)

  // foreign keys are off while migrations run (migrate.ts): what refers to examples stays
  db.exec(`
    UPDATE datasets SET rejected = (SELECT count(*) FROM rejectedRows WHERE dataset = datasets.id);
    DROP TABLE examples;
    ALTER TABLE newExamples RENAME TO examples;
    CREATE INDEX examplesByDataset ON examples (dataset);

    -- deleting an example asks each of these for what refers to it
    CREATE INDEX responsesByExample ON responses (example);
    CREATE INDEX skippedExamplesByExample ON skippedExamples (example);
    CREATE INDEX evaluationResponsesByExample ON evaluationResponses (example);
  `)
}

interface OldExample {
  id: number
  line: number
  split: string
  prompt: string
  messages: string
  chosen: string | null
  rejected: string | null
  columns: string
}

const rowsOfBlock = 8192

function moveExamples(db: Database, dataset: number): void {
  const page = db.prepare('SELECT id, line, split, prompt, messages, chosen, rejected, columns FROM examples WHERE dataset = ? AND id > ? ORDER BY id LIMIT ?')
  const insert = db.prepare(
    `INSERT INTO newExamples (id, dataset, line, split, length, duplicateOf, ending, prompt, messages, chosen, rejected, columns)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
  )
  const firstLine = new Map<string, number>()
  const counts = { train: 0, heldOut: 0, duplicates: 0 }
  for (let after = 0; ; ) {
    const rows = page.all(dataset, after, rowsOfBlock) as OldExample[]
    if (rows.length === 0) break
    after = (rows.at(-1) as OldExample).id
    const facts = new Uint32Array(rows.length * 6)
    for (const [i, { id, line, split, prompt, messages, chosen, rejected, columns }] of rows.entries()) {
      const kept = messages === JSON.stringify([{ role: 'user', content: prompt }]) ? null : messages
      const digest = createHash('sha256').update(JSON.stringify([prompt, kept, chosen, rejected])).digest()
      const key = digest.toString('latin1', 0, 8)
      const duplicateOf = firstLine.get(key) ?? null
      if (duplicateOf === null) firstLine.set(key, line)
      else counts.duplicates++
      counts[split === 'train' ? 'train' : 'heldOut']++
      const length = prompt.length + (chosen?.length ?? 0) + (rejected?.length ?? 0)
      insert.run(id, dataset, line, split, length, duplicateOf, prompt.length > 8192 ? prompt.slice(-300) : null, prompt, kept, chosen, rejected, columns)
      const flags = (split === 'train' ? 0 : 1) | (chosen === null ? 0 : 2) | (rejected === null ? 0 : 4) | (duplicateOf === null ? 0 : 8)
      facts.set([id, line, length, digest.readUInt32LE(0), digest.readUInt32LE(4), flags], i * 6)
    }
    db.prepare('INSERT INTO exampleBlocks (dataset, searchKey, rows, facts) VALUES (?, ?, ?, ?)').run(dataset, randomInt(1, 2 ** 47), rows.length, Buffer.from(facts.buffer))
  }
  db.prepare('UPDATE datasets SET train = ?, heldOut = ?, duplicates = ? WHERE id = ?').run(counts.train, counts.heldOut, counts.duplicates, dataset)
}
