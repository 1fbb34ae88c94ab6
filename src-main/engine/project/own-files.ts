/**
 * A project's own files are ordinary files inside its folder. A folder can come from anybody: a link in it could lead
 * reading and writing elsewhere, a pipe could hold the engine up, and a name in its database could point out of it. What
 * is written in place must have no second name either: another user of a shared folder can make one of somebody's file,
 * and a snapshot that shares its files with others would be changed in all of them.
 */
import { lstatSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { StudioError } from '../../contract/errors.ts'

const databases = ['project.db', 'search.db'].flatMap((name) => ['', '-wal', '-shm', '-journal'].map((end) => name + end))
const folders = ['states', 'reports', 'backups']

/** Before anything in the folder is opened. @throws StudioError 'not-usable', naming what is none of the project's own */
export function refuseForeign(directory: string): void {
  finishSettingAside(directory)
  for (const name of [...databases, 'settings.json']) check(join(directory, name), 'file', databases.includes(name))
  for (const name of folders) {
    const folder = join(directory, name)
    if (!check(folder, 'folder')) continue
    for (const entry of readdirSync(folder, { withFileTypes: true })) if (!entry.isDirectory()) check(join(folder, entry.name), 'file', name === 'states')
  }
}

/** @returns the path of a shard that a row names @throws StudioError 'project-damaged' for anything else than a shard's name */
export function ownShard(statesDirectory: string, shard: string): string {
  if (!/^collection-\d+\.\d{4,}\.f16$/.test(shard)) throw new StudioError('project-damaged', `${JSON.stringify(shard.slice(0, 80))} in the project is not the name of a shard`)
  return join(statesDirectory, shard)
}

/** A restore that was killed has given project.db its second name, and nothing has its place yet. */
function finishSettingAside(directory: string): void {
  const file = lstatSync(join(directory, 'project.db'), { throwIfNoEntry: false, bigint: true })
  if (file === undefined || !file.isFile() || file.nlink < 2n) return
  for (const name of readdirSync(directory)) {
    if (!/^project\.set-aside-.*\.db$/.test(name)) continue
    const aside = lstatSync(join(directory, name), { bigint: true })
    if (aside.ino === file.ino && aside.dev === file.dev) rmSync(join(directory, name))
  }
}

/** @param inPlace whether it is written in place @returns whether it is there */
function check(path: string, wanted: 'file' | 'folder', inPlace = false): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return false
  if (inPlace && found.isFile() && found.nlink > 1) {
    throw new StudioError('not-usable', `${path} has a second name elsewhere (a hard link), and what is written to it would change there too; nothing was changed. A copy of the folder has files of its own`)
  }
  if (wanted === 'file' ? found.isFile() : found.isDirectory()) return true
  const what = found.isSymbolicLink() ? 'a link to elsewhere' : `no ordinary ${wanted}`
  throw new StudioError('not-usable', `${path} is ${what}: a project's own files are in its folder; nothing was changed`)
}
