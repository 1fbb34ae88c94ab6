// Tells whether what a step made is still made from the same things.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { inRoot } from './paths.mjs'

/**
 * A hash of the contents of files and folders (relative to the checkout) and of further facts.
 * Contents, not times: switching branches and back costs no build.
 */
export function fingerprint(sources, facts = []) {
  const hash = createHash('sha256').update(JSON.stringify(facts))
  for (const file of sources.flatMap(filesIn)) {
    hash.update(`\0${file}\0`).update(readFileSync(inRoot(file)))
  }
  return hash.digest('hex')
}

export function stampMatches(stamp, value) {
  return existsSync(inRoot(stamp)) && readFileSync(inRoot(stamp), 'utf8') === value
}

export function writeStamp(stamp, value) {
  writeFileSync(inRoot(stamp), value)
}

function filesIn(source) {
  const entry = statSync(inRoot(source), { throwIfNoEntry: false })
  if (!entry) return []
  if (entry.isFile()) return [source]
  return readdirSync(inRoot(source), { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile())
    .map((file) => path.relative(inRoot(), path.join(file.parentPath ?? file.path, file.name)))
    .sort()
}
