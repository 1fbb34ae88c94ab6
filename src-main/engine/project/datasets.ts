/** Data sets with their examples and the rows that were rejected. */
import type { Dataset, Example, Message, RejectedRow, Split } from '../../contract/entities.ts'
import { StudioError } from '../../contract/errors.ts'
import type { Db } from './database.ts'

export interface NewExample {
  line: number
  split: Split
  prompt: string
  messages: Message[]
  chosen: string | null
  rejected: string | null
  /** the row's columns that have no other place */
  columns: Record<string, unknown>
}

/** An example as a generation needs it. */
export interface Task {
  id: number
  line: number
  prompt: string
  messages: Message[]
  /** the data set's own responses */
  chosen: string | null
  rejected: string | null
  columns: Record<string, unknown>
}

const summary = `
  SELECT d.*,
    (SELECT count(*) FROM examples WHERE dataset = d.id AND split = 'train') AS train,
    (SELECT count(*) FROM examples WHERE dataset = d.id AND split = 'held-out') AS heldOut,
    (SELECT count(*) FROM rejectedRows WHERE dataset = d.id) AS rejected
  FROM datasets d`

export class Datasets {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  create(name: string, source: string, format: string): number {
    const { lastInsertRowid } = this.#db
      .prepare('INSERT INTO datasets (name, source, format, imported) VALUES (?, ?, ?, ?)')
      .run(name, source, format, new Date().toISOString())
    return Number(lastInsertRowid)
  }

  delete(id: number): void {
    this.#db.prepare('DELETE FROM datasets WHERE id = ?').run(id)
  }

  /** One transaction for all of them. */
  add(dataset: number, examples: NewExample[], rejected: RejectedRow[]): void {
    const example = this.#db.prepare('INSERT INTO examples (dataset, line, split, prompt, messages, chosen, rejected, columns) VALUES (?, ?, ?, ?, ?, ?, ?, ?)')
    const row = this.#db.prepare('INSERT INTO rejectedRows (dataset, line, reason) VALUES (?, ?, ?)')
    this.#db.transaction(() => {
      for (const e of examples) {
        example.run(dataset, e.line, e.split, e.prompt, JSON.stringify(e.messages), e.chosen, e.rejected, JSON.stringify(e.columns))
      }
      for (const r of rejected) row.run(dataset, r.line, r.reason)
    })()
  }

  list(): Dataset[] {
    return (this.#db.prepare(`${summary} ORDER BY id`).all() as Omit<Dataset, 'examples'>[]).map(withTotal)
  }

  get(id: number): Dataset {
    const row = this.#db.prepare(`${summary} WHERE d.id = ?`).get(id) as Omit<Dataset, 'examples'> | undefined
    if (row === undefined) throw new StudioError('not-found', `there is no data set ${id} in this project`)
    return withTotal(row)
  }

  examples(dataset: number, options: { search: string; split: Split | null; offset: number; limit: number }): { total: number; examples: Example[] } {
    const pattern = `%${options.search.replace(/[\\%_]/g, '\\$&')}%`
    const where = `dataset = @dataset AND (@split IS NULL OR split = @split)
      AND (@search = '' OR prompt LIKE @pattern ESCAPE '\\' OR chosen LIKE @pattern ESCAPE '\\' OR rejected LIKE @pattern ESCAPE '\\')`
    const parameters = { dataset, pattern, ...options }
    const total = this.#db.prepare(`SELECT count(*) FROM examples WHERE ${where}`).pluck().get(parameters) as number
    const examples = this.#db
      .prepare(`SELECT id, line, split, prompt, chosen, rejected FROM examples WHERE ${where} ORDER BY line LIMIT @limit OFFSET @offset`)
      .all(parameters) as Example[]
    return { total, examples }
  }

  /** The first `limit` examples of a split, in the file's order. */
  tasks(dataset: number, split: Split | null, limit: number | null): Task[] {
    const rows = this.#db
      .prepare('SELECT id, line, prompt, messages, chosen, rejected, columns FROM examples WHERE dataset = ? AND (? IS NULL OR split = ?) ORDER BY line LIMIT ?')
      .all(dataset, split, split, limit ?? -1) as TaskRow[]
    return rows.map(toTask)
  }

  /** The examples of a split that have both answers. */
  pairs(dataset: number, split: Split): { id: number; line: number }[] {
    return this.#db
      .prepare('SELECT id, line FROM examples WHERE dataset = ? AND split = ? AND chosen IS NOT NULL AND rejected IS NOT NULL ORDER BY line')
      .all(dataset, split) as { id: number; line: number }[]
  }

  task(example: number): Task {
    const row = this.#db.prepare('SELECT id, line, prompt, messages, chosen, rejected, columns FROM examples WHERE id = ?').get(example) as TaskRow | undefined
    if (row === undefined) throw new StudioError('not-found', `there is no example ${example} in this project`)
    return toTask(row)
  }

  rejected(dataset: number, offset: number, limit: number): RejectedRow[] {
    return this.#db.prepare('SELECT line, reason FROM rejectedRows WHERE dataset = ? ORDER BY line LIMIT ? OFFSET ?').all(dataset, limit, offset) as RejectedRow[]
  }
}

interface TaskRow {
  id: number
  line: number
  prompt: string
  messages: string
  chosen: string | null
  rejected: string | null
  columns: string
}

function toTask(row: TaskRow): Task {
  return { ...row, messages: JSON.parse(row.messages) as Message[], columns: JSON.parse(row.columns) as Record<string, unknown> }
}

function withTotal(row: Omit<Dataset, 'examples'>): Dataset {
  return { ...row, examples: row.train + row.heldOut }
}
