/** A data file as parsed rows, each with its line number, or with the reason why it cannot be used. */
import type { DataFormat, RejectedRow } from '../../contract/data.ts'
import type { Format, ParsedRow } from './format.ts'
import { formatNamed, recognise } from './formats.ts'
import { readFile } from './read-file.ts'
import type { RawRow, Row } from './row.ts'

export interface GoodRow {
  line: number
  row: Row
  parsed: ParsedRow
}

export type ReadRow = { good: GoodRow; format: Format } | { bad: RejectedRow; row: Row | null }

export interface ReadOptions {
  /** null: recognised from the first rows */
  format: DataFormat | null
  /** part -> column, e.g. prompt -> question */
  map: Record<string, string>
  signal?: AbortSignal
}

/** Rows that a format is recognised from: enough that one odd row does not decide for a million. */
const rowsToRecognise = 20

/** @throws StudioError: see readFile */
export async function* readRows(path: string, options: ReadOptions): AsyncGenerator<ReadRow[]> {
  let format = options.format === null ? null : formatNamed(options.format)
  for await (const raw of readFile(path, options.signal)) {
    const rows = raw.map((one): RawRow => (one.row === null ? one : { ...one, row: mapped(one.row, options.map) }))
    format ??= recognise(rows.map(({ row }) => row).filter((row) => row !== null).slice(0, rowsToRecognise))
    yield rows.map((row) => toRead(row, format))
  }
}

function toRead({ line, row, problem }: RawRow, format: Format | null): ReadRow {
  if (row === null) return { bad: { line, reason: problem }, row }
  try {
    if (format === null) throw new Error(unknownFormat(row))
    return { good: { line, row, parsed: format.parse(row) }, format }
  } catch (error) {
    return { bad: { line, reason: error instanceof Error ? error.message : String(error) }, row }
  }
}

/** The row with each mapped column under its part's name. */
function mapped(row: Row, map: Record<string, string>): Row {
  const pairs = Object.entries(map)
  if (pairs.length === 0) return row
  const taken = new Set(pairs.flat())
  const rest = Object.entries(row).filter(([column]) => !taken.has(column))
  return Object.fromEntries([...rest, ...pairs.map(([part, column]) => [part, row[column]])]) as Row
}

function unknownFormat(row: Row): string {
  const columns = Object.keys(row)
  const some = columns.slice(0, 20).join(', ')
  return `no known format has its columns (${some}); map one to the prompt, e.g. --map prompt=${columns[0] ?? 'column'}`
}
