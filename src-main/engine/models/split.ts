/**
 * A model in several files, NAME-00001-of-00003.gguf and so on, as llama.cpp's gguf-split writes it: the first has the
 * metadata, each has some of the tensors and says which part of how many it is (split.no, split.count, from 0). It is
 * named and loaded by its first file; llama.cpp finds the others by their names.
 */
import { basename, dirname, join } from 'node:path'
import { existsSync } from 'node:fs'
import { statOf } from '../files.ts'
import { readGguf, unusable, type GgufHeader } from './gguf-file.ts'

const splitName = /^(.*)-(\d{5})-of-(\d{5})(\.gguf)$/is
/** llama.cpp counts in 16 bits; more files than this are nobody's model. */
const mostParts = 1000

interface PartName {
  stem: string
  /** from 1 */
  number: number
  count: number
  ending: string
}

/** null for the name of a whole model. */
function partName(name: string): PartName | null {
  const [, stem, number, count, ending] = splitName.exec(name) ?? []
  const named = stem === undefined ? null : { stem, number: Number(number), count: Number(count), ending: ending as string }
  return named !== null && named.count > 1 && named.count <= mostParts && named.number >= 1 && named.number <= named.count ? named : null
}

/** The names of all files of the model that this file is of, the first one first; of a whole one its own. Folders stay before them. */
export function partNamesOf(name: string): string[] {
  const part = partName(name)
  if (part === null) return [name]
  const padded = (n: number): string => String(n).padStart(5, '0')
  return Array.from({ length: part.count }, (_, i) => `${part.stem}-${padded(i + 1)}-of-${padded(part.count)}${part.ending}`)
}

/** The files of a model that are there, and the one that was asked for. */
export function partFilesOf(file: string): string[] {
  return partNamesOf(file).filter((part) => part === file || existsSync(part))
}

/** What a model is named by: the first of its files, whichever is given. */
export function firstPartOf(name: string): string {
  return partNamesOf(name)[0] as string
}

/** Bytes of all its files that are there. */
export function modelBytes(file: string): number {
  return partFilesOf(file).reduce((sum, part) => sum + (statOf(part)?.size ?? 0), 0)
}

/** Files that are one model together, as one: in the order of their first ones. */
export function byModel<F>(files: F[], nameOf: (file: F) => string): { name: string; parts: F[]; missing: string[] }[] {
  const models = new Map<string, F[]>()
  for (const file of files) {
    const name = firstPartOf(nameOf(file))
    models.set(name, [...(models.get(name) ?? []), file])
  }
  return [...models].map(([name, parts]) => {
    const there = new Set(parts.map(nameOf))
    return { name, parts, missing: partNamesOf(name).filter((part) => !there.has(part)).map((part) => basename(part)) }
  })
}

/**
 * The header of a model with the tensors of all its files; `bytes` and `parameters` are those of all.
 * @throws StudioError 'not-found' or 'not-usable', which names the file that is missing or does not belong to it
 */
export async function readModelHeader(path: string, purpose: string): Promise<GgufHeader & { parts: number }> {
  const missingFirst = existsSync(path) || !existsSync(dirname(path)) ? null : partNamesOf(path).find((part) => existsSync(part))
  if (missingFirst != null) throw unusable(path, purpose, `its first file, ${basename(path)}, is missing; ${basename(missingFirst)} is there`)
  const first = await readGguf(path, purpose)
  const count = countIn(first)
  if (count <= 1) return { ...first, parts: 1 }
  const { file } = first
  const named = partName(basename(file))
  if (named === null || named.count !== count) throw unusable(file, purpose, `it is one of ${count} files of a model, and its name does not say so: they must be named like ${basename(firstNameLike(file, count))}`)
  if (numberIn(first) !== 0 || named.number !== 1) throw unusable(file, purpose, `it is file ${numberIn(first) + 1} of the ${count} of a model; choose the first, ${basename(firstPartOf(file))}`)
  const others: GgufHeader[] = []
  for (const [i, part] of partNamesOf(file).slice(1).entries()) {
    if (!existsSync(part)) throw unusable(file, purpose, `it is the first of ${count} files, and ${basename(part)} is missing beside it`)
    const header = await readGguf(part, purpose)
    if (countIn(header) !== count || numberIn(header) !== i + 1) throw unusable(file, purpose, `${basename(part)} is not its file ${i + 2} of ${count}`)
    others.push(header)
  }
  const all = [first, ...others]
  const tensors = all.flatMap((one) => one.tensors)
  const stated = Number(first.metadata['split.tensors.count'])
  if (stated !== tensors.length) throw unusable(file, purpose, `its files have ${tensors.length} tensors together, and the first one says ${stated}`)
  if (new Set(tensors.map(({ name }) => name)).size !== tensors.length) throw unusable(file, purpose, 'two of its files have the same tensor')
  const sum = (of: (header: GgufHeader) => number): number => all.reduce((total, header) => total + of(header), 0)
  return { ...first, tensors, bytes: sum(({ bytes }) => bytes), parameters: sum(({ parameters }) => parameters), parts: count }
}

const countIn = ({ metadata }: GgufHeader): number => Number(metadata['split.count'] ?? 1)
const numberIn = ({ metadata }: GgufHeader): number => Number(metadata['split.no'] ?? 0)

function firstNameLike(file: string, count: number): string {
  const stem = basename(file).replace(/(-\d{5}-of-\d{5})?\.gguf$/i, '')
  return join(dirname(file), `${stem}-00001-of-${String(Math.min(count, 99999)).padStart(5, '0')}.gguf`)
}
