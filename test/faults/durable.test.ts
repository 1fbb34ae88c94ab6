/** Every database that the studio opens, as SQLite itself says how it is written. */
import Database from 'better-sqlite3'
import { basename, join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { exampleFilter } from '../../src-main/contract/data.ts'
import { lockDownloads } from '../../src-main/engine/models/downloads/lock.ts'
import { Project } from '../../src-main/engine/project/project.ts'
import { ownDirectory } from '../engine/studio.ts'

const off = 0
const normal = 1
const full = 2

test('what holds a person\'s work is on the disk at every commit; what can be made again is not waited for', async () => {
  const opened = new Map<string, Database.Database>()
  const told = vi.spyOn(Database.prototype, 'pragma')
  try {
    const directory = join(ownDirectory(), 'project')
    Project.create(directory, null).close()
    const project = Project.open(directory)
    const dataset = project.datasets.create('rows', 'rows.jsonl', 'prompts')
    project.datasets.add(dataset, [{ line: 1, split: 'train', prompt: 'one', messages: [], chosen: null, rejected: null, columns: {} }], [])
    expect((await project.examples.page({ dataset, filter: exampleFilter.parse({ search: 'one' }), order: 'line' }, 0, 1)).total).toBe(1)
    const lock = lockDownloads(join(directory, '..', 'cache'))
    for (const db of told.mock.contexts as unknown as Database.Database[]) if (db.open) opened.set(basename(db.name), db)
    const facts = Object.fromEntries(
      [...opened].map(([name, db]) => [name, Object.fromEntries(['journal_mode', 'synchronous', 'locking_mode', 'foreign_keys'].map((pragma) => [pragma, db.pragma(pragma, { simple: true })]))])
    )
    expect(facts).toEqual({
      'project.db': { journal_mode: 'wal', synchronous: full, locking_mode: 'exclusive', foreign_keys: 1 },
      'search.db': expect.objectContaining({ journal_mode: 'wal', synchronous: normal, locking_mode: 'exclusive' }) as unknown,
      'downloads.lock': expect.objectContaining({ locking_mode: 'exclusive' }) as unknown // holds nothing
    })
    expect(Object.values(facts).map(({ synchronous }) => synchronous)).not.toContain(off)
    lock.release()
    project.close()
  } finally {
    told.mockRestore()
  }
})
