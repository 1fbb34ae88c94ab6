/** Data files in a folder that is gone after the test, and what the readers make of them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { readFile } from '../../../src-main/engine/data/read-file.ts'
import type { RawRow, Row } from '../../../src-main/engine/data/row.ts'

export function temporaryFile(name: string, content: string | Uint8Array): string {
  const directory = mkdtempSync(join(tmpdir(), 're-control-data-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const file = join(directory, name)
  writeFileSync(file, content)
  return file
}

export async function rowsOf(file: string): Promise<{ good: Row[]; lines: number[]; bad: { line: number; reason: string }[] }> {
  const raw: RawRow[] = (await Array.fromAsync(readFile(file))).flat()
  return {
    good: raw.flatMap(({ row }) => (row === null ? [] : [row])),
    lines: raw.flatMap(({ line, row }) => (row === null ? [] : [line])),
    bad: raw.flatMap(({ line, row, problem }) => (row === null ? [{ line, reason: problem }] : []))
  }
}

export const read = (name: string, content: string | Uint8Array) => rowsOf(temporaryFile(name, content))

/** A text in pieces of these lengths, the last one with the rest. */
export async function* pieces(bytes: Uint8Array, lengths: number[]): AsyncGenerator<Buffer> {
  let at = 0
  for (const length of lengths) {
    if (at >= bytes.length) return
    yield Buffer.from(bytes.subarray(at, at + length))
    at += length
  }
  if (at < bytes.length) yield Buffer.from(bytes.subarray(at))
}
