/** Chat turns: one prompt and every pane's answer to it. */
import type { ChatPane, ChatTurn, MethodChoice, RatingValue } from '../../contract/entities.ts'
import { StudioError } from '../../contract/errors.ts'
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

  /** @throws StudioError 'not-found' */
  get(turn: number): ChatTurn {
    const row = this.#db.prepare('SELECT id AS turn, created, prompt, seed, panes FROM turns WHERE id = ?').get(turn) as TurnRow | undefined
    if (row === undefined) throw new StudioError('not-found', `there is no turn ${turn} in this project`)
    return this.#toTurn(row)
  }

  /** Newest first. */
  list(offset: number, limit: number): ChatTurn[] {
    const rows = this.#db
      .prepare('SELECT id AS turn, created, prompt, seed, panes FROM turns ORDER BY id DESC LIMIT ? OFFSET ?')
      .all(limit, offset) as TurnRow[]
    return rows.map((row) => this.#toTurn(row))
  }

  /** null takes the thumb back. @throws StudioError 'not-found' for no such answer */
  rate(turn: number, pane: number, value: RatingValue | null): void {
    const panes = this.#db.prepare('SELECT json_array_length(panes) FROM turns WHERE id = ?').pluck().get(turn) as number | undefined
    if (panes === undefined || pane >= panes) throw new StudioError('not-found', `there is no answer ${pane + 1} of turn ${turn} in this project`)
    if (value === null) this.#db.prepare('DELETE FROM thumbs WHERE turn = ? AND pane = ?').run(turn, pane)
    else this.#db.prepare('INSERT OR REPLACE INTO thumbs (turn, pane, value) VALUES (?, ?, ?)').run(turn, pane, value)
  }

  /** How many answers have a thumb, up or down. */
  rated(): number {
    return this.#db.prepare('SELECT count(*) FROM thumbs WHERE value <> 0').pluck().get() as number
  }

  /** Turns with a thumb, up or down, the oldest first. */
  *ratedTurns(): Generator<ChatTurn> {
    const ids = this.#db.prepare('SELECT DISTINCT turn FROM thumbs WHERE value <> 0 ORDER BY turn').pluck().all() as number[]
    const read = this.#db.prepare('SELECT id AS turn, created, prompt, seed, panes FROM turns WHERE id = ?')
    for (const id of ids) yield this.#toTurn(read.get(id) as TurnRow)
  }

  #toTurn(row: TurnRow): ChatTurn {
    const thumbs = this.#db.prepare('SELECT pane, value FROM thumbs WHERE turn = ?').all(row.turn) as { pane: number; value: RatingValue }[]
    const panes = JSON.parse(row.panes) as ChatPane[]
    return { ...row, panes: panes.map((pane, i) => ({ ...pane, rating: thumbs.find((thumb) => thumb.pane === i)?.value ?? null })) }
  }
}

type TurnRow = Omit<ChatTurn, 'panes'> & { panes: string }
