/** CSV and TSV with a line of column names: every cell is text, an empty one is null. Rows by the number of their first line. */
import Papa from 'papaparse'
import { StudioError } from '../../../contract/errors.ts'
import { maxColumns } from '../limits.ts'
import { bad, good, type RawRow, type RowBatches } from '../row.ts'
import { decode, notUtf8 } from '../text.ts'
import { CsvRecords, type CsvRecord } from './csv-records.ts'

/** @throws what the pieces throw, after the rows before; StudioError 'not-usable' when the first line names no columns */
export async function* readCsv(pieces: AsyncIterable<Buffer>, delimiter: string): RowBatches {
  const records = new CsvRecords(delimiter)
  let columns: string[] | null = null
  const toRows = (found: CsvRecord[]): RawRow[] => {
    if (columns === null && found.length > 0) columns = columnNames(found.shift(), delimiter)
    return columns === null ? [] : rowsOf(found, columns, delimiter)
  }
  for await (const piece of pieces) {
    const rows = toRows(records.push(piece))
    if (rows.length > 0) yield rows
  }
  const rows = toRows(records.end())
  if (rows.length > 0) yield rows
}

function columnNames(record: CsvRecord | undefined, delimiter: string): string[] {
  const parsed = record?.bytes == null ? null : fieldsOf(record.bytes, delimiter)
  if (parsed === null || typeof parsed === 'string') {
    throw new StudioError('not-usable', `line ${record?.line ?? 1} should name the columns, but ${parsed ?? record?.problem ?? 'is empty'}`)
  }
  if (parsed.length > maxColumns) throw new StudioError('not-usable', `line ${record?.line ?? 1} names ${parsed.length} columns; more than ${maxColumns} are not read`)
  const taken = new Set<string>()
  return parsed.map((field, i) => {
    const name = field.trim() === '' ? `column ${i + 1}` : field.trim()
    let own = name
    for (let n = 2; taken.has(own); n++) own = `${name} ${n}`
    taken.add(own)
    return own
  })
}

function rowsOf(records: CsvRecord[], columns: string[], delimiter: string): RawRow[] {
  const together = parseTogether(records, delimiter)
  return records.map((record, i) => {
    if (record.bytes === null) return bad(record.line, record.problem ?? 'it cannot be read')
    const fields = together?.[i] ?? fieldsOf(record.bytes, delimiter)
    if (typeof fields === 'string') return bad(record.line, fields)
    if (fields.length !== columns.length) return bad(record.line, `it has ${fields.length} fields where the first line names ${columns.length} columns`)
    return good(record.line, Object.fromEntries(columns.map((column, c) => [column, fields[c] === '' ? null : fields[c]])))
  })
}

/** The fields of all records at once, which is several times faster; null where anything is wrong with any of them. */
function parseTogether(records: CsvRecord[], delimiter: string): string[][] | null {
  const bytes = records.flatMap((record, i) => (record.bytes === null ? [] : i === 0 ? [record.bytes] : [lineBreak, record.bytes]))
  const text = decode(Buffer.concat(bytes))
  if (text === null || records.some((record) => record.bytes === null)) return null
  const { data, errors } = parse(text, delimiter)
  return errors.length === 0 && data.length === records.length ? data : null
}

const lineBreak = Buffer.from('\n')

/** The fields of one record, or why there are none. */
function fieldsOf(bytes: Buffer, delimiter: string): string[] | string {
  const text = decode(bytes)
  if (text === null) return notUtf8
  const { data, errors } = parse(text, delimiter)
  const [fields] = data
  if (errors[0] !== undefined) return `its quotes do not match (${errors[0].message})`
  return fields === undefined || data.length > 1 ? 'its quotes do not match' : fields
}

function parse(text: string, delimiter: string): Papa.ParseResult<string[]> {
  return Papa.parse<string[]>(text, { delimiter, newline: '\n' })
}
