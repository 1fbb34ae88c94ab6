/** What a data file is, by its first bytes; its name decides only where they leave it open. */
import { open } from 'node:fs/promises'
import { basename } from 'node:path'
import Papa from 'papaparse'
import { StudioError } from '../../contract/errors.ts'
import { readBytes } from './bytes.ts'
import { headBytes } from './limits.ts'

export type FileKind =
  | { kind: 'jsonl' | 'json'; packed: boolean }
  | { kind: 'csv'; packed: boolean; delimiter: string }
  | { kind: 'parquet' }

/** Of files that hold no rows as they are, and what to do about them. */
const foreign: [magic: number[], what: string][] = [
  [[0x50, 0x4b, 3, 4], 'it is a zip archive (or an Excel file); unpack it, or save the sheet as CSV'],
  [[0x28, 0xb5, 0x2f, 0xfd], 'it is packed with zstd; unpack it first'],
  [[0x42, 0x5a, 0x68], 'it is packed with bzip2; unpack it first'],
  [[0xfd, 0x37, 0x7a, 0x58, 0x5a], 'it is packed with xz; unpack it first'],
  [[0xff, 0xfe], 'it is UTF-16 text; save it as UTF-8'],
  [[0xfe, 0xff], 'it is UTF-16 text; save it as UTF-8'],
  [[...Buffer.from('SQLite format 3')], 'it is an SQLite database; export the table as CSV'],
  [[...Buffer.from('ARROW1')], 'it is an Arrow file; save it as Parquet'],
  [[...Buffer.from('GGUF')], 'it is a model and not a data file']
]
const delimiters = [',', '\t', ';', '|']

/** @throws StudioError 'not-usable' for what is known to be something else */
export async function kindOf(file: string, signal?: AbortSignal): Promise<FileKind> {
  const start = await firstBytes(file)
  if (start.toString('latin1', 0, 4) === 'PAR1') return { kind: 'parquet' }
  const packed = start[0] === 0x1f && start[1] === 0x8b
  const head = packed ? await unpackedHead(file, signal) : start
  if (packed && head.toString('latin1', 0, 4) === 'PAR1') {
    throw new StudioError('not-usable', `${file} is a Parquet file within a .gz; unpack it first (Parquet is packed inside)`)
  }
  const other = foreign.find(([magic]) => magic.every((byte, i) => head[i] === byte))
  if (other !== undefined) throw new StudioError('not-usable', `${file} cannot be read: ${other[1]}`)
  return { ...kindOfText(head, basename(file).toLowerCase().replace(/\.gz$/, '')), packed }
}

async function firstBytes(file: string): Promise<Buffer> {
  const handle = await open(file)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(headBytes), 0, headBytes, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}

/** What a broken .gz gives before it breaks; its reader says that it does. */
async function unpackedHead(file: string, signal: AbortSignal | undefined): Promise<Buffer> {
  const pieces: Buffer[] = []
  let length = 0
  try {
    for await (const piece of readBytes(file, { packed: true, signal })) {
      pieces.push(piece)
      if ((length += piece.length) >= headBytes) break
    }
  } catch (error) {
    if (signal?.aborted === true) throw error
  }
  return Buffer.concat(pieces).subarray(0, headBytes)
}

function kindOfText(head: Buffer, name: string): { kind: 'jsonl' | 'json' } | { kind: 'csv'; delimiter: string } {
  const text = head.toString('utf8').replace(/^\ufeff/, '')
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  const [first = ''] = lines
  const whole = head.length < headBytes
  const namedLines = /\.(jsonl|ndjson)$/.test(name)
  switch (text.trimStart()[0]) {
    case '[':
      // a list that is one of several lines is a bad row among them
      return { kind: lines.length > 1 && isJson(first) ? 'jsonl' : 'json' }
    case '{':
      if (isJson(first) && (lines.length > 1 || namedLines)) return { kind: 'jsonl' }
      if (isJson(first)) return { kind: 'json' }
      return { kind: namedLines || lines.slice(1, whole ? undefined : -1).some(isRow) ? 'jsonl' : 'json' }
  }
  if (namedLines || name.endsWith('.json')) return { kind: 'jsonl' } // every line says why it is none
  if (name.endsWith('.tsv')) return { kind: 'csv', delimiter: '\t' }
  return { kind: 'csv', delimiter: delimiterOf(text) }
}

function delimiterOf(text: string): string {
  const { delimiter } = Papa.parse(text, { preview: 20, delimitersToGuess: delimiters, skipEmptyLines: true }).meta
  return delimiters.includes(delimiter) ? delimiter : ','
}

function isJson(line: string): boolean {
  try {
    JSON.parse(line)
    return true
  } catch {
    return false
  }
}

function isRow(line: string): boolean {
  return line.trimStart().startsWith('{') && isJson(line)
}
