/**
 * The full-text index of examples: search.db beside project.db, made from it and made again where it is missing or
 * damaged. Each block of examples (example-facts.ts) is an FTS5 table of its own, so that no statement looks at more
 * than one block, a data set's index is dropped with its tables, and beginnings of words are never merged over a
 * million rows at once.
 */
import Database from 'better-sqlite3'
import { rmSync } from 'node:fs'
import { StudioError } from '../../contract/errors.ts'
import { rowsOfBlock } from './example-facts.ts'
import { searchable, tokenCategories } from './search-words.ts'

export interface SearchText {
  id: number
  prompt: string
  chosen: string | null
  rejected: string | null
}

export class SearchIndex {
  readonly #file: string
  #db: Database.Database | null = null
  readonly #finds = new Map<number, Database.Statement>()
  /** Of each block that was asked for. */
  readonly #rows = new Map<number, number>()

  constructor(file: string) {
    this.#file = file
  }

  /** How many examples of a block are in the index, counted from its first. */
  rows(block: number): number {
    const known = this.#rows.get(block)
    if (known !== undefined) return known
    const rows = this.#try((db) => (db.prepare('SELECT rows FROM blocks WHERE id = ?').pluck().get(block) as number | undefined) ?? 0)
    this.#rows.set(block, rows)
    return rows
  }

  /** Adds the block's next examples, in one transaction; a block that is full is merged into one piece. */
  add(block: number, texts: SearchText[]): void {
    const rows = this.rows(block) + texts.length
    this.#try((db) => {
      db.transaction(() => {
        // detail=full for phrases; prefix='1': without it a first letter takes 20 times as long
        db.exec(
          `CREATE VIRTUAL TABLE IF NOT EXISTS block${block} USING fts5(prompt, chosen, rejected,
             content='', columnsize=0, prefix='1', tokenize="unicode61 remove_diacritics 2 categories '${tokenCategories}'")`
        )
        const insert = db.prepare(`INSERT INTO block${block} (rowid, prompt, chosen, rejected) VALUES (?, ?, ?, ?)`)
        if (rows === texts.length) db.exec(`INSERT INTO block${block} (block${block}, rank) VALUES ('automerge', 0)`)
        for (const { id, prompt, chosen, rejected } of texts) insert.run(id, searchable(prompt), chosen && searchable(chosen), rejected && searchable(rejected))
        if (rows >= rowsOfBlock) db.exec(`INSERT INTO block${block} (block${block}) VALUES ('optimize')`)
        db.prepare('INSERT OR REPLACE INTO blocks (id, rows) VALUES (?, ?)').run(block, rows)
      })()
    })
    this.#rows.set(block, rows)
  }

  /** Ids of the block's examples that match the expression of a `SearchTerm`, ascending. */
  find(block: number, expression: string): number[] {
    return this.#try((db) => {
      let find = this.#finds.get(block)
      if (find === undefined) {
        find = db.prepare(`SELECT rowid FROM block${block} WHERE block${block} MATCH ? ORDER BY rowid`).pluck()
        this.#finds.set(block, find)
      }
      return find.all(expression) as number[]
    })
  }

  remove(block: number): void {
    this.#try((db) => {
      this.#finds.delete(block)
      this.#rows.delete(block)
      db.transaction(() => {
        db.exec(`DROP TABLE IF EXISTS block${block}`)
        db.prepare('DELETE FROM blocks WHERE id = ?').run(block)
      })()
    })
  }

  close(): void {
    this.#finds.clear()
    this.#rows.clear()
    this.#db?.close()
    this.#db = null
  }

  /** A damaged index is deleted: it is made again from the examples. @throws StudioError where that happens at work */
  #try<R>(work: (db: Database.Database) => R): R {
    try {
      return work((this.#db ??= this.#open()))
    } catch (error) {
      if (!isDamage(error)) throw error
      this.#delete()
      throw new StudioError('internal', 'the search index was damaged and is made again; search once more', { cause: error, retryable: true })
    }
  }

  #open(): Database.Database {
    try {
      return opened(this.#file)
    } catch (error) {
      if (!isDamage(error)) throw error
      this.#delete()
      return opened(this.#file)
    }
  }

  #delete(): void {
    this.close()
    for (const end of ['', '-wal', '-shm']) rmSync(this.#file + end, { force: true })
  }
}

function opened(file: string): Database.Database {
  const db = new Database(file, { timeout: 0 })
  try {
    db.pragma('locking_mode = EXCLUSIVE')
    db.pragma('journal_mode = WAL')
    db.pragma('synchronous = NORMAL') // what a power cut takes is indexed again
    db.exec('CREATE TABLE IF NOT EXISTS blocks (id INTEGER PRIMARY KEY, rows INTEGER NOT NULL) STRICT')
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

function isDamage(error: unknown): boolean {
  return error instanceof Database.SqliteError && /^SQLITE_(CORRUPT|NOTADB)/.test(error.code)
}
