/** The bytes of a file, unpacked where it is gzip, a piece at a time. */
import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { freeUnpackBytes, maxUnpackRatio } from './limits.ts'
import { BrokenFile } from './row.ts'

const pieceBytes = 1 << 18

/** @throws BrokenFile where the file cannot be read or unpacked any further, AbortError when stopped */
export async function* readBytes(file: string, options: { packed: boolean; signal?: AbortSignal }): AsyncGenerator<Buffer> {
  const bytes = createReadStream(file, { highWaterMark: pieceBytes, signal: options.signal })
  const source: Readable = options.packed ? bytes.pipe(createGunzip({ chunkSize: pieceBytes })) : bytes
  bytes.on('error', (error) => source.destroy(error))
  let unpacked = 0
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      unpacked += chunk.length
      if (unpacked > freeUnpackBytes && unpacked > bytes.bytesRead * maxUnpackRatio) {
        throw new BrokenFile(`it unpacks to more than ${maxUnpackRatio} times its size, which no text does`)
      }
      yield chunk
    }
  } catch (error) {
    if (options.signal?.aborted === true || error instanceof BrokenFile) throw error
    throw new BrokenFile(error instanceof Error ? error.message : String(error), { cause: error })
  } finally {
    source.destroy()
    bytes.destroy()
  }
}
