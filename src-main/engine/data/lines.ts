/** Lines of a text file, .gz or not, one at a time: bounded memory whatever the file holds. */
import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'

/** A longer line is passed over: no prompt is that long, and one line must not fill the memory. */
export const maxLineBytes = 16 * 1024 * 1024

export interface Line {
  /** counted from 1 */
  number: number
  /** null where the line cannot be read, and `problem` says why */
  text: string | null
  problem: string | null
}

/** Every line that is not blank. @throws what reading or unpacking throws */
export async function* readLines(file: string, signal?: AbortSignal): AsyncGenerator<Line> {
  const bytes: Readable = createReadStream(file, { highWaterMark: 1 << 18, signal })
  const source = file.endsWith('.gz') ? bytes.pipe(createGunzip()) : bytes
  bytes.on('error', (error) => source.destroy(error))

  let parts: Buffer[] = []
  let length = 0
  let number = 1
  const finish = (): Line | null => {
    const line = length > maxLineBytes ? tooLong(number) : decode(Buffer.concat(parts), number)
    parts = []
    length = 0
    number++
    return line
  }
  for await (const chunk of source as AsyncIterable<Buffer>) {
    let start = 0
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      length += end - start
      if (length <= maxLineBytes) parts.push(chunk.subarray(start, end))
      const line = finish()
      if (line !== null) yield line
      start = end + 1
    }
    length += chunk.length - start
    if (length > maxLineBytes) parts = []
    else parts.push(chunk.subarray(start))
  }
  const last = finish()
  if (last !== null) yield last
}

function decode(bytes: Buffer, number: number): Line | null {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes) // drops a byte order mark
    return text.trim() === '' ? null : { number, text, problem: null }
  } catch {
    return { number, text: null, problem: 'it is not valid UTF-8' }
  }
}

function tooLong(number: number): Line {
  return { number, text: null, problem: `it is longer than ${maxLineBytes / 1024 / 1024} MB` }
}
