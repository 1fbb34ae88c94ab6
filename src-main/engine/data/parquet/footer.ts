/** The footer of a Parquet file, checked against the file before anything follows it. */
import type { FileHandle } from 'node:fs/promises'
import { parquetMetadata, parquetSchema, type SchemaElement, type SchemaTree } from 'hyparquet'
import { getPhysicalColumns } from 'hyparquet/src/schema.js'
import { z } from 'zod'
import { StudioError } from '../../../contract/errors.ts'
import { maxColumns } from '../limits.ts'
import { maxFooterBytes, maxFooterValues, maxSchemaDepth, maxSchemaElements } from './limits.ts'
import { endOfStruct } from './thrift.ts'

const whole = z.union([z.bigint(), z.number()]).transform(Number).refine(Number.isSafeInteger, 'a number of its footer is none')

/** What is used of hyparquet's metadata. Its types are those of the format, but a footer can put anything anywhere. */
const chunk = z.object({
  path_in_schema: z.array(z.string()),
  codec: z.enum(['UNCOMPRESSED', 'SNAPPY', 'GZIP', 'LZO', 'BROTLI', 'LZ4', 'ZSTD', 'LZ4_RAW']),
  num_values: whole,
  total_compressed_size: whole,
  data_page_offset: whole,
  dictionary_page_offset: whole.optional()
})
const content = z.object({
  num_rows: whole,
  row_groups: z.array(z.object({ num_rows: whole, columns: z.array(z.object({ file_path: z.string().optional(), meta_data: chunk.optional() })) }))
})
export type Chunk = z.infer<typeof chunk>
export type RowGroup = z.infer<typeof content>['row_groups'][number]

const schemaElement = z.object({ name: z.string(), num_children: z.int().optional(), type_length: z.int().min(0).max(1024).optional() })

export interface Footer {
  rows: number
  groups: RowGroup[]
  schema: SchemaTree
  /** paths of the columns that hold values, as "messages.list.element.role" */
  leaves: string[]
  /** where column data end */
  end: number
}

const magicBytes = 4
const tailBytes = 8 // the footer's length and the magic

/** @throws StudioError 'not-usable' */
export async function readFooter(handle: FileHandle, path: string): Promise<Footer> {
  try {
    return await read(handle)
  } catch (error) {
    if (error instanceof StudioError) throw error
    const reason = error instanceof z.ZodError ? 'its footer has something else where numbers and names should be' : error instanceof Error ? error.message : String(error)
    throw new StudioError('not-usable', `${path} is not usable as Parquet: ${reason}`, { cause: error })
  }
}

async function read(handle: FileHandle): Promise<Footer> {
  const { size } = await handle.stat()
  if (size < magicBytes + tailBytes) throw new Error('it is too short')
  const tail = await bytesAt(handle, size - tailBytes, tailBytes)
  const magic = Buffer.from(tail.buffer).toString('latin1', 4)
  if (magic === 'PARE') throw new Error('it is encrypted')
  if (magic !== 'PAR1') throw new Error('it has no footer; it was cut off, or is not whole yet')
  const length = new DataView(tail.buffer).getUint32(0, true)
  const end = size - tailBytes - length
  if (end < magicBytes) throw new Error(`its footer claims ${length} bytes, more than the file has`)
  if (length > maxFooterBytes) throw new Error(`its footer has ${length} bytes; more than ${maxFooterBytes / 1024 / 1024} MB are not read`)
  const footer = await bytesAt(handle, end, length + tailBytes)
  endOfStruct(footer.subarray(0, length), 0, maxFooterValues)
  const metadata = parquetMetadata(footer, { geoparquet: false })
  checkSchema(metadata.schema)
  const { num_rows: rows, row_groups: groups } = content.parse(metadata)
  const schema = parquetSchema(metadata)
  const leaves = getPhysicalColumns(schema)
  if (leaves.length === 0 || leaves.length > maxColumns) throw new Error(`it has ${leaves.length} columns`)
  return { rows, groups, schema, leaves, end }
}

/** Elements lie in the order of a walk through the tree; each says how many children follow. @throws Error */
export function checkSchema(schema: SchemaElement[]): void {
  z.array(schemaElement).parse(schema)
  if (schema.length > maxSchemaElements) throw new Error(`its schema has ${schema.length} elements`)
  const open: number[] = [1]
  schema.forEach((element, i) => {
    if (open.length === 0) throw new Error('its schema has elements that belong to none')
    open[open.length - 1] = (open.at(-1) ?? 0) - 1
    const children = element.num_children ?? 0
    if (children < 0 || children > schema.length - i - 1) throw new Error(`"${element.name}" of its schema claims ${children} parts`)
    if (children > 0) open.push(children)
    if (open.length > maxSchemaDepth) throw new Error('its schema is nested too deep')
    while (open.at(-1) === 0) open.pop()
  })
  if (open.length > 0) throw new Error('its schema ends too early')
}

/** In memory of their own: hyparquet makes views on what it is given. @throws Error when the file has fewer */
export async function bytesAt(handle: FileHandle, offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length)
  let read = 0
  while (read < length) {
    const { bytesRead } = await handle.read(bytes, read, length - read, offset + read)
    if (bytesRead === 0) throw new Error('the file ends too early')
    read += bytesRead
  }
  return bytes
}
