/** Unpacks a page, never to more than its header says. */
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib'
import { snappyUncompress, type CompressionCodec } from 'hyparquet'
import { decompressLz4, decompressLz4Raw } from 'hyparquet-compressors'

/** @throws Error when the bytes are not `length` bytes packed */
export function decompress(bytes: Uint8Array, codec: CompressionCodec, length: number): Uint8Array<ArrayBuffer> {
  const page = unpacked(bytes, codec, length)
  if (page.length !== length) throw new Error(`a page has ${page.length} bytes and not the ${length} of its header`)
  // in memory of its own, so that a view that reaches too far fails
  return page.buffer instanceof ArrayBuffer && page.buffer.byteLength === length ? (page as Uint8Array<ArrayBuffer>) : new Uint8Array(page)
}

function unpacked(bytes: Uint8Array, codec: CompressionCodec, length: number): Uint8Array {
  if (length === 0) return new Uint8Array(0)
  switch (codec) {
    case 'UNCOMPRESSED':
      return bytes
    case 'SNAPPY': {
      const page = new Uint8Array(length)
      snappyUncompress(bytes, page)
      return page
    }
    case 'GZIP':
      return gunzipSync(bytes, { maxOutputLength: length })
    case 'BROTLI':
      return brotliDecompressSync(bytes, { maxOutputLength: length })
    case 'ZSTD':
      return zstdDecompressSync(bytes, { maxOutputLength: length })
    case 'LZ4':
      return decompressLz4(bytes, length)
    case 'LZ4_RAW':
      return decompressLz4Raw(bytes, length)
    case 'LZO':
      throw new Error('it is packed with LZO, which nothing here can unpack')
  }
}
