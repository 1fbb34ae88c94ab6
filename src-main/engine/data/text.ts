/** Bytes as text, strictly. */
import { isUtf8 } from 'node:buffer'

export const notUtf8 = 'it is not valid UTF-8'

/** Without a byte order mark; null where it is not valid UTF-8. */
export function decode(bytes: Buffer): string | null {
  if (!isUtf8(bytes)) return null
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.toString('utf8', 3) : bytes.toString('utf8')
}
