/** What a data format is: one file a format, listed in formats.ts. A row becomes an example, or a reason why not. */
import type { DataFormat, Message } from '../../contract/data.ts'
import { isTurns, textOfTurns, turnsOf } from './messages.ts'
import type { Row } from './row.ts'
import { turnsOfText } from './transcript.ts'

export interface ParsedRow {
  prompt: string
  /** the conversation that the chat template gets; it ends with the user's turn, but for a stray row */
  messages: Message[]
  chosen: string | null
  rejected: string | null
  /** columns that the parts above were taken from */
  used: string[]
}

export interface Format {
  name: DataFormat
  /** what a column can be mapped to, in the order of a form */
  parts: readonly string[]
  /** Whether a row looks like this; asked of the first rows, in the order of `formats`. */
  recognises(row: Row): boolean
  /** @throws Error whose message completes "line 7: ..." */
  parse(row: Row): ParsedRow
}

/** A column that must hold text. @throws Error naming it */
export function textOf(row: Row, column: string): string {
  const value = optionalTextOf(row, column)
  if (value === null) throw new Error(`it has no "${column}"`)
  if (value.trim() === '') throw new Error(`its "${column}" is empty`)
  return value
}

/** A column that may be missing; when it is there it must hold text, which may be empty. @throws Error naming it */
export function optionalTextOf(row: Row, column: string): string | null {
  const value = row[column]
  if (value === undefined || value === null) return null
  if (typeof value !== 'string') throw new Error(`its "${column}" is not text`)
  if (!value.isWellFormed()) throw new Error(`its "${column}" holds half a character (a lone surrogate)`)
  return value
}

/** A column that holds the prompt as text or as turns. @throws Error naming it */
export function promptOf(row: Row, column: string): { prompt: string; messages: Message[] } {
  if (!isTurns(row[column])) {
    const prompt = textOf(row, column)
    return { prompt, messages: turnsOfText(prompt) }
  }
  const messages = turnsOf(row[column], column)
  return { prompt: textOfTurns(messages), messages }
}

/** A column that holds an answer as text or as turns, which may begin with the prompt's. @throws Error naming it */
export function answerOf(row: Row, column: string, prompt: Message[]): string {
  if (!isTurns(row[column])) return textOf(row, column)
  const turns = turnsOf(row[column], column)
  const repeats = prompt.length < turns.length && prompt.every((turn, i) => turns[i]?.role === turn.role && turns[i]?.content.trim() === turn.content.trim())
  const [answer, ...more] = repeats ? turns.slice(prompt.length) : turns
  if (answer?.role !== 'assistant' || more.length > 0) throw new Error(`its "${column}" is not one turn of the assistant after the prompt`)
  return answer.content
}
