/** A data file as parsed rows, each with its line number, or with the reason why it cannot be used. */
import { resolve } from 'node:path'
import type { DataFormat, RejectedRow } from '../../contract/entities.ts'
import { StudioError } from '../../contract/errors.ts'
import { statOf } from '../files.ts'
import type { Format, ParsedRow, Row } from './format.ts'
import { formatNamed, formats } from './formats.ts'
import { readLines } from './lines.ts'

export interface GoodRow {
  line: number
  row: Row
  parsed: ParsedRow
}

export interface ReadOptions {
  /** null: recognised from the first usable row */
  format: DataFormat | null
  /** part -> column, e.g. prompt -> question */
  map: Record<string, string>
  signal?: AbortSignal
}

/** @throws StudioError 'not-found' or 'not-usable' before the first row */
export async function* readRows(path: string, options: ReadOptions): AsyncGenerator<{ good: GoodRow; format: Format } | { bad: RejectedRow; row: Row | null }> {
  const file = checkFile(path)
  let format = options.format === null ? null : formatNamed(options.format)
  try {
    for await (const line of readLines(file, options.signal)) {
      let row: Row | null = null
      try {
        if (line.text === null) throw new Error(line.problem ?? 'it cannot be read')
        row = mapped(parseObject(line.text), options.map)
        format ??= recognise(row)
        yield { good: { line: line.number, row, parsed: format.parse(row) }, format }
      } catch (error) {
        yield { bad: { line: line.number, reason: error instanceof Error ? error.message : String(error) }, row }
      }
    }
  } catch (error) {
    if (options.signal?.aborted === true) throw new StudioError('cancelled', 'the import was stopped')
    throw new StudioError('not-usable', `${file} cannot be read to its end: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

function checkFile(path: string): string {
  const file = resolve(path)
  const stat = statOf(file)
  if (stat === undefined) throw new StudioError('not-found', `there is no file ${file}`)
  if (stat.isDirectory()) throw new StudioError('not-usable', `${file} is a folder, not a data file`)
  if (!stat.isFile()) throw new StudioError('not-usable', `${file} is not an ordinary file`)
  if (stat.size === 0) throw new StudioError('not-usable', `${file} is empty`)
  return file
}

function parseObject(text: string): Row {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new Error(`it is not JSON (${error instanceof Error ? error.message : String(error)})`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('it is not a JSON object')
  return value as Row
}

/** The row with each mapped column under its part's name. */
function mapped(row: Row, map: Record<string, string>): Row {
  const pairs = Object.entries(map)
  if (pairs.length === 0) return row
  const taken = new Set(pairs.map(([, column]) => column))
  const rest = Object.entries(row).filter(([column]) => !taken.has(column))
  return Object.fromEntries([...rest, ...pairs.map(([part, column]) => [part, row[column]])]) as Row
}

function recognise(row: Row): Format {
  const format = formats.find((candidate) => candidate.recognises(row))
  if (format === undefined) {
    const columns = Object.keys(row).slice(0, 20).join(', ')
    throw new Error(`no known format has its columns (${columns}); map one to the prompt, e.g. --map prompt=${Object.keys(row)[0] ?? 'column'}`)
  }
  return format
}
