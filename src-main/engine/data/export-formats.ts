/** The formats of an export: each turns batches of rows into bytes, so that the memory holds a batch at a time. */
import { ByteWriter, ParquetWriter, schemaFromColumnData, type ColumnSource } from 'hyparquet-writer'
import Papa from 'papaparse'
import type { ExportSettings } from '../../contract/data.ts'
import type { Cell, CellType, Column } from './export-rows.ts'

export interface Encoder {
  /** rows of a batch, which need not be full */
  batchRows: number
  start(columns: Column[]): Uint8Array | string
  batch(rows: Cell[][]): Uint8Array | string
  end(): Uint8Array | string
}

export function encoderOf(format: ExportSettings['format']): Encoder {
  return { jsonl, csv, parquet, 're-control': reControl }[format]()
}

const smallBatch = 250

/** An object a line, without the cells that a row does not have. */
function jsonl(): Encoder {
  let names: string[] = []
  return {
    batchRows: smallBatch,
    start(columns) {
      names = columns.map(({ name }) => name)
      return ''
    },
    batch: (rows) => rows.map((row) => `${JSON.stringify(Object.fromEntries(names.map((name, i) => [name, row[i]])))}\n`).join(''),
    end: () => ''
  }
}

/**
 * RFC 4180. A text that a spreadsheet would take for a formula gets an apostrophe; papaparse's own rule leaves out such
 * texts of several lines.
 */
function csv(): Encoder {
  const lines = (rows: (string | number | boolean | null)[][]): string => `${Papa.unparse(rows, { newline: '\r\n', escapeFormulae: /^[=+\-@\t\r\n]/ })}\r\n`
  return {
    batchRows: smallBatch,
    start: (columns) => lines([columns.map(({ name }) => name)]),
    batch: (rows) => lines(rows.map((row) => row.map(plain))),
    end: () => ''
  }
}

/** A row group a batch, compressed with Snappy. */
function parquet(): Encoder {
  const types = { text: 'STRING', number: 'DOUBLE', boolean: 'BOOLEAN' } as const
  const bytes = new ByteWriter()
  let columns: Column[] = []
  let writer: ParquetWriter
  const sourcesOf = (rows: Cell[][]): ColumnSource[] => columns.map(({ name, type }, i) => ({ name, type: types[type], nullable: true, data: rows.map((row) => typed(row[i], type)) }))
  const written = (): Uint8Array => {
    const part = bytes.getBytes().slice(0, bytes.index)
    bytes.index = 0 // offsets count on
    return part
  }
  return {
    batchRows: 2000,
    start(all) {
      columns = all
      writer = new ParquetWriter({ writer: bytes, schema: schemaFromColumnData({ columnData: sourcesOf([]) }), createdBy: 'RE-Control Studio' })
      return written()
    },
    batch(rows) {
      void writer.write({ columnData: sourcesOf(rows), rowGroupSize: rows.length })
      return written()
    },
    end() {
      void writer.finish()
      return written()
    }
  }
}

/** The public code's array of objects, in which `result` begins with the prompt. */
function reControl(): Encoder {
  let at = { prompt: 0, response: 0 }
  let first = true
  return {
    batchRows: smallBatch,
    start(columns) {
      at = { prompt: columns.findIndex(({ name }) => name === 'prompt'), response: columns.findIndex(({ name }) => name === 'response') }
      return '['
    },
    batch(rows) {
      const objects = rows.map((row) => {
        const [prompt, response] = [String(row[at.prompt]), String(row[at.response])]
        return JSON.stringify({ prompt, result: prompt + response, response })
      })
      const before = first ? '\n' : ',\n'
      first = false
      return before + objects.join(',\n')
    },
    end: () => '\n]\n'
  }
}

function plain(cell: Cell): string | number | boolean | null {
  if (cell === undefined || cell === null) return null
  return typeof cell === 'object' ? JSON.stringify(cell) : cell
}

function typed(cell: Cell, type: CellType): string | number | boolean | null {
  const value = plain(cell)
  return value === null || type !== 'text' ? value : String(value)
}
