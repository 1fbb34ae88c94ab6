/** The rows of a table that can still be read, around pages that cannot. */
import Database from 'better-sqlite3'
import type { Db } from './database.ts'

/** Of reads that fail, in one table: each takes some tens of microseconds. */
const mostFailures = 200_000
/** How far behind the last row is looked where nobody knows which was the last. */
const lookedBehind = 100_000n

/** A row's values in the order of `columns`, whole numbers as bigint. */
type Take = (values: unknown[]) => void

/**
 * From both ends up to what cannot be read, then so in the halves of what is between.
 * @returns at most how many rows could not be read, as there are no more row ids; null where that is not known
 */
export function readableRows(db: Db, table: string, columns: string[], take: Take): { unreadable: number | null } {
  const list = columns.map((column) => `"${column}"`).join(', ')
  try {
    return hasRowIds(db, table) ? byRowId(db, table, list, take) : fromBothEnds(db, table, list, take)
  } catch (error) {
    if (error instanceof Database.SqliteError) return { unreadable: null } // not even its name is known any more
    throw error
  }
}

function byRowId(db: Db, table: string, list: string, take: Take): { unreadable: number | null } {
  const forward = db.prepare(`SELECT rowid, ${list} FROM "${table}" WHERE rowid BETWEEN ? AND ? ORDER BY rowid`).raw().safeIntegers()
  const backward = db.prepare(`SELECT rowid, ${list} FROM "${table}" WHERE rowid BETWEEN ? AND ? ORDER BY rowid DESC`).raw().safeIntegers()
  /** @returns whether it came to the end, and the row id of the last row */
  const read = (rows: IterableIterator<unknown>, start: bigint): { whole: boolean; last: bigint } => {
    let last = start
    try {
      for (const row of rows) {
        const [rowId, ...values] = row as [bigint, ...unknown[]]
        take(values)
        last = rowId
      }
      return { whole: true, last }
    } catch (error) {
      if (error instanceof Database.SqliteError) return { whole: false, last }
      throw error
    }
  }
  const beginning = read(forward.iterate(-(2n ** 62n), 2n ** 62n), 0n)
  if (beginning.whole) return { unreadable: 0 }
  const known = lastRowId(db, table)
  let unreadable = 0n
  let failures = 1
  const ranges = [{ from: beginning.last + 1n, to: known ?? beginning.last + lookedBehind }]
  for (let range = ranges.pop(); range !== undefined; range = ranges.pop()) {
    let { from, to } = range
    if (from > to) continue
    if (failures >= mostFailures) return { unreadable: null }
    const first = read(forward.iterate(from, to), from - 1n)
    if (first.whole) continue
    from = first.last + 1n
    const second = read(backward.iterate(from, to), to + 1n)
    failures += 2
    if (second.whole) continue
    to = second.last - 1n
    if (from >= to) {
      if (from === to) unreadable++
      continue
    }
    const middle = (from + to) / 2n
    ranges.push({ from: middle + 1n, to }, { from, to: middle })
  }
  return { unreadable: known === null ? null : Number(unreadable) }
}

function fromBothEnds(db: Db, table: string, list: string, take: Take): { unreadable: number | null } {
  const keys = db.prepare('SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk').pluck().all(table) as string[]
  const seen = new Set<string>()
  for (const direction of ['ASC', 'DESC']) {
    try {
      const rows = db.prepare(`SELECT ${keys.map((key) => `"${key}"`).join(', ')}, ${list} FROM "${table}" ORDER BY ${keys.map((key) => `"${key}" ${direction}`).join(', ')}`).raw().safeIntegers().iterate()
      for (const row of rows as IterableIterator<unknown[]>) {
        const key = row.slice(0, keys.length).join('\0')
        if (!seen.has(key)) take(row.slice(keys.length))
        seen.add(key)
      }
      return { unreadable: 0 }
    } catch (error) {
      if (!(error instanceof Database.SqliteError)) throw error
    }
  }
  return { unreadable: null }
}

function hasRowIds(db: Db, table: string): boolean {
  return db.prepare("SELECT wr FROM pragma_table_list WHERE schema = 'main' AND name = ?").pluck().get(table) === 0
}

/** The largest row id that there is, or was: of a table that counts, what it has counted to. */
function lastRowId(db: Db, table: string): bigint | null {
  for (const sql of [`SELECT max(rowid) FROM "${table}"`, `SELECT seq FROM sqlite_sequence WHERE name = '${table}'`]) {
    try {
      const last = db.prepare(sql).pluck().safeIntegers().get() as bigint | null | undefined
      if (typeof last === 'bigint') return last
    } catch (error) {
      if (!(error instanceof Database.SqliteError)) throw error
    }
  }
  return null
}
