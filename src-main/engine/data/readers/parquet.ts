/** Parquet, row group by row group and page by page. Rows are counted from 1; a row group that cannot be read is one bad row. */
import { open, type FileHandle } from 'node:fs/promises'
import type { DecodedArray } from 'hyparquet'
import { assembleNested } from 'hyparquet/src/assemble.js'
import { Column } from '../parquet/column.ts'
import { readFooter, type Footer, type RowGroup } from '../parquet/footer.ts'
import { parsers, PlainRow } from '../parquet/values.ts'
import { bad, good, type RawRow, type RowBatches } from '../row.ts'

const rowsAtOnce = 500

/** @throws StudioError 'not-usable' when the footer is none, AbortError when stopped */
export async function* readParquet(file: string, signal?: AbortSignal): RowBatches {
  const handle = await open(file)
  try {
    const footer = await readFooter(handle, file)
    let row = 1
    for (const group of footer.groups) {
      const first = row
      try {
        for await (const batch of readGroup(handle, group, footer, row)) {
          signal?.throwIfAborted()
          row += batch.length
          yield batch
        }
      } catch (error) {
        signal?.throwIfAborted()
        const last = first + group.num_rows - 1
        yield [bad(row, `${last > row ? `rows ${row} to ${last} cannot be read` : 'it cannot be read'}: ${error instanceof Error ? error.message : String(error)}`)]
        row = Math.max(row, last) + 1
      }
    }
    const counted = footer.groups.reduce((sum, { num_rows }) => sum + num_rows, 0)
    if (counted !== footer.rows) yield [bad(row, `the file counts ${footer.rows} rows, but its row groups ${counted}`)]
  } finally {
    await handle.close()
  }
}

async function* readGroup(handle: FileHandle, group: RowGroup, footer: Footer, first: number): RowBatches {
  const { num_rows: rows } = group
  if (rows < 0) throw new Error(`a row group claims ${rows} rows`)
  const columns = columnsOf(handle, group, footer)
  for (let done = 0; done < rows; ) {
    let count = Math.min(rowsAtOnce, rows - done)
    for (const column of columns) {
      const available = await column.available()
      if (available === 0) throw new Error(`"${column.path}" has ${done} of the row group's ${rows} rows`)
      count = Math.min(count, available)
    }
    yield assemble(columns, count, footer, first + done)
    done += count
  }
}

function columnsOf(handle: FileHandle, group: RowGroup, footer: Footer): Column[] {
  const columns = group.columns.map(({ meta_data: metadata, file_path: other }) => {
    if (metadata === undefined) throw new Error('a column is encrypted')
    if (other) throw new Error('a column lies in another file')
    return new Column(handle, metadata, footer)
  })
  const missing = footer.leaves.find((leaf) => !columns.some(({ path }) => path === leaf))
  if (missing !== undefined) throw new Error(`a row group has no column "${missing}"`)
  return columns
}

function assemble(columns: Column[], count: number, { schema }: Footer, first: number): RawRow[] {
  const leaves = new Map<string, DecodedArray>(columns.map((column) => [column.path, column.take(count)]))
  const cells = schema.children.map((child): [name: string, values: DecodedArray] => {
    if (child.children.length > 0) assembleNested(leaves, child, parsers)
    return [child.element.name, leaves.get(child.path.join('.')) ?? []]
  })
  return Array.from({ length: count }, (_, i) => {
    const plain = new PlainRow()
    try {
      return good(first + i, Object.fromEntries(cells.map(([name, values]) => [name, plain.value(name, values[i])])))
    } catch (error) {
      return bad(first + i, error instanceof Error ? error.message : String(error))
    }
  })
}
