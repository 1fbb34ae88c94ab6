/**
 * Entries of a zip file as PyTorch writes them: stored, never packed, so that each is a range of the file's own bytes and
 * nothing can unpack to more than there is. Format: PKWARE's APPNOTE, with its 64-bit records.
 */
import type { FileHandle } from 'node:fs/promises'
import { BadFile } from './bad-file.ts'
import { readBytes } from './tensor.ts'

export interface ZipEntry {
  name: string
  /** first byte of its contents in the file */
  at: number
  bytes: number
  crc32: number
}

const endSignature = 0x06054b50
const end64Signature = 0x06064b50
const locatorSignature = 0x07064b50
const entrySignature = 0x02014b50
const localSignature = 0x04034b50
const endBytes = 22
const longestComment = 65535
const localBytes = 30

/** A model of a hundred billion numbers has a few thousand tensors; each entry is a read. */
const mostEntries = 20_000
const longestDirectory = 8 * 1024 * 1024

/** By name. @throws BadFile for anything that is not a whole zip file of stored entries that lie beside each other */
export async function readZip(file: FileHandle, size: number): Promise<Map<string, ZipEntry>> {
  const { count, at, length } = await findDirectory(file, size)
  if (count > mostEntries || length > longestDirectory) throw new BadFile(`its list of contents says that it has ${count} entries`)
  if (at + length > size) throw new BadFile('its list of contents lies behind its end')
  const directory = await readBytes(file, at, length)
  const entries: ZipEntry[] = []
  let position = 0
  for (let i = 0; i < count; i++) {
    const { entry, next } = directoryEntry(directory, position)
    position = next
    entries.push(await located(file, size, entry))
  }
  refuseOverlaps(entries, at)
  const named = new Map(entries.map((entry) => [entry.name, entry]))
  if (named.size !== entries.length) throw new BadFile('two of its entries have the same name')
  return named
}

async function findDirectory(file: FileHandle, size: number): Promise<{ count: number; at: number; length: number }> {
  const tailLength = Math.min(size, endBytes + longestComment)
  const tail = await readBytes(file, size - tailLength, tailLength)
  for (let i = tail.length - endBytes; i >= 0; i--) {
    if (tail.readUInt32LE(i) !== endSignature || i + endBytes + tail.readUInt16LE(i + 20) !== tail.length) continue
    const found = { count: tail.readUInt16LE(i + 10), length: tail.readUInt32LE(i + 12), at: tail.readUInt32LE(i + 16) }
    const is64 = found.count === 0xffff || found.length === 0xffffffff || found.at === 0xffffffff
    return is64 ? findDirectory64(file, size, size - tail.length + i) : found
  }
  throw new BadFile('it is cut off: it begins like a zip file, but has no list of contents at its end')
}

async function findDirectory64(file: FileHandle, size: number, endAt: number): Promise<{ count: number; at: number; length: number }> {
  if (endAt < 20) throw new BadFile('its list of contents is damaged')
  const locator = await readBytes(file, endAt - 20, 20)
  const at = safe(locator.readBigUInt64LE(8))
  if (locator.readUInt32LE(0) !== locatorSignature || at + 56 > size) throw new BadFile('its list of contents is damaged')
  const end = await readBytes(file, at, 56)
  if (end.readUInt32LE(0) !== end64Signature) throw new BadFile('its list of contents is damaged')
  return { count: safe(end.readBigUInt64LE(32)), length: safe(end.readBigUInt64LE(40)), at: safe(end.readBigUInt64LE(48)) }
}

function directoryEntry(directory: Buffer, at: number): { entry: Omit<ZipEntry, 'at'> & { localAt: number }; next: number } {
  if (at + 46 > directory.length || directory.readUInt32LE(at) !== entrySignature) throw new BadFile('its list of contents is damaged')
  const nameLength = directory.readUInt16LE(at + 28)
  const extraLength = directory.readUInt16LE(at + 30)
  const next = at + 46 + nameLength + extraLength + directory.readUInt16LE(at + 32)
  if (next > directory.length) throw new BadFile('its list of contents is damaged')
  const name = directory.toString('utf8', at + 46, at + 46 + nameLength)
  const method = directory.readUInt16LE(at + 10)
  if ((directory.readUInt16LE(at + 8) & 1) !== 0) throw new BadFile(`${shown(name)} in it is encrypted`)
  if (method !== 0) throw new BadFile(`${shown(name)} in it is packed, which PyTorch never does: save it again with torch.save`)
  const sizes = [directory.readUInt32LE(at + 24), directory.readUInt32LE(at + 20), directory.readUInt32LE(at + 42)]
  const [bytes, packed, localAt] = with64(sizes, directory.subarray(at + 46 + nameLength, at + 46 + nameLength + extraLength)) as [number, number, number]
  if (bytes !== packed) throw new BadFile(`${shown(name)} in it gives two sizes`)
  return { entry: { name, bytes, crc32: directory.readUInt32LE(at + 16), localAt }, next }
}

/** Sizes that do not fit into 32 bits follow in an extra field, in their order. */
function with64(sizes: number[], extra: Buffer): number[] {
  if (!sizes.includes(0xffffffff)) return sizes
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== 1) continue
    let next = at + 4
    return sizes.map((size) => {
      if (size !== 0xffffffff) return size
      if (next + 8 > extra.length) throw new BadFile('its list of contents is damaged')
      next += 8
      return safe(extra.readBigUInt64LE(next - 8))
    })
  }
  throw new BadFile('its list of contents is damaged')
}

/** Its contents begin behind a header of their own, whose length only that header knows. */
async function located(file: FileHandle, size: number, { localAt, ...entry }: Omit<ZipEntry, 'at'> & { localAt: number }): Promise<ZipEntry> {
  if (localAt + localBytes > size) throw new BadFile(`${shown(entry.name)} in it lies behind its end`)
  const header = await readBytes(file, localAt, localBytes)
  if (header.readUInt32LE(0) !== localSignature) throw new BadFile(`${shown(entry.name)} in it is not where its list of contents says`)
  const at = localAt + localBytes + header.readUInt16LE(26) + header.readUInt16LE(28)
  if (at + entry.bytes > size) throw new BadFile(`${shown(entry.name)} in it lies behind its end`)
  return { ...entry, at }
}

function refuseOverlaps(entries: readonly ZipEntry[], directoryAt: number): void {
  let end = 0
  for (const entry of [...entries].sort((a, b) => a.at - b.at)) {
    if (entry.at < end || entry.at + entry.bytes > directoryAt) throw new BadFile(`${shown(entry.name)} in it overlaps another part`)
    end = entry.at + entry.bytes
  }
}

/** What a file says of itself, short enough for a message. */
export function shown(name: string): string {
  return JSON.stringify(name.length <= 80 ? name : `${name.slice(0, 80)}...`)
}

function safe(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new BadFile('its list of contents is damaged')
  return Number(value)
}
