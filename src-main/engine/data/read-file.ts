/** The rows of a file of any kind, the good and the bad, in their order. */
import { resolve } from 'node:path'
import { StudioError } from '../../contract/errors.ts'
import { statOf } from '../files.ts'
import { readBytes } from './bytes.ts'
import { kindOf, type FileKind } from './kind.ts'
import { readCsv } from './readers/csv.ts'
import { readJson } from './readers/json.ts'
import { readJsonl } from './readers/jsonl.ts'
import { readParquet } from './readers/parquet.ts'
import { bad, BrokenFile, type RowBatches } from './row.ts'

/**
 * Where the file breaks off, the last row says so, and the rows before it count.
 * @throws StudioError 'not-found' or 'not-usable' for what is no data file, 'cancelled' when stopped
 */
export async function* readFile(path: string, signal?: AbortSignal): RowBatches {
  const file = checkFile(path)
  let last = 0
  try {
    for await (const rows of reader(file, await kindOf(file, signal), signal)) {
      last = rows.at(-1)?.line ?? last
      yield rows
    }
  } catch (error) {
    if (signal?.aborted === true) throw new StudioError('cancelled', 'the import was stopped')
    if (!(error instanceof BrokenFile)) throw error
    yield [bad(last + 1, `the file breaks off here: ${error.message}`)]
  }
}

function reader(file: string, kind: FileKind, signal?: AbortSignal): RowBatches {
  if (kind.kind === 'parquet') return readParquet(file, signal)
  const pieces = readBytes(file, { packed: kind.packed, signal })
  switch (kind.kind) {
    case 'jsonl':
      return readJsonl(pieces)
    case 'json':
      return readJson(pieces)
    case 'csv':
      return readCsv(pieces, kind.delimiter)
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
