/**
 * Run lengths of levels and dictionary indices ("RLE/bit-packing hybrid"), checked before hyparquet writes them out: a run
 * that claims two thousand million repeats of a value is five bytes long.
 */
import type { Encoding, PageHeader, SchemaTree } from 'hyparquet'
import { getMaxDefinitionLevel, getMaxRepetitionLevel } from 'hyparquet/src/schema.js'

/** @throws Error when a run is longer than the page's values */
export function checkPage(page: Uint8Array, header: NonNullable<PageHeader['data_page_header']>, path: SchemaTree[], isBoolean: boolean): void {
  let at = 0
  for (const level of levels(path)) {
    if (level === 0) continue
    const length = uint32(page, at)
    checkRuns(page, at + 4, at + 4 + length, widthOf(level), header.num_values)
    at += 4 + length
  }
  checkValues(page, at, header.encoding, header.num_values, isBoolean)
}

/** @throws Error when a run is longer than the page's values */
export function checkPageV2(page: Uint8Array, header: NonNullable<PageHeader['data_page_header_v2']>, path: SchemaTree[], isBoolean: boolean): void {
  const lengths = [header.repetition_levels_byte_length, header.definition_levels_byte_length]
  let at = 0
  levels(path).forEach((level, i) => {
    const length = lengths[i] ?? 0
    if (level > 0) checkRuns(page, at, at + length, widthOf(level), header.num_values)
    at += length
  })
  checkValues(page, at, header.encoding, header.num_values, isBoolean)
}

function levels(path: SchemaTree[]): [repetition: number, definition: number] {
  return [path.length > 1 ? getMaxRepetitionLevel(path) : 0, getMaxDefinitionLevel(path)]
}

function checkValues(page: Uint8Array, at: number, encoding: Encoding, count: number, isBoolean: boolean): void {
  if (at >= page.length) return
  if (encoding === 'RLE' && isBoolean) checkRuns(page, at + 4, page.length, 1, count)
  else if (encoding.endsWith('_DICTIONARY') || encoding === 'RLE') {
    const width = page[at] ?? 0
    if (width > 32) throw new Error(`a page has indices of ${width} bits`)
    checkRuns(page, at + 1, page.length, width, count)
  }
}

function checkRuns(page: Uint8Array, start: number, end: number, width: number, count: number): void {
  if (end > page.length) throw new Error('a page has levels that are longer than it is')
  let seen = 0
  let at = start
  while (seen < count && at < end) {
    let head = 0
    for (let shift = 0; ; shift += 7) {
      const part = page[at++]
      if (part === undefined || shift > 28) throw new Error('a page has a run without an end')
      head += (part & 0x7f) * 2 ** shift
      if (part < 0x80) break
    }
    const isPacked = head % 2 === 1
    const length = Math.floor(head / 2)
    // what is bit-packed takes its bytes and cannot claim more than there are, unless a value has no bits
    if (isPacked ? width === 0 && length * 8 > count - seen + 7 : length > count - seen) throw new Error('a page has a run that is longer than the page')
    at += isPacked ? length * width : (width + 7) >> 3
    seen += isPacked ? length * 8 : length
  }
}

function uint32(page: Uint8Array, at: number): number {
  if (at + 4 > page.length) throw new Error('a page ends too early')
  return new DataView(page.buffer, page.byteOffset, page.byteLength).getUint32(at, true)
}

function widthOf(level: number): number {
  return 32 - Math.clz32(level)
}
