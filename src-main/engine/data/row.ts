/** A row as a reader gives it: the columns, or why there are none. */
export type Row = Record<string, unknown>

export type RawRow = { line: number; row: Row; problem: null } | { line: number; row: null; problem: string }

/** Rows in the file's order, as many at a time as one piece of the file holds. */
export type RowBatches = AsyncGenerator<RawRow[]>

/** A file that cannot be read on: what came before counts. The message completes "the file breaks off here: ...". */
export class BrokenFile extends Error {}

export function good(line: number, row: Row): RawRow {
  return { line, row, problem: null }
}

export function bad(line: number, problem: string): RawRow {
  return { line, row: null, problem }
}
