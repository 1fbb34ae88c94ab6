/** Data sets with their examples and the rows that were rejected. */
import { hash } from 'node:crypto'
import type { AnswersKept, Dataset, Message, RejectedRow, Split } from '../../contract/data.ts'
import { StudioError } from '../../contract/errors.ts'
import type { Db } from './database.ts'
import { ExampleBlocks, type ExampleFact, type ExampleFacts } from './example-facts.ts'
import { FirstLines } from './first-lines.ts'
import type { SearchIndex } from './search-index.ts'

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

/** An example as a generation needs it; of a million, those that are not asked for their texts take no room. */
export interface Task {
  readonly id: number
  readonly line: number
  /** which responses of its own it has */
  readonly answers: AnswersKept
  readonly prompt: string
  readonly messages: Message[]
  /** the data set's own responses */
  readonly chosen: string | null
  readonly rejected: string | null
  readonly columns: Record<string, unknown>
}

/** The end of a longer prompt is kept apart, so that a list need not read all of it. */
const longPrompt = 8192
const endingLength = 300

const rowsOfSlice = 500
const pauseMs = 4

export class Datasets {
  readonly #db: Db
  readonly #search: SearchIndex
  readonly #blocks: ExampleBlocks
  /** Of the data set that was added to last. */
  #seen: { dataset: number; lines: FirstLines } | null = null
  #sweeping: NodeJS.Timeout | null = null

  constructor(db: Db, search: SearchIndex) {
    this.#db = db
    this.#search = search
    this.#blocks = new ExampleBlocks(db)
  }

  create(name: string, source: string, format: string): number {
    const { lastInsertRowid } = this.#db
      .prepare('INSERT INTO datasets (name, source, format, imported) VALUES (?, ?, ?, ?)')
      .run(name, source, format, new Date().toISOString())
    return Number(lastInsertRowid)
  }

