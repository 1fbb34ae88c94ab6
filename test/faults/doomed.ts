/**
 * A process of its own that works on a project and is killed, as by the kernel, before its n-th write: a statement that
 * changes the database (each transaction's begin and commit included), an fsync, a write to a file or a rename.
 * So a moment is found again by its number, on any machine. Its one argument is JSON of `Doom`.
 */
import Database from 'better-sqlite3'
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'

export interface Doom {
  directory: string
  cacheDirectory: string
  dataDirectory: string
  root: string
  /** before which write it is killed; null: never */
  killAt: number | null
  act: { job: string; settings: unknown } | { backUp: true } | { restore: string } | { open: true }
}

/** What it says at its end, as one line of JSON. */
export interface Survived {
  writes: number
  state: string
  message: string | null
}

const doom = JSON.parse(process.argv[2] ?? '') as Doom
let writes = 0
const write = (): void => {
  if (++writes === doom.killAt) process.kill(process.pid, 'SIGKILL')
}
const before = <A extends unknown[], R>(call: (...args: A) => R) =>
  function (this: unknown, ...args: A): R {
    write()
    return call.apply(this, args)
  }

const statement = Object.getPrototypeOf(new Database(':memory:').prepare('SELECT 1')) as Database.Statement
statement.run = before(statement.run)
Database.prototype.exec = before(Database.prototype.exec)
fs.fsyncSync = before(fs.fsyncSync)
fs.writeSync = before(fs.writeSync as () => number) as typeof fs.writeSync
fs.renameSync = before(fs.renameSync)
fs.linkSync = before(fs.linkSync)
fs.rename = Object.assign(before(fs.rename), { __promisify__: fs.promises.rename })
fs.promises.rename = before(fs.promises.rename)
syncBuiltinESMExports()

// only now, so that what they import is what is above
const { Engine } = await import('../../src-main/engine/engine.ts')
const { forkHost } = await import('../../src-main/engine/models/fork-host.ts')
const { Project } = await import('../../src-main/engine/project/project.ts')
const { restoreBackup } = await import('../../src-main/engine/project/backups.ts')

const { directory, cacheDirectory, dataDirectory, root, act } = doom
const engine = new Engine({ cacheDirectory, dataDirectory, resourcesDirectory: join(root, 'resources'), launchHost: () => forkHost(join(root, 'out', 'main', 'model-host.js')), tell: () => {} })
let survived: Survived = { writes: 0, state: 'done', message: null }
if ('restore' in act) restoreBackup(directory, act.restore)
const project = await engine.open(() => Project.open(directory))
if ('backUp' in act) project.backUp()
if ('job' in act) {
  const kind = act.job as Parameters<typeof engine.jobs.start>[0]
  const [unfinished] = project.jobs.unfinished(kind)
  // killed behind the job's end: then there is nothing to do
  const done = project.jobs.list(50).find((job) => job.kind === kind && job.state === 'done' && JSON.stringify(job.settings) === JSON.stringify(act.settings))
  const { id } = unfinished !== undefined ? engine.jobs.resume(unfinished.id) : (done ?? engine.jobs.start(kind, act.settings))
  const { state, failure } = await engine.jobs.finished(id)
  survived = { writes: 0, state, message: failure?.message ?? null }
}
await engine.close()
process.stdout.write(`${JSON.stringify({ ...survived, writes })}\n`, () => process.exit())
