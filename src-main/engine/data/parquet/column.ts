/** One column of one row group, a page at a time: a row group can be larger than the memory, a page is not. */
import type { FileHandle } from 'node:fs/promises'
import type { DecodedArray, PageHeader, SchemaTree } from 'hyparquet'
import { parquetHeader, readPage } from 'hyparquet/src/column.js'
import { convert } from 'hyparquet/src/convert.js'
import { getMaxRepetitionLevel, getTreePath } from 'hyparquet/src/schema.js'
import { decompress } from './decompress.ts'
import { bytesAt, type Chunk, type Footer } from './footer.ts'
import { maxPageBytes, maxPageHeaderBytes, maxPageValues } from './limits.ts'
import { checkPage, checkPageV2 } from './runs.ts'
import { endOfStruct, TruncatedThrift } from './thrift.ts'
import { parsers } from './values.ts'

type ColumnDecoder = Parameters<typeof readPage>[2]

const usualHeaderBytes = 16 * 1024
const maxHeaderValues = 1000

export class Column {
  readonly path: string
  readonly #handle: FileHandle
  readonly #metadata: Chunk
  readonly #decoder: ColumnDecoder
  readonly #schemaPath: SchemaTree[]
  readonly #isList: boolean
  readonly #end: number
  #at: number
  #valuesLeft: number
  #dictionary: DecodedArray | undefined
  /** decoded and not taken yet; of lists the last may go on in the next page */
  #rows: unknown[] = []
  #taken = 0

  /** @throws Error when the column lies outside of the file */
  constructor(handle: FileHandle, metadata: Chunk, { schema, end }: Footer) {
    this.path = metadata.path_in_schema.join('.')
    this.#handle = handle
    this.#metadata = metadata
    this.#schemaPath = getTreePath(schema, metadata.path_in_schema)
    const element = this.#schemaPath.at(-1)?.element
    if (element?.type === undefined) throw new Error(`"${this.path}" is no column of values`)
    // pages are given to hyparquet unpacked
    this.#decoder = { pathInSchema: metadata.path_in_schema, element, schemaPath: this.#schemaPath, parsers, type: element.type, codec: 'UNCOMPRESSED' }
    this.#isList = getMaxRepetitionLevel(this.#schemaPath) > 0
    const { dictionary_page_offset: dictionary = 0, data_page_offset: data } = metadata
    this.#at = dictionary > 0 && dictionary < data ? dictionary : data
    this.#end = this.#at + metadata.total_compressed_size
    if (!(this.#at >= 4 && this.#end > this.#at && this.#end <= end)) throw new Error(`"${this.path}" lies at ${this.#at} to ${this.#end}, outside of the data`)
    this.#valuesLeft = metadata.num_values
  }

  /** Rows that can be taken now, after reading on where there were none; 0 at the end. */
  async available(): Promise<number> {
    while (this.#ready === 0 && !this.#isAtEnd) await this.#readPage()
    return this.#ready
  }

  take(rows: number): unknown[] {
    const taken = this.#rows.slice(this.#taken, this.#taken + rows)
    this.#taken += taken.length
    return taken
  }

  get #isAtEnd(): boolean {
    return this.#valuesLeft <= 0 || this.#at >= this.#end
  }

  get #ready(): number {
    const left = this.#rows.length - this.#taken
    return this.#isList && !this.#isAtEnd ? Math.max(0, left - 1) : left
  }

  async #readPage(): Promise<void> {
    this.#rows = this.#rows.slice(this.#taken)
    this.#taken = 0
    const header = await this.#header()
    const length = header.compressed_page_size
    if (!isWithin(length, this.#end - this.#at)) throw new Error(`a page of "${this.path}" claims ${length} bytes, more than its column has`)
    if (!isWithin(header.uncompressed_page_size, maxPageBytes)) {
      throw new Error(`a page of "${this.path}" claims ${header.uncompressed_page_size} bytes unpacked; more than ${maxPageBytes / 1024 / 1024} MB are not read`)
    }
    const packed = await bytesAt(this.#handle, this.#at, length)
    this.#at += length
    if (header.type === 'INDEX_PAGE') return
    if (header.type === 'DICTIONARY_PAGE') this.#readDictionary(packed, header)
    else this.#readData(packed, header)
  }

  async #header(): Promise<PageHeader> {
    for (let size = usualHeaderBytes; ; size = maxPageHeaderBytes) {
      const bytes = await bytesAt(this.#handle, this.#at, Math.min(size, this.#end - this.#at))
      try {
        endOfStruct(bytes, 0, maxHeaderValues)
      } catch (error) {
        if (error instanceof TruncatedThrift && bytes.length === usualHeaderBytes) continue
        throw error
      }
      const reader = { view: new DataView(bytes.buffer), offset: 0 }
      const header = parquetHeader(reader)
      this.#at += reader.offset
      return header
    }
  }

  #readDictionary(packed: Uint8Array, header: PageHeader): void {
    const page = decompress(packed, this.#metadata.codec, header.uncompressed_page_size)
    const count = header.dictionary_page_header?.num_values ?? 0
    // a value takes a byte at least
    if (!isWithin(count, page.length)) throw new Error(`the dictionary of "${this.path}" claims ${count} values in ${page.length} bytes`)
    const { data } = this.#decode(page, header)
    this.#dictionary = data === undefined ? undefined : convert(data, this.#decoder)
  }

  #readData(packed: Uint8Array, header: PageHeader): void {
    const { data_page_header: v1, data_page_header_v2: v2 } = header
    const count = (v1 ?? v2)?.num_values ?? -1
    if (!isWithin(count, Math.min(maxPageValues, this.#valuesLeft))) throw new Error(`a page of "${this.path}" claims ${count} values where ${this.#valuesLeft} are left`)
    this.#valuesLeft -= count
    if (count === 0) return
    const isBoolean = this.#decoder.type === 'BOOLEAN'
    let page: Uint8Array<ArrayBuffer>
    if (v2 !== undefined) {
      const levels = v2.repetition_levels_byte_length + v2.definition_levels_byte_length
      if (![v2.repetition_levels_byte_length, v2.definition_levels_byte_length, levels].every((bytes) => isWithin(bytes, Math.min(packed.length, header.uncompressed_page_size)))) {
        throw new Error(`a page of "${this.path}" has levels that are longer than it is`)
      }
      const values = decompress(packed.subarray(levels), v2.is_compressed === false ? 'UNCOMPRESSED' : this.#metadata.codec, header.uncompressed_page_size - levels)
      page = new Uint8Array(levels + values.length)
      page.set(packed.subarray(0, levels))
      page.set(values, levels)
      checkPageV2(page, v2, this.#schemaPath, isBoolean)
    } else {
      page = decompress(packed, this.#metadata.codec, header.uncompressed_page_size)
      if (v1 !== undefined) checkPage(page, v1, this.#schemaPath, isBoolean)
    }
    const { data } = this.#decode(page, v2 === undefined ? header : { ...header, data_page_header_v2: { ...v2, is_compressed: false } })
    if (data === undefined || data === this.#rows) return
    for (const value of data) this.#rows.push(value)
  }

  #decode(page: Uint8Array<ArrayBuffer>, header: PageHeader): { data?: DecodedArray } {
    const reader = { view: new DataView(page.buffer), offset: 0 }
    return readPage(reader, { ...header, compressed_page_size: page.length, uncompressed_page_size: page.length }, this.#decoder, this.#dictionary, this.#rows, 0)
  }
}

/** Headers come from the file: a number may be anything, also no number. */
function isWithin(value: number, most: number): boolean {
  return Number.isSafeInteger(value) && value >= 0 && value <= most
}
