/** A JSON document without a list of rows: an object or a list for each column, as data frames are saved, or one row. */
import { parseJson } from '../json-row.ts'
import { bad, good, type RawRow, type Row } from '../row.ts'
import { decode, notUtf8 } from '../text.ts'

export function rowsOfDocument(bytes: Buffer): RawRow[] {
  const text = decode(bytes)
  if (text === null) return [bad(1, notUtf8)]
  try {
    const document = parseJson(text) as Row // it begins with a brace
    return columnsToRows(document)?.map((row, i) => good(i + 1, row)) ?? [good(1, document)]
  } catch (error) {
    return [bad(1, error instanceof Error ? error.message : String(error))]
  }
}

/** null where it is not made of columns of the same rows */
function columnsToRows(document: Row): Row[] | null {
  const names = Object.keys(document)
  const columns = Object.values(document).map(cellsOf)
  const [first] = columns
  if (first === undefined || first === null) return null
  const keys = [...first.keys()]
  const same = columns.every((column) => column !== null && column.size === keys.length && keys.every((key) => column.has(key)))
  if (!same) return null
  return keys.map((key) => Object.fromEntries(names.map((name, i) => [name, columns[i]?.get(key)])))
}

/** A column's cells by row: {"0": ..., "1": ...} or a list; messages are a list, but one cell. */
function cellsOf(column: unknown): Map<string, unknown> | null {
  if (typeof column !== 'object' || column === null) return null
  const entries = Object.entries(column)
  const isColumn = entries.every(([key, cell]) => /^\d+$/.test(key) && !(Array.isArray(column) && isTurn(cell)))
  return isColumn && entries.length > 0 ? new Map(entries) : null
}

function isTurn(cell: unknown): boolean {
  return typeof cell === 'object' && cell !== null && ['role', 'from'].some((key) => key in cell)
}
