import fc from 'fast-check'
import { parquetMetadata, type FileMetaData, type RowGroup } from 'hyparquet'
import { ByteWriter, parquetWriteBuffer } from 'hyparquet-writer'
import { writeMetadata } from 'hyparquet-writer/src/metadata.js'
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { StudioError } from '../../../src-main/contract/errors.ts'
import { checkSchema } from '../../../src-main/engine/data/parquet/footer.ts'
import { endOfStruct } from '../../../src-main/engine/data/parquet/thrift.ts'
import type { Row } from '../../../src-main/engine/data/row.ts'
import { read, rowsOf, temporaryFile } from './files.ts'

type Columns = Parameters<typeof parquetWriteBuffer>[0]['columnData']
type Options = Omit<Parameters<typeof parquetWriteBuffer>[0], 'columnData'>

const compressors = {
  GZIP: (bytes: Uint8Array) => new Uint8Array(gzipSync(bytes)),
  BROTLI: (bytes: Uint8Array) => new Uint8Array(brotliCompressSync(bytes)),
  ZSTD: (bytes: Uint8Array) => new Uint8Array(zstdCompressSync(bytes))
}
const write = (columnData: Columns, options: Options = {}): Buffer => Buffer.from(parquetWriteBuffer({ columnData, compressors, ...options } as Parameters<typeof parquetWriteBuffer>[0]))

/** Messages as Hugging Face's tools write them: a list of structs. */
const conversation = {
  schema: [
    { name: 'root', num_children: 2 },
    { name: 'messages', repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'LIST' },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    { name: 'element', repetition_type: 'OPTIONAL', num_children: 2 },
    { name: 'content', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
    { name: 'role', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
    { name: 'score', type: 'DOUBLE', repetition_type: 'OPTIONAL' }
  ] as Options['schema']
}
const turns = (i: number) => Array.from({ length: i % 4 }, (_, turn) => ({ content: `text ${i} ${turn}`, role: turn % 2 === 0 ? 'user' : 'assistant' }))

function rows(count: number): Row[] {
  return Array.from({ length: count }, (_, i) => ({ messages: i % 7 === 0 ? null : turns(i), score: i % 5 === 0 ? null : i / 2 }))
}
const columnsOf = (list: Row[]): Columns => ['messages', 'score'].map((name) => ({ name, data: list.map((row) => row[name]) })) as Columns

describe('Parquet', () => {
  test.each(['UNCOMPRESSED', 'SNAPPY', 'GZIP', 'BROTLI', 'ZSTD'] as const)('%s: lists of structs and numbers over many pages and row groups', async (codec) => {
    const list = rows(1300)
    const bytes = write(columnsOf(list), { ...conversation, codec, pageSize: 700, rowGroupSize: [600, 1, 100] })
    const { good, lines, bad } = await read('rows.parquet', bytes)
    expect(bad).toEqual([])
    expect(good).toEqual(list)
    expect(lines).toEqual(list.map((_, i) => i + 1))
  })

  test('any rows, any size of pages and row groups', async () => {
    const turn = fc.record({ content: fc.string({ maxLength: 20 }), role: fc.constantFrom('user', 'assistant') })
    const row = fc.record({ messages: fc.option(fc.array(turn, { maxLength: 4 })), score: fc.option(fc.double({ noNaN: true, noDefaultInfinity: true })) })
    await fc.assert(fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 50 }), async (list, pageSize, rowGroupSize) => {
      expect((await read('rows.parquet', write(columnsOf(list), { ...conversation, pageSize, rowGroupSize }))).good).toEqual(list)
    }), { numRuns: 60 })
  })

  test('values become what JSON has', async () => {
    const { good, bad } = await read('rows.parquet', write([
      { name: 'small', data: [1n, 2n], type: 'INT64' },
      { name: 'large', data: [9007199254740993n, -9007199254740993n], type: 'INT64' },
      { name: 'flag', data: [true, false], type: 'BOOLEAN' },
      { name: 'time', data: [new Date(0), new Date(1000)], type: 'TIMESTAMP' },
      { name: 'missing', data: [NaN, 0.5], type: 'DOUBLE' },
      { name: 'text', data: ['ä€💬', ''], type: 'STRING' }
    ] as Columns))
    expect(bad).toEqual([])
    expect(good).toEqual([
      { small: 1, large: '9007199254740993', flag: true, time: '1970-01-01T00:00:00.000Z', missing: null, text: 'ä€💬' },
      { small: 2, large: '-9007199254740993', flag: false, time: '1970-01-01T00:00:01.000Z', missing: 0.5, text: '' }
    ])
  })

  test('bytes that are no text and numbers without an end cost their row', async () => {
    const { lines, bad } = await read('rows.parquet', write([
      { name: 'a', data: [Uint8Array.of(0x61), Uint8Array.of(0xff, 0xfe), Uint8Array.of(0x62)], type: 'BYTE_ARRAY' },
      { name: 'b', data: [1, 2, Infinity], type: 'DOUBLE' }
    ] as Columns))
    expect(lines).toEqual([1])
    expect(bad).toEqual([{ line: 2, reason: 'its "a" is binary or not valid UTF-8' }, { line: 3, reason: 'its "b" is infinite' }])
  })
})