  /**
   * One transaction for all of them, in the order of their lines. What repeats an earlier example (equal prompt,
   * messages and answers) is marked so or, with `dropDuplicates`, kept as a rejected row.
   * @returns the ids of those that are in
   */
  add(dataset: number, examples: NewExample[], rejected: RejectedRow[], options: { dropDuplicates?: boolean } = {}): number[] {
    const insert = this.#db.prepare(
      `INSERT INTO examples (dataset, line, split, length, duplicateOf, ending, prompt, messages, chosen, rejected, columns)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
    )
    const reject = this.#db.prepare('INSERT INTO rejectedRows (dataset, line, reason) VALUES (?, ?, ?)')
    const seen = this.#firstLines(dataset)
    const facts: ExampleFact[] = []
    const kept: NewExample[] = []
    const refused = [...rejected]
    try {
      const changed = this.#db.transaction(() => {
        for (const e of examples) {
          const messages = keptMessages(e)
          const digest = digestOf(e, messages)
          const duplicateOf = seen.see(digest, e.line)
          if (duplicateOf !== null && options.dropDuplicates === true) {
            refused.push({ line: e.line, reason: `it repeats line ${duplicateOf}` })
            continue
          }
          const length = e.prompt.length + (e.chosen?.length ?? 0) + (e.rejected?.length ?? 0)
          const ending = e.prompt.length > longPrompt ? e.prompt.slice(-endingLength) : null
          const { lastInsertRowid } = insert.run(dataset, e.line, e.split, length, duplicateOf, ending, e.prompt, messages, e.chosen, e.rejected, JSON.stringify(e.columns))
          facts.push({ id: Number(lastInsertRowid), line: e.line, length, digest, split: e.split, chosen: e.chosen !== null, rejected: e.rejected !== null, repeats: duplicateOf !== null })
          kept.push(e)
        }
        for (const { line, reason } of refused) reject.run(dataset, line, reason)
        const heldOut = facts.filter(({ split }) => split === 'held-out').length
        this.#db
          .prepare('UPDATE datasets SET train = train + ?, heldOut = heldOut + ?, duplicates = duplicates + ?, rejected = rejected + ? WHERE id = ?')
          .run(facts.length - heldOut, heldOut, facts.filter(({ repeats }) => repeats).length, refused.length, dataset)
        return this.#blocks.append(dataset, facts)
      })()
      let at = 0
      for (const { searchKey, rows, added } of changed) {
        const from = at
        at += added
        // behind after a power cut, or of an older version: then a search brings it up to date
        if (this.#search.rows(searchKey) !== rows - added) continue
        this.#search.add(searchKey, kept.slice(from, at).map((e, i) => ({ ...e, id: (facts[from + i] as ExampleFact).id })))
      }
      return facts.map(({ id }) => id)
    } catch (error) {
      this.#seen = null // it knows lines that are not there
      throw error
    }
  }

  list(): Dataset[] {
    return (this.#db.prepare('SELECT * FROM datasets WHERE deleted = 0 ORDER BY id').all() as Row[]).map(toDataset)
  }

  /** @throws StudioError 'not-found' */
  get(id: number): Dataset {
    const row = this.#db.prepare('SELECT * FROM datasets WHERE id = ? AND deleted = 0').get(id) as Row | undefined
    if (row === undefined) throw new StudioError('not-found', `there is no data set ${id} in this project`)
    return toDataset(row)
  }

  facts(id: number): ExampleFacts {
    return this.#blocks.facts(this.get(id).id)
  }

  /** The first `limit` examples of a split, in the file's order; their texts are read when they are asked for. */
  tasks(dataset: number, split: Split | null, limit: number | null): Task[] {
    const facts = this.#blocks.facts(dataset)
    const read = (id: number): StoredTask => this.#stored(id)
    const tasks: Task[] = []
    for (let position = 0; position < facts.count && tasks.length < (limit ?? Infinity); position++) {
      if (split === null || facts.split(position) === split) tasks.push(new ReadTask(facts.id(position), facts.line(position), facts.answers(position), read))
    }
    return tasks
  }

  /** The examples of a split that have both answers. */
  pairs(dataset: number, split: Split): { id: number; line: number }[] {
    return this.#db
      .prepare('SELECT id, line FROM examples WHERE dataset = ? AND split = ? AND chosen IS NOT NULL AND rejected IS NOT NULL ORDER BY line')
      .all(dataset, split) as { id: number; line: number }[]
  }

  /** @throws StudioError 'not-found' */
  task(example: number): StoredTask {
    return this.#stored(example)
  }

  /** @throws StudioError 'not-found' */
  rejected(dataset: number, offset: number, limit: number): RejectedRow[] {
    this.get(dataset)
    return this.#db.prepare('SELECT line, reason FROM rejectedRows WHERE dataset = ? ORDER BY line LIMIT ? OFFSET ?').all(dataset, limit, offset) as RejectedRow[]
  }

  /** @throws StudioError 'bad-request' while something in the project was made of its prompts */
  refuseUsed(id: number): void {
    const { name } = this.get(id)
    const count = (table: 'collections' | 'evaluations'): number => this.#db.prepare(`SELECT count(*) FROM ${table} WHERE dataset = ?`).pluck().get(id) as number
    const [collections, evaluations] = [count('collections'), count('evaluations')]
    if (collections + evaluations === 0) return
    const uses = [[collections, 'collection'], [evaluations, 'evaluation']].flatMap(([n, what]) => (n === 0 ? [] : [`${n} ${what}${n === 1 ? '' : 's'}`]))
    throw new StudioError('bad-request', `${name} cannot be deleted: ${uses.join(' and ')} of this project ${collections + evaluations === 1 ? 'is' : 'are'} made of it`)
  }

  /** It is gone at once; its rows go slice by slice, and after an interruption when the project is opened next. */
  delete(id: number): void {
    this.#db.prepare('UPDATE datasets SET deleted = 1 WHERE id = ?').run(id)
    if (this.#seen?.dataset === id) this.#seen = null
    this.sweep()
  }

  /** Deletes the rows of deleted data sets in the background. */
  sweep(): void {
    if (this.#sweeping !== null) return
    const step = (): void => {
      this.#sweeping = null
      try {
        if (this.#sweepSlice()) this.#sweeping = setTimeout(step, pauseMs)
      } catch {
        // e.g. a full disk: nobody sees these rows, and the next deletion or opening tries again
      }
    }
    this.#sweeping = setTimeout(step, pauseMs)
  }

  /** Ends the sweeping. */
  close(): void {
    if (this.#sweeping !== null) clearTimeout(this.#sweeping)
    this.#sweeping = null
  }

  /** @returns whether there may be more */
  #sweepSlice(): boolean {
    const dataset = this.#db.prepare('SELECT id FROM datasets WHERE deleted = 1 LIMIT 1').pluck().get() as number | undefined
    if (dataset === undefined) return false
    const block = this.#blocks.first(dataset)
    if (block !== null) {
      this.#search.remove(block)
      this.#blocks.delete(block)
      return true
    }
    const deleted = (table: string): number => this.#db.prepare(`DELETE FROM ${table} WHERE dataset = ? LIMIT ${rowsOfSlice}`).run(dataset).changes
    if (deleted('examples') === 0 && deleted('rejectedRows') === 0) this.#db.prepare('DELETE FROM datasets WHERE id = ?').run(dataset)
    return true
  }

  #firstLines(dataset: number): FirstLines {
    if (this.#seen?.dataset !== dataset) {
      const lines = new FirstLines()
      const facts = this.#blocks.facts(dataset)
      for (let position = 0; position < facts.count; position++) lines.see(facts.digest(position), facts.line(position))
      this.#seen = { dataset, lines }
    }
    return this.#seen.lines
  }

  #stored(example: number): StoredTask {
    const row = this.#db.prepare('SELECT id, line, split, prompt, messages, chosen, rejected, columns FROM examples WHERE id = ?').get(example) as TaskRow | undefined
    if (row === undefined) throw new StudioError('not-found', `there is no example ${example} in this project`)
    return { ...row, messages: readMessages(row), columns: JSON.parse(row.columns) as Record<string, unknown> }
  }
}

export type StoredTask = Omit<Task, 'answers'> & { split: Split }
type Row = Omit<Dataset, 'examples'> & { deleted: number }

interface TaskRow {
  id: number
  line: number
  split: Split
  prompt: string
  messages: string | null
  chosen: string | null
  rejected: string | null
  columns: string
}

class ReadTask implements Task {
  readonly id: number
  readonly line: number
  readonly answers: AnswersKept
  readonly #read: (id: number) => StoredTask

  constructor(id: number, line: number, answers: AnswersKept, read: (id: number) => StoredTask) {
    this.id = id
    this.line = line
    this.answers = answers
    this.#read = read
  }

  get prompt(): string {
    return this.#read(this.id).prompt
  }

  get messages(): Message[] {
    return this.#read(this.id).messages
  }

  get chosen(): string | null {
    return this.#read(this.id).chosen
  }

  get rejected(): string | null {
    return this.#read(this.id).rejected
  }

  get columns(): Record<string, unknown> {
    return this.#read(this.id).columns
  }
}

/** Messages as they are kept: NULL where they are one user turn, the prompt. */
function keptMessages({ prompt, messages }: NewExample): string | null {
  const [only] = messages
  return messages.length === 1 && only?.role === 'user' && only.content === prompt ? null : JSON.stringify(messages)
}

export function readMessages({ prompt, messages }: { prompt: string; messages: string | null }): Message[] {
  return messages === null ? [{ role: 'user', content: prompt }] : (JSON.parse(messages) as Message[])
}

/** Of what is in examples now, after some of them were lost: the blocks of their facts, and the counts of each data set. */
export function rebuildExampleBlocks(db: Db): void {
  const blocks = new ExampleBlocks(db)
  const page = db.prepare('SELECT id, line, split, length, duplicateOf, prompt, messages, chosen, rejected FROM examples WHERE dataset = ? AND line > ? ORDER BY line LIMIT ?')
  db.exec('DELETE FROM exampleBlocks')
  for (const dataset of db.prepare('SELECT id FROM datasets').pluck().all() as number[]) {
    for (let after = -1; ; ) {
      const rows = page.all(dataset, after, rowsOfSlice) as { id: number; line: number; split: Split; length: number; duplicateOf: number | null; prompt: string; messages: string | null; chosen: string | null; rejected: string | null }[]
      if (rows.length === 0) break
      after = (rows.at(-1) as { line: number }).line
      blocks.append(dataset, rows.map((row) => ({ ...row, digest: digestOf(row, row.messages), chosen: row.chosen !== null, rejected: row.rejected !== null, repeats: row.duplicateOf !== null })))
    }
    db.prepare(
      `UPDATE datasets SET train = (SELECT count(*) FROM examples WHERE dataset = @dataset AND split = 'train'), heldOut = (SELECT count(*) FROM examples WHERE dataset = @dataset AND split <> 'train'),
         duplicates = (SELECT count(*) FROM examples WHERE dataset = @dataset AND duplicateOf IS NOT NULL), rejected = (SELECT count(*) FROM rejectedRows WHERE dataset = @dataset) WHERE id = @dataset`
    ).run({ dataset })
  }
}

/** The first 64 bits of a SHA-256: in a million examples two different ones are taken for equal with a probability of 3e-8. */
function digestOf({ prompt, chosen, rejected }: Pick<NewExample, 'prompt' | 'chosen' | 'rejected'>, messages: string | null): [low: number, high: number] {
  const digest = hash('sha256', JSON.stringify([prompt, messages, chosen, rejected]), 'buffer')
  return [digest.readUInt32LE(0), digest.readUInt32LE(4)]
}

function toDataset({ deleted: _deleted, ...row }: Row): Dataset {
  return { ...row, examples: row.train + row.heldOut }
}
