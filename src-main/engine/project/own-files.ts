/**
 * A project's own files are ordinary files inside its folder. A folder can come from anybody: a link in it could lead
 * reading and writing elsewhere, a pipe could hold the engine up, and a name in its database could point out of it.
 */
import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { StudioError } from '../../contract/errors.ts'

const databases = ['project.db', 'search.db'].flatMap((name) => ['', '-wal', '-shm', '-journal'].map((end) => name + end))
const folders = ['states', 'reports']

/** Before anything in the folder is opened. @throws StudioError 'not-usable', naming what is none of the project's own */
export function refuseForeign(directory: string): void {
  for (const name of [...databases, 'settings.json']) check(join(directory, name), 'file')
  for (const name of folders) {
    const folder = join(directory, name)
    if (!check(folder, 'folder')) continue
    for (const entry of readdirSync(folder, { withFileTypes: true })) if (!entry.isDirectory()) check(join(folder, entry.name), 'file')
  }
}

/** @returns the path of a shard that a row names @throws StudioError 'project-damaged' for anything else than a shard's name */
export function ownShard(statesDirectory: string, shard: string): string {
  if (!/^collection-\d+\.\d{4,}\.f16$/.test(shard)) throw new StudioError('project-damaged', `${JSON.stringify(shard.slice(0, 80))} in the project is not the name of a shard`)
  return join(statesDirectory, shard)
}

/** @returns whether it is there */
function check(path: string, wanted: 'file' | 'folder'): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return false
  if (wanted === 'file' ? found.isFile() : found.isDirectory()) return true
  const what = found.isSymbolicLink() ? 'a link to elsewhere' : `no ordinary ${wanted}`
  throw new StudioError('not-usable', `${path} is ${what}: a project's own files are in its folder; nothing was changed`)
}
