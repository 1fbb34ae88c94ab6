/** Parquet's values as the plain values that a row of JSON has. */
import { DEFAULT_PARSERS } from 'hyparquet/src/convert.js'
import { tooLong } from '../lines.ts'
import { maxRowBytes } from '../limits.ts'
import { decode } from '../text.ts'

/** Bytes that are no text: their row says so, the others of their page can be used. */
class NoText {
  readonly reason: string

  constructor(reason: string) {
    this.reason = reason
  }
}

const notText = new NoText('is binary or not valid UTF-8')
const longText = new NoText(tooLong.replace(/^it /, ''))

function textFrom(bytes: Uint8Array | undefined): string | NoText | undefined {
  if (bytes === undefined) return undefined
  if (bytes.length > maxRowBytes) return longText
  return decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)) ?? notText
}

export const parsers = { ...DEFAULT_PARSERS, stringFromBytes: textFrom, jsonFromBytes: textFrom, geometryFromBytes: textFrom, geographyFromBytes: textFrom }

/** A row's text has a bound, whatever it is spread over. */
export class PlainRow {
  #characters = 0

  /** @throws Error whose message completes "row 7: ..." */
  value(column: string, value: unknown): unknown {
    try {
      return this.#plain(value)
    } catch (error) {
      throw new Error(`its "${column}" ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  #plain(value: unknown): unknown {
    switch (typeof value) {
      case 'undefined':
        return null
      case 'bigint':
        return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
      case 'number':
        if (Number.isNaN(value)) return null // how data frames write that a number is missing
        if (!Number.isFinite(value)) throw new Error('is infinite')
        return value
      case 'string':
        if ((this.#characters += value.length) > maxRowBytes) throw new Error('makes the row too long')
        return value
      case 'object':
        if (value === null) return null
        if (value instanceof NoText) throw new Error(value.reason)
        if (value instanceof Uint8Array) throw new Error(notText.reason)
        if (value instanceof Date) {
          if (Number.isNaN(value.getTime())) throw new Error('is a time that does not exist')
          return value.toISOString()
        }
        if (Array.isArray(value) || ArrayBuffer.isView(value)) return Array.from(value as ArrayLike<unknown>, (part) => this.#plain(part))
        return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, this.#plain(part)]))
      default:
        return value
    }
  }
}
