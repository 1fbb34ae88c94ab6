/** Conversations of the chat: their names, and which of them have what. Their turns are in turns.ts. */
import type { Conversation } from '../../contract/chat.ts'
import { StudioError } from '../../contract/errors.ts'
import { ChatWords, excerptOf } from './chat-words.ts'
import type { Db } from './database.ts'

const longestTitle = 60
const columns = 'c.id, c.title, c.created, c.updated, (SELECT count(*) FROM turns WHERE conversation = c.id) AS turns'

type Row = Omit<Conversation, 'found'>

export class Conversations {
  readonly #db: Db
  readonly #words: ChatWords

  constructor(db: Db, words: ChatWords) {
    this.#db = db
    this.#words = words
  }

  create(title: string): number {
    const now = new Date().toISOString()
    const id = Number(this.#db.prepare('INSERT INTO conversations (title, created, updated) VALUES (?, ?, ?)').run(title, now, now).lastInsertRowid)
    this.#words.setTitle(id, title)
    return id
  }

  /** @throws StudioError 'not-found' */
  get(id: number): Conversation {
    const row = this.#db.prepare(`SELECT ${columns} FROM conversations c WHERE c.id = ?`).get(id) as Row | undefined
    if (row === undefined) throw new StudioError('not-found', `there is no conversation ${id} in this project`)
    return { ...row, found: null }
  }

  /**
   * Those that went on last first; where `search` has words, those with a turn or a title that has all of them, each as
   * the beginning of a word.
   */
  page(search: string, offset: number, limit: number): { total: number; conversations: Conversation[] } {
    const matches = this.#words.find(search, offset, limit)
    if (matches !== null) {
      const { total, found, terms } = matches
      return { total, conversations: found.map(({ conversation, turn }) => ({ ...this.get(conversation), found: turn === null ? null : { turn, excerpt: excerptOf(this.#textsOf(turn), terms) } })) }
    }
    const rows = this.#db.prepare(`SELECT ${columns} FROM conversations c ORDER BY c.updated DESC, c.id DESC LIMIT ? OFFSET ?`).all(limit, offset) as Row[]
    const total = this.#db.prepare('SELECT count(*) FROM conversations').pluck().get() as number
    return { total, conversations: rows.map((row) => ({ ...row, found: null })) }
  }

  /** @throws StudioError 'not-found' */
  rename(id: number, title: string): Conversation {
    this.get(id)
    this.#db.transaction(() => {
      this.#db.prepare('UPDATE conversations SET title = ? WHERE id = ?').run(title, id)
      this.#words.setTitle(id, title)
    })()
    return this.get(id)
  }

  /** With its turns, answers and thumbs; data sets that were made of them stay. @throws StudioError 'not-found' */
  delete(id: number): void {
    this.get(id)
    this.#db.transaction(() => {
      this.#words.remove(id)
      this.#db.prepare('DELETE FROM conversations WHERE id = ?').run(id)
    })()
  }

  /**
   * A new conversation with the turns from the first to this one. Thumbs stay with the originals: a copy would count them twice.
   * @throws StudioError 'not-found'
   */
  branch(turn: number): Conversation {
    const path = this.#db
      .prepare(
        `WITH RECURSIVE path AS (SELECT id, parent FROM turns WHERE id = ? UNION ALL SELECT t.id, t.parent FROM turns t JOIN path p ON t.id = p.parent)
         SELECT id FROM path ORDER BY id`
      )
      .pluck()
      .all(turn) as number[]
    if (path.length === 0) throw new StudioError('not-found', `there is no turn ${turn} in this project`)
    const title = this.#db.prepare('SELECT c.title FROM conversations c JOIN turns t ON t.conversation = c.id WHERE t.id = ?').pluck().get(turn) as string
    const copyTurn = this.#db.prepare('INSERT INTO turns (conversation, parent, created, prompt, seed, failure) SELECT ?, ?, created, prompt, seed, failure FROM turns WHERE id = ?')
    const copyAnswers = this.#db.prepare('INSERT INTO answers (turn, pane, method, text, ended, steps) SELECT ?, pane, method, text, ended, steps FROM answers WHERE turn = ?')
    const made = this.#db.transaction(() => {
      const conversation = this.create(titleOf(`${title} (branch)`))
      let parent: number | null = null
      for (const original of path) {
        const copy: number = Number(copyTurn.run(conversation, parent, original).lastInsertRowid)
        copyAnswers.run(copy, original)
        const [prompt = '', ...answers] = this.#textsOf(copy)
        this.#words.setTurn(copy, prompt, answers)
        parent = copy
      }
      return conversation
    })()
    return this.get(made)
  }

  /** Its prompt, then its answers. */
  #textsOf(turn: number): string[] {
    return [
      this.#db.prepare('SELECT prompt FROM turns WHERE id = ?').pluck().get(turn) as string,
      ...(this.#db.prepare('SELECT text FROM answers WHERE turn = ? ORDER BY pane').pluck().all(turn) as string[])
    ]
  }
}

/** A prompt as a title: one line that is not long. */
export function titleOf(prompt: string): string {
  const letters = [...prompt.trim().replaceAll(/\s+/g, ' ').slice(0, 4 * longestTitle)]
  return letters.length > longestTitle ? `${letters.slice(0, longestTitle - 1).join('')}…` : letters.join('')
}
