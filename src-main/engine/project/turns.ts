/**
 * Turns of the chat: a prompt and every pane's answer to it. A turn goes on from its parent; turns of one parent are
 * siblings: the same place of the conversation with another prompt, seed or methods.
 */
import type { AnswerEnd, ChatPane, ChatTurn } from '../../contract/chat.ts'
import type { MethodChoice } from '../../contract/control.ts'
import type { RatingValue } from '../../contract/rating.ts'
import { StudioError } from '../../contract/errors.ts'
import type { ChatWords } from './chat-words.ts'
import { titleOf, type Conversations } from './conversations.ts'
import type { Db } from './database.ts'

/** What a turn says of itself until it ends: true of every row that an engine leaves behind when it dies. */
const unfinished = 'The studio ended before this was answered'
const unbegun: AnswerEnd = { finish: 'stopped', tokensPerSecond: 0, reward: null }

export interface NewTurn {
  /** null: a new one, unless the parent is in one */
  conversation: number | null
  /** null: it begins the conversation, beside other beginnings where there are some */
  parent: number | null
  prompt: string
  seed: number
  methods: MethodChoice[]
}

/** What was said in a turn. */
export interface Exchange {
  prompt: string
  /** of each pane; '' where it said nothing */
  answers: string[]
}

type Row = Pick<ChatTurn, 'turn' | 'conversation' | 'parent' | 'created' | 'prompt' | 'seed' | 'failure'>
type AnswerRow = { pane: number; method: string; text: string; ended: string | null; steps: string }

const columns = 'id AS turn, conversation, parent, created, prompt, seed, failure'
/** A turn and those that it goes on from, the newest first. */
const upwards = 'WITH RECURSIVE up AS (SELECT id, parent FROM turns WHERE id = ? UNION ALL SELECT t.id, t.parent FROM turns t JOIN up ON t.id = up.parent)'

export class Turns {
  readonly #db: Db
  readonly #conversations: Conversations
  readonly #words: ChatWords

  constructor(db: Db, conversations: Conversations, words: ChatWords) {
    this.#db = db
    this.#conversations = conversations
    this.#words = words
  }

