/** Chat turns: one prompt and every pane's answer to it. */
import type { ChatPane, ChatTurn, MethodChoice } from '../../contract/entities.ts'
import type { Db } from './database.ts'

export class Chats {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  add(prompt: string, seed: number, methods: MethodChoice[]): number {
    const panes = methods.map((method): ChatPane => ({ method, text: '', steps: [], end: null, rating: null }))
    const { lastInsertRowid } = this.#db
      .prepare('INSERT INTO turns (created, prompt, seed, panes) VALUES (?, ?, ?, ?)')
      .run(new Date().toISOString(), prompt, seed, JSON.stringify(panes))
    return Number(lastInsertRowid)
  }

  finish(turn: number, panes: ChatPane[]): void {
    this.#db.prepare('UPDATE turns SET panes = ? WHERE id = ?').run(JSON.stringify(panes), turn)
  }

  /** Newest first. */
  list(offset: number, limit: number): ChatTurn[] {
    const rows = this.#db
      .prepare('SELECT id AS turn, created, prompt, seed, panes FROM turns ORDER BY id DESC LIMIT ? OFFSET ?')
      .all(limit, offset) as (Omit<ChatTurn, 'panes'> & { panes: string })[]
    return rows.map((row) => ({ ...row, panes: JSON.parse(row.panes) as ChatPane[] }))
  }
}
