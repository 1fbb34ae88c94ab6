/** The full-text index of the chat: prompts, answers and titles, found by the words that a person types. */
import { searchable, searchTerms, type SearchTerm } from './search-words.ts'
import type { Db } from './database.ts'

/** Of a word that is nearly everywhere, only the newest turns are looked at. */
const mostTurns = 20_000
const excerptLength = 120

export class ChatWords {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  /** Instead of what was there of the turn. */
  setTurn(turn: number, prompt: string, answers: string[]): void {
    this.#set(turn, prompt, answers.join('\n'))
  }

  setTitle(conversation: number, title: string): void {
    this.#set(-conversation, title, '')
  }

  /** Before the conversation's turns are deleted. */
  remove(conversation: number): void {
    this.#db.prepare('DELETE FROM chatWords WHERE rowid = ? OR rowid IN (SELECT id FROM turns WHERE conversation = ?)').run(-conversation, conversation)
  }

  /**
   * Conversations with a turn or a title that has all the words of `search`, those that went on last first; null where
   * it has no word at all. `turn`: the newest that has them, null where only the title does.
   */
  find(search: string, offset: number, limit: number): { total: number; found: { conversation: number; turn: number | null }[]; terms: SearchTerm[] } | null {
    const terms = searchTerms(search)
    if (terms.length === 0) return null
    const rows = this.#db
      .prepare(
        `WITH matches AS (SELECT rowid AS place FROM chatWords WHERE chatWords MATCH ? ORDER BY rowid DESC LIMIT ${mostTurns}),
              places AS (SELECT coalesce(t.conversation, -m.place) AS conversation, max(m.place) AS place
                         FROM matches m LEFT JOIN turns t ON t.id = m.place GROUP BY 1)
         SELECT p.conversation, p.place, count(*) OVER () AS total
         FROM places p JOIN conversations c ON c.id = p.conversation
         ORDER BY c.updated DESC, c.id DESC LIMIT ? OFFSET ?`
      )
      .all(terms.map(({ expression }) => expression).join(' '), limit, offset) as { conversation: number; place: number; total: number }[]
    return { total: rows[0]?.total ?? 0, found: rows.map(({ conversation, place }) => ({ conversation, turn: place > 0 ? place : null })), terms }
  }

  #set(place: number, prompt: string, answers: string): void {
    this.#db.prepare('INSERT OR REPLACE INTO chatWords (rowid, prompt, answers) VALUES (?, ?, ?)').run(place, searchable(prompt), searchable(answers))
  }
}

/** A line of the first text that has one of the terms as it was typed, around it; else the beginning of the first. */
export function excerptOf(texts: string[], terms: SearchTerm[]): string {
  for (const text of texts) {
    const lower = text.toLowerCase()
    const places = terms.map((term) => lower.indexOf(term.text.trim().toLowerCase())).filter((place) => place >= 0)
    if (places.length > 0) return piece(text, Math.max(0, Math.min(...places) - excerptLength / 4))
  }
  return piece(texts[0] ?? '', 0)
}

function piece(text: string, from: number): string {
  const line = text
    .slice(from, from + excerptLength)
    .replace(/^[\udc00-\udfff]|[\ud800-\udbff]$/g, '') // half a character
    .replaceAll(/\s+/g, ' ')
    .trim()
  return `${from > 0 ? '…' : ''}${line}${from + excerptLength < text.length ? '…' : ''}`
}
