/** Lines of a text, bounded whatever the text holds. */
import { maxRowBytes } from './limits.ts'
import { decode, notUtf8 } from './text.ts'

/** Counted from 1. `text` is null where the line cannot be read, and `problem` says why. */
export type Line = { number: number; text: string; problem: null } | { number: number; text: null; problem: string }

export const tooLong = `it is longer than ${maxRowBytes / 1024 / 1024} MB`

/** The lines that end in each piece, blank ones left out. @throws what the pieces throw */
export async function* readLines(pieces: AsyncIterable<Buffer>): AsyncGenerator<Line[]> {
  let parts: Buffer[] = []
  let length = 0
  let number = 1
  const finish = (end: Buffer): Line | null => {
    const line = length + end.length > maxRowBytes ? { number, text: null, problem: tooLong } : toLine(parts.length === 0 ? end : Buffer.concat([...parts, end]), number)
    parts = []
    length = 0
    number++
    return line
  }
  for await (const piece of pieces) {
    const lines: Line[] = []
    let start = 0
    for (let end = piece.indexOf(10); end !== -1; end = piece.indexOf(10, start)) {
      const line = finish(piece.subarray(start, end))
      if (line !== null) lines.push(line)
      start = end + 1
    }
    length += piece.length - start
    if (length > maxRowBytes) parts = []
    else if (start < piece.length) parts.push(piece.subarray(start))
    if (lines.length > 0) yield lines
  }
  const last = finish(Buffer.alloc(0))
  if (last !== null) yield [last]
}

function toLine(bytes: Buffer, number: number): Line | null {
  const text = decode(bytes)
  if (text === null) return { number, text: null, problem: notUtf8 }
  return text.trim() === '' ? null : { number, text, problem: null }
}
