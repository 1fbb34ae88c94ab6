/**
 * A JSON document: a list of objects, or an object that holds such a list, read without holding the file. Where one row
 * ends is found byte by byte; each is parsed by itself, so that what is wrong in one costs no other. Rows are counted
 * from 1, as a whole list may stand in one line.
 */
import { parseRow } from '../json-row.ts'
import { maxDocumentBytes, maxNesting, maxRowBytes } from '../limits.ts'
import { tooLong } from '../lines.ts'
import { bad, BrokenFile, good, type RawRow, type Row, type RowBatches } from '../row.ts'
import { splitWord } from '../split.ts'
import { decode, notUtf8 } from '../text.ts'
import { rowsOfDocument } from './json-document.ts'

const [quote, backslash, comma, colon, openList, closeList, openObject, closeObject] = [...'"\\,:[]{}'].map((c) => c.charCodeAt(0)) as [number, number, number, number, number, number, number, number]

/** Lists of objects under these names belong to one row. */
const partsOfRow = new Set(['messages', 'conversations', 'prompt', 'chosen', 'rejected', 'completion'])

/** @throws what the pieces throw, or BrokenFile where the document ends too early, each after the rows before */
export async function* readJson(pieces: AsyncIterable<Buffer>): RowBatches {
  const document = new JsonDocument()
  let broken: unknown = null
  try {
    for await (const piece of pieces) {
      const rows = document.push(piece)
      if (rows.length > 0) yield rows
    }
  } catch (error) {
    broken = error
  }
  if (broken !== null && !(broken instanceof BrokenFile)) throw broken
  const rows = broken === null ? document.end() : []
  if (rows.length > 0) yield rows
  if (broken !== null) throw broken
}

/** One JSON value whose bytes go by: where it ends, and its bytes if they are not too many. */
class Value {
  #depth = 0
  #deepest = 0
  #inText = false
  #escaped = false
  #begun = false
  #length = 0
  #parts: Buffer[] = []

