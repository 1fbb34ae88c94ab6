/** Where the records of a CSV file begin and end: a line break within quotes belongs to its field. */
import { maxRowBytes } from '../limits.ts'
import { tooLong } from '../lines.ts'

export interface CsvRecord {
  /** of its first line, counted from 1 */
  line: number
  /** without its line break; null where there is a problem */
  bytes: Buffer | null
  problem: string | null
}

const [lineFeed, carriageReturn, quote] = [10, 13, 34]
const neverClosed = 'it opens a quoted field that is never closed'

/** A quote that is never closed takes the rest of what is held with it; it is read again this often. */
const maxSecondReadings = 20

type State = 'field' | 'plain' | 'quoted' | 'quote-in-quoted'

export class CsvRecords {
  readonly #delimiter: number
  #state: State = 'field'
  #parts: Buffer[] = []
  #length = 0
  #line = 1
  #lines = 0
  #secondReadings = 0

  constructor(delimiter: string) {
    this.#delimiter = delimiter.charCodeAt(0)
  }

  /** The records that end in this piece; blank lines are left out. */
  push(piece: Buffer): CsvRecord[] {
    const records: CsvRecord[] = []
    let start = 0
    for (let i = 0; i < piece.length; i++) {
      const byte = piece[i] as number
      switch (this.#state) {
        case 'quoted':
          if (byte === quote) this.#state = 'quote-in-quoted'
          else if (byte === lineFeed) this.#lines++
          continue
        case 'quote-in-quoted':
          if (byte === quote) {
            this.#state = 'quoted'
            continue
          }
          this.#state = 'plain'
          break
        case 'field':
          if (byte === quote) {
            this.#state = 'quoted'
            continue
          }
          this.#state = 'plain'
          break
        case 'plain':
      }
      if (byte === this.#delimiter) this.#state = 'field'
      else if (byte === lineFeed) {
        this.#hold(piece.subarray(start, i), records)
        this.#finish(records)
        start = i + 1
      }
    }
    this.#hold(piece.subarray(start), records)
    return records
  }

  /** What is left when the file ends. */
  end(): CsvRecord[] {
    const records: CsvRecord[] = []
    while (this.#state === 'quoted' && this.#length > 0) this.#readAgain(records)
    if (this.#length > 0) this.#finish(records)
    return records
  }

  #hold(part: Buffer, records: CsvRecord[]): void {
    this.#length += part.length
    if (this.#length <= maxRowBytes) this.#parts.push(part)
    else if (this.#state === 'quoted' && this.#parts.length > 0) {
      this.#parts.push(part)
      this.#readAgain(records)
    } else this.#parts = []
  }

  #finish(records: CsvRecord[]): void {
    if (this.#length > maxRowBytes) records.push({ line: this.#line, bytes: null, problem: tooLong })
    else {
      const bytes = withoutReturn(this.#parts.length === 1 ? (this.#parts[0] as Buffer) : Buffer.concat(this.#parts))
      if (!isBlank(bytes)) records.push({ line: this.#line, bytes, problem: null })
    }
    this.#begin(this.#line + this.#lines + 1)
  }

  /** Gives up the first line of what is held, and reads the lines after it as records of their own. */
  #readAgain(records: CsvRecord[]): void {
    const held = Buffer.concat(this.#parts)
    const first = held.indexOf(lineFeed)
    const line = this.#line
    const isLast = ++this.#secondReadings > maxSecondReadings || first === -1
    records.push({ line, bytes: null, problem: isLast && first !== -1 ? `${neverClosed}; the lines after it are passed over up to one that can be read` : neverClosed })
    if (isLast) {
      this.#begin(line + this.#lines)
      this.#state = 'plain' // up to the next line break
      this.#length = maxRowBytes + 1
      return
    }
    this.#begin(line + 1)
    records.push(...this.push(held.subarray(first + 1)))
  }

  #begin(line: number): void {
    this.#state = 'field'
    this.#parts = []
    this.#length = 0
    this.#lines = 0
    this.#line = line
  }
}

function withoutReturn(bytes: Buffer): Buffer {
  return bytes.at(-1) === carriageReturn ? bytes.subarray(0, -1) : bytes
}

function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 32 || byte === 9)
}
