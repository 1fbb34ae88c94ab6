/** What a data format is: one file a format, listed in formats.ts. A row becomes an example, or a reason why not. */
import type { DataFormat, Message } from '../../contract/entities.ts'

export type Row = Record<string, unknown>

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
  /** Whether a row looks like this; asked of the first rows, in the order of `formats`. */
  recognises(row: Row): boolean
  /** @throws Error whose message completes "line 7: ..." */
  parse(row: Row): ParsedRow
}

/** A column that must hold text. @throws Error naming it */
export function textOf(row: Row, column: string): string {
  const value = row[column]
  if (value === undefined || value === null) throw new Error(`it has no "${column}"`)
  if (typeof value !== 'string') throw new Error(`its "${column}" is not text`)
  if (value.trim() === '') throw new Error(`its "${column}" is empty`)
  return value
}

/** A column that may be missing; when it is there it must hold text, which may be empty. */
export function optionalTextOf(row: Row, column: string): string | null {
  const value = row[column]
  if (value === undefined || value === null) return null
  if (typeof value !== 'string') throw new Error(`its "${column}" is not text`)
  return value
}

export function userTurn(content: string): Message[] {
  return [{ role: 'user', content }]
}