  /** @throws StudioError 'not-found' for no such conversation or parent, 'bad-request' for a parent of another conversation */
  add({ conversation, parent, prompt, seed, methods }: NewTurn): { turn: number; conversation: number } {
    const place = parent === null ? conversation : this.#row(parent).conversation
    if (conversation !== null && place !== conversation) throw new StudioError('bad-request', `turn ${parent} is not one of conversation ${conversation}`)
    if (place !== null) this.#conversations.get(place)
    return this.#db.transaction(() => {
      const created = new Date().toISOString()
      const into = place ?? this.#conversations.create(titleOf(prompt))
      const turn = Number(
        this.#db.prepare('INSERT INTO turns (conversation, parent, created, prompt, seed, failure) VALUES (?, ?, ?, ?, ?, ?)').run(into, parent, created, prompt, seed, unfinished).lastInsertRowid
      )
      const answer = this.#db.prepare("INSERT INTO answers (turn, pane, method, text, ended, steps) VALUES (?, ?, ?, '', ?, '[]')")
      methods.forEach((method, pane) => answer.run(turn, pane, JSON.stringify(method), JSON.stringify(unbegun)))
      this.#db.prepare('UPDATE conversations SET updated = ? WHERE id = ?').run(created, into)
      this.#words.setTurn(turn, prompt, [])
      return { turn, conversation: into }
    })()
  }

  /** Keeps what panes say so far; whatever happens next, they have answered that much. */
  keep(turn: number, panes: ReadonlyMap<number, ChatPane>): void {
    const set = this.#db.prepare('UPDATE answers SET text = ?, ended = ?, steps = ? WHERE turn = ? AND pane = ?')
    this.#db.transaction(() => {
      for (const [index, { text, end, steps }] of panes) set.run(text, end && JSON.stringify(end), JSON.stringify(steps), turn, index)
      const { prompt, answers } = this.#exchange(turn)
      this.#words.setTurn(turn, prompt, answers)
    })()
  }

  /** @param failure why an answer is not whole; null where all are */
  finish(turn: number, panes: ChatPane[], failure: string | null): void {
    this.#db.transaction(() => {
      this.keep(turn, new Map(panes.entries()))
      this.#db.prepare('UPDATE turns SET failure = ? WHERE id = ?').run(failure, turn)
    })()
  }

  /** @throws StudioError 'not-found' */
  get(turn: number): ChatTurn {
    return this.#toTurn(this.#row(turn))
  }

  /**
   * A way through a conversation: the turns that lead to `through`, itself, and from it on always the newest.
   * @param through null: the newest turn of all
   * @param before only turns that lead to this one: the page before a page that begins with it
   * @returns the oldest first, `limit` of them at most, the newest ones @throws StudioError 'not-found' or 'bad-request'
   */
  path(conversation: number, { through = null, before = null, limit }: { through?: number | null; before?: number | null; limit: number }): { turns: ChatTurn[]; earlier: boolean } {
    this.#conversations.get(conversation)
    for (const turn of [through, before]) {
      if (turn !== null && this.#row(turn).conversation !== conversation) throw new StudioError('bad-request', `turn ${turn} is not one of conversation ${conversation}`)
    }
    const end = before === null ? this.#lastFrom(through ?? this.#newest(conversation)) : this.#row(before).parent
    const ids = this.#db.prepare(`${upwards} SELECT id FROM up LIMIT ?`).pluck().all(end, limit + 1) as number[]
    return { turns: ids.slice(0, limit).reverse().map((id) => this.get(id)), earlier: ids.length > limit }
  }

  /** What was said up to a turn and in it, the first turn first. @throws StudioError 'not-found' */
  exchanges(turn: number): Exchange[] {
    this.#row(turn)
    return (this.#db.prepare(`${upwards} SELECT id FROM up`).pluck().all(turn) as number[]).reverse().map((id) => this.#exchange(id))
  }

  /** Every turn of a conversation, the oldest first. */
  *all(conversation: number): Generator<ChatTurn> {
    for (const id of this.#db.prepare('SELECT id FROM turns WHERE conversation = ? ORDER BY id').pluck().all(conversation) as number[]) yield this.get(id)
  }

  /** null takes the thumb back. @throws StudioError 'not-found' for no such answer */
  rate(turn: number, pane: number, value: RatingValue | null): void {
    const there = this.#db.prepare('SELECT 1 FROM answers WHERE turn = ? AND pane = ?').get(turn, pane)
    if (there === undefined) throw new StudioError('not-found', `there is no answer ${pane + 1} of turn ${turn} in this project`)
    if (value === null) this.#db.prepare('DELETE FROM thumbs WHERE turn = ? AND pane = ?').run(turn, pane)
    else this.#db.prepare('INSERT OR REPLACE INTO thumbs (turn, pane, value) VALUES (?, ?, ?)').run(turn, pane, value)
  }

  /** How many answers have a thumb, up or down. */
  rated(): number {
    return this.#db.prepare('SELECT count(*) FROM thumbs WHERE value <> 0').pluck().get() as number
  }

  /** Turns with a thumb, up or down, the oldest first. */
  *ratedTurns(): Generator<ChatTurn> {
    for (const id of this.#db.prepare('SELECT DISTINCT turn FROM thumbs WHERE value <> 0 ORDER BY turn').pluck().all() as number[]) yield this.get(id)
  }

  #row(turn: number): Row {
    const row = this.#db.prepare(`SELECT ${columns} FROM turns WHERE id = ?`).get(turn) as Row | undefined
    if (row === undefined) throw new StudioError('not-found', `there is no turn ${turn} in this project`)
    return row
  }

  #newest(conversation: number): number | null {
    return this.#db.prepare('SELECT max(id) FROM turns WHERE conversation = ?').pluck().get(conversation) as number | null
  }

  #lastFrom(turn: number | null): number | null {
    const newestChild = this.#db.prepare('SELECT max(id) FROM turns WHERE parent = ?').pluck()
    let last = turn
    for (let next = turn; next !== null; next = newestChild.get(next) as number | null) last = next
    return last
  }

  #exchange(turn: number): Exchange {
    const { prompt } = this.#row(turn)
    return { prompt, answers: this.#db.prepare('SELECT text FROM answers WHERE turn = ? ORDER BY pane').pluck().all(turn) as string[] }
  }

  #toTurn(row: Row): ChatTurn {
    const answers = this.#db.prepare('SELECT pane, method, text, ended, steps FROM answers WHERE turn = ? ORDER BY pane').all(row.turn) as AnswerRow[]
    const thumbs = this.#db.prepare('SELECT pane, value FROM thumbs WHERE turn = ?').all(row.turn) as { pane: number; value: RatingValue }[]
    const siblings = this.#db.prepare('SELECT id FROM turns WHERE conversation = ? AND parent IS ? ORDER BY id').pluck().all(row.conversation, row.parent) as number[]
    return {
      ...row, siblings,
      panes: answers.map(({ pane, method, text, ended, steps }): ChatPane => ({
        method: JSON.parse(method) as MethodChoice,
        text,
        steps: JSON.parse(steps) as ChatPane['steps'],
        end: ended === null ? null : (JSON.parse(ended) as AnswerEnd),
        rating: thumbs.find((thumb) => thumb.pane === pane)?.value ?? null
      }))
    }
  }
}
