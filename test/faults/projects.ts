/** The fixture projects: one of every released schema version, as that version's own code wrote it (make-project.ts). */
import Database from 'better-sqlite3'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

const folder = join(import.meta.dirname, 'projects')

/** Version 5 was never the newest of any code: 4 went straight to 6. Its project is 4's after migration 5, with 6's preference head. */
export const fixtureVersions: readonly number[] = readdirSync(folder).flatMap((name) => /^(\d{4})\.tar\.gz$/.exec(name)?.[1] ?? []).map(Number).sort((a, b) => a - b)

/** Unpacks the project of a version into a new folder `target`. */
export function unpackProject(version: number, target: string): string {
  mkdirSync(target, { recursive: true })
  execFileSync('tar', ['-xzf', join(folder, `${String(version).padStart(4, '0')}.tar.gz`), '-C', target])
  return target
}

/** Every row of every table, by table; blobs as hex. */
export function contentOf(file: string): Record<string, unknown[]> {
  const db = new Database(file, { readonly: true })
  try {
    const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name").pluck().all() as string[]
    return Object.fromEntries(tables.map((table) => [table, (db.prepare(`SELECT * FROM ${table}`).all() as Record<string, unknown>[]).map(readable)]))
  } finally {
    db.close()
  }
}

function readable(row: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, Buffer.isBuffer(value) ? value.toString('hex') : value]))
}
