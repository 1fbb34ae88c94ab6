/** JSON lines: one object a line, rows by their line number. */
import { parseRow } from '../json-row.ts'
import { readLines, type Line } from '../lines.ts'
import { bad, good, type RawRow, type RowBatches } from '../row.ts'

export async function* readJsonl(pieces: AsyncIterable<Buffer>): RowBatches {
  for await (const lines of readLines(pieces)) yield lines.map(toRow)
}

function toRow({ number, text, problem }: Line): RawRow {
  if (text === null) return bad(number, problem)
  try {
    return good(number, parseRow(text))
  } catch (error) {
    return bad(number, error instanceof Error ? error.message : String(error))
  }
}