describe('a Parquet file that lies', () => {
  const list = rows(500)
  const honest = write(columnsOf(list), { ...conversation, codec: 'ZSTD', pageSize: 500, rowGroupSize: 250 })

  /** The same data under another footer. */
  function withFooter(change: (metadata: FileMetaData) => void, bytes = honest): Buffer {
    const metadata = parquetMetadata(new Uint8Array(bytes).buffer)
    change(metadata)
    const writer = new ByteWriter()
    writeMetadata(writer, metadata)
    writer.appendBytes(new TextEncoder().encode('PAR1'))
    return Buffer.concat([bytes.subarray(0, bytes.length - 8 - bytes.readUInt32LE(bytes.length - 8)), Buffer.from(writer.getBytes())])
  }
  const group = (metadata: FileMetaData, i: number): RowGroup => metadata.row_groups[i] as RowGroup
  const column = (metadata: FileMetaData) => group(metadata, 0).columns[0]?.meta_data as NonNullable<RowGroup['columns'][0]['meta_data']>

  test('the same footer again is no lie', async () => {
    expect((await read('rows.parquet', withFooter(() => {}))).good).toEqual(list)
  })

  test.each<[string, (metadata: FileMetaData) => void, RegExp]>([
    ['more rows in a row group', (m) => (group(m, 0).num_rows = 1_000_000_000_000n), /has 250 of the row group's 1000000000000 rows/],
    ['a number of rows below zero', (m) => (group(m, 0).num_rows = -5n), /claims -5 rows/],
    ['a column behind the end', (m) => (column(m).data_page_offset = 1n << 40n), /outside of the data/],
    ['a column that is larger than the file', (m) => (column(m).total_compressed_size = 1n << 50n), /outside of the data/],
    ['a column before the beginning', (m) => (column(m).data_page_offset = -100n), /outside of the data/],
    ['a column in the middle of another', (m) => (column(m).data_page_offset += 13n), /./],
    ['another codec', (m) => (column(m).codec = 'GZIP'), /./],
    ['a column that is not there', (m) => void group(m, 0).columns.pop(), /has no column/],
    ['a column in another file', (m) => ((group(m, 0).columns[0] as RowGroup['columns'][0]).file_path = '/etc/passwd'), /another file/]
  ])('%s: its row group is given up, the other is read', async (_what, lie, reason) => {
    const { good, bad } = await read('rows.parquet', withFooter(lie))
    expect(bad[0]?.reason).toMatch(reason)
    expect(good.slice(-250)).toEqual(list.slice(250))
  })

  test('a count of all rows that is another than the row groups\' is told', async () => {
    const { good, bad } = await read('rows.parquet', withFooter((m) => (m.num_rows = 7n)))
    expect(good).toEqual(list)
    expect(bad).toEqual([{ line: 501, reason: 'the file counts 7 rows, but its row groups 500' }])
  })

  const leaf = { name: 'a', type: 'INT32' as const }
  test.each<[string, Parameters<typeof checkSchema>[0], RegExp]>([
    ['a part claims more parts than there are', [{ name: 'root', num_children: 1 }, { name: 'a', num_children: 1_000_000 }, leaf], /"a" .* claims 1000000 parts/],
    ['a part claims fewer than none', [{ name: 'root', num_children: -1 }], /claims -1 parts/],
    ['parts belong to none', [{ name: 'root', num_children: 1 }, leaf, leaf], /belong to none/],
    ['there is no end', [{ name: 'root', num_children: 2 }, { name: 'a', num_children: 1 }, leaf], /ends too early/],
    ['there are a thousand levels', [...Array.from({ length: 1000 }, () => ({ name: 'level', num_children: 1 })), leaf], /nested too deep/]
  ])('a schema in which %s', (_what, schema, reason) => {
    expect(() => checkSchema(schema)).toThrow(reason)
  })

  test.each<[string, (bytes: Buffer) => Buffer]>([
    ['a footer that is longer than the file', (bytes) => (bytes.writeUInt32LE(0xffffffff, bytes.length - 8), bytes)],
    ['a footer of no bytes', (bytes) => (bytes.writeUInt32LE(0, bytes.length - 8), bytes)],
    ['its end is missing', (bytes) => bytes.subarray(0, -100)],
    ['nothing but the magic', () => Buffer.from('PAR1')],
    ['nothing but the magic twice', () => Buffer.from('PAR1\0\0\0\0PAR1')]
  ])('%s: refused', async (_what, lie) => {
    await expect(read('rows.parquet', lie(Buffer.from(honest)))).rejects.toThrow(expect.objectContaining({ code: 'not-usable' }))
  })

  test('any byte changed anywhere: an error with a reason or rows, never anything else', async () => {
    const small = write(columnsOf(list.slice(0, 40)), { ...conversation, codec: 'UNCOMPRESSED', pageSize: 200, rowGroupSize: 15 })
    await fc.assert(fc.asyncProperty(fc.array(fc.tuple(fc.nat(small.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }), async (changes) => {
      const bytes = Buffer.from(small)
      for (const [at, byte] of changes) bytes[at] = byte
      try {
        const { good, bad } = await rowsOf(temporaryFile('rows.parquet', bytes))
        expect(good.length + bad.length).toBeGreaterThan(0)
        for (const { reason } of bad) expect(reason).not.toBe('')
      } catch (error) {
        expect(error).toBeInstanceOf(StudioError)
      }
    }), { numRuns: 600, seed: 4 })
    // regression: a footer with something else where a number should be
    const bytes = Buffer.from(small)
    bytes[2165] = 128
    await expect(read('rows.parquet', bytes)).rejects.toThrow(StudioError)
  })
})

describe('metadata are walked over before they are believed', () => {
  const walk = (...bytes: number[]) => () => endOfStruct(Uint8Array.from(bytes), 0, 1000)

  test.each([
    ['a text that is longer than the bytes', walk(0x18, 0xff, 0xff, 0xff, 0x7f, 0)],
    ['a list that is longer than the bytes', walk(0x19, 0xfc, 0xff, 0xff, 0xff, 0x7f)],
    ['a number without an end', walk(0x15, ...Array.from({ length: 30 }, () => 0xff))],
    ['structs within structs', walk(...Array.from({ length: 200 }, () => 0x1c))],
    ['more values than allowed', walk(0x19, 0xf3, 0xd0, 0x0f, ...Array.from({ length: 2000 }, () => 1), 0)],
    ['no end', walk(0x15, 2)]
  ])('%s', (_what, run) => {
    expect(run).toThrow(/its metadata/)
  })

  test('an honest struct ends where it ends', () => {
    expect(endOfStruct(Uint8Array.of(0x15, 2, 0x18, 1, 0x61, 0, 99), 0, 1000)).toBe(6)
  })
})