  /** @returns the index after the value's last byte, or -1 if it goes on in the next piece */
  take(piece: Buffer, start: number): number {
    const end = this.#endIn(piece, start)
    const part = piece.subarray(start, end === -1 ? undefined : end)
    this.#length += part.length
    if (this.#length > maxRowBytes || this.#deepest > maxNesting) this.#parts = []
    else this.#parts.push(part)
    return end
  }

  get bytes(): Buffer {
    return this.#parts.length === 1 ? (this.#parts[0] as Buffer) : Buffer.concat(this.#parts)
  }

  /** Why its bytes were not kept. */
  get problem(): string | null {
    if (this.#length > maxRowBytes) return tooLong
    return this.#deepest > maxNesting ? `its lists and objects are nested more than ${maxNesting} deep` : null
  }

  #endIn(piece: Buffer, start: number): number {
    for (let i = start; i < piece.length; i++) {
      const byte = piece[i] as number
      if (this.#inText) {
        if (this.#escaped) this.#escaped = false
        else if (byte === backslash) this.#escaped = true
        else if (byte === quote) {
          this.#inText = false
          if (this.#depth === 0) return i + 1
        }
        continue
      }
      switch (byte) {
        case quote:
          if (this.#depth === 0 && this.#begun) return i // two values without a comma
          this.#inText = true
          break
        case openList:
        case openObject:
          if (this.#depth === 0 && this.#begun) return i
          this.#deepest = Math.max(this.#deepest, ++this.#depth)
          break
        case closeList:
        case closeObject:
          if (this.#depth === 0) return this.#begun ? i : i + 1 // the end of what it is in, or a stray bracket
          if (--this.#depth === 0) return i + 1
          break
        case comma:
          if (this.#depth === 0) return i
          break
        default:
          if (this.#depth === 0 && this.#begun && isSpace(byte)) return i
      }
      this.#begun = true
    }
    return -1
  }
}

function isSpace(byte: number): boolean {
  return byte === 32 || byte === 10 || byte === 13 || byte === 9
}

/** Where the reader is: before the document, in an object of lists, in a list of rows, behind the end, or in what should not follow. */
type Place = 'before' | 'key' | 'colon' | 'member' | 'list-or-value' | 'rows' | 'behind' | 'beyond'

class JsonDocument {
  #place: Place = 'before'
  #value: Value | null = null
  #inObject = false
  #key = ''
  #keys: string[] = []
  #rows = 0
  #found = false
  /** of an object in which no list of rows was found yet */
  #kept: Buffer[] = []
  #keptLength = 0

  push(piece: Buffer): RawRow[] {
    const rows: RawRow[] = []
    if (!this.#found) this.#keep(piece)
    let i = 0
    while (i < piece.length) {
      if (this.#value !== null) {
        const end = this.#value.take(piece, i)
        if (end === -1) break
        i = end
        this.#finish(this.#value, rows)
        this.#value = null
        continue
      }
      const byte = piece[i] as number
      if (isSpace(byte) || (this.#place === 'before' && isByteOrderMark(byte))) i++
      else i = this.#step(byte, i, rows)
    }
    return rows
  }

  end(): RawRow[] {
    if (this.#inObject && !this.#found) return rowsOfDocument(Buffer.concat(this.#kept))
    if (this.#place === 'behind' || this.#place === 'beyond') return []
    throw new BrokenFile(this.#value === null ? 'the list of rows has no end' : `the file ends within row ${this.#rows + 1}`)
  }

  /** One byte that begins something. @returns where to go on */
  #step(byte: number, at: number, rows: RawRow[]): number {
    switch (this.#place) {
      case 'before':
        this.#inObject = byte === openObject
        this.#found = !this.#inObject
        if (this.#found) this.#kept = []
        this.#place = this.#inObject ? 'key' : 'rows'
        return at + 1
      case 'key':
        if (byte === comma) return at + 1
        if (byte === closeObject) {
          this.#place = 'behind'
          return at + 1
        }
        this.#value = new Value()
        return at
      case 'colon':
        this.#place = 'member'
        return byte === colon ? at + 1 : at
      case 'member':
        if (byte === openList && !partsOfRow.has(this.#key) && (this.#found || !this.#keys.some((key) => partsOfRow.has(key)))) {
          this.#place = 'list-or-value'
          return at + 1
        }
        this.#value = new Value()
        return at
      case 'list-or-value':
        if (byte === openObject) {
          this.#found = true
          this.#kept = []
          this.#place = 'rows'
          return at
        }
        // a list of something else: on behind it
        this.#place = 'member'
        this.#value = new Value()
        this.#value.take(Buffer.from('['), 0)
        return at
      case 'rows':
        if (byte === comma) return at + 1
        if (byte === closeList) {
          this.#place = this.#inObject ? 'key' : 'behind'
          return at + 1
        }
        this.#value = new Value()
        return at
      case 'behind':
        rows.push(bad(++this.#rows, 'it begins behind the end of the document, where nothing more is read'))
        this.#place = 'beyond'
        return at
      case 'beyond':
        return Infinity
    }
  }

  #finish(value: Value, rows: RawRow[]): void {
    switch (this.#place) {
      case 'key':
        this.#key = keyOf(value.bytes)
        if (!this.#found) this.#keys.push(this.#key)
        this.#place = 'colon'
        break
      case 'member':
        this.#place = 'key'
        break
      default:
        rows.push(this.#row(++this.#rows, value))
    }
  }

  #row(number: number, value: Value): RawRow {
    if (value.problem !== null) return bad(number, value.problem)
    const text = decode(value.bytes)
    if (text === null) return bad(number, notUtf8)
    try {
      return good(number, this.#withSplit(parseRow(text)))
    } catch (error) {
      return bad(number, error instanceof Error ? error.message : String(error))
    }
  }

  /** {"train": [...], "test": [...]} says on which side its rows are. */
  #withSplit(row: Row): Row {
    return this.#inObject && row['split'] === undefined && splitWord(this.#key) !== undefined ? { ...row, split: this.#key } : row
  }

  #keep(piece: Buffer): void {
    this.#keptLength += piece.length
    if (this.#keptLength > maxDocumentBytes) {
      throw new BrokenFile(`it is one object of more than ${maxDocumentBytes / 1024 / 1024} MB without a list of rows in it; save it as JSON lines`)
    }
    this.#kept.push(piece)
  }
}

function keyOf(bytes: Buffer): string {
  try {
    return String(JSON.parse(bytes.toString()))
  } catch {
    return ''
  }
}

function isByteOrderMark(byte: number): boolean {
  return byte === 0xef || byte === 0xbb || byte === 0xbf
}
