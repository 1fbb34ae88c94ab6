/** Brings a project's database to this version's schema: numbered steps, each in its own transaction, never back. */
import type { Database } from 'better-sqlite3'
import { StudioError } from '../../contract/errors.ts'
import { migrate as first } from './migrations/0001-first.ts'
import { migrate as valueFunctionManifest } from './migrations/0002-value-function-manifest.ts'
import { migrate as labellings } from './migrations/0003-labellings.ts'
import { migrate as examples } from './migrations/0004-examples.ts'
import { migrate as preferenceHeads } from './migrations/0005-preference-heads.ts'
import { migrate as ratings } from './migrations/0006-ratings.ts'
import { migrate as measures } from './migrations/0007-measures.ts'
import { migrate as valueFunctionFigures } from './migrations/0008-value-function-figures.ts'
import { migrate as conversations } from './migrations/0009-conversations.ts'

const migrations = [first, valueFunctionManifest, labellings, examples, preferenceHeads, ratings, measures, valueFunctionFigures, conversations]

export const schemaVersion = migrations.length

/** @throws StudioError 'project-newer' when a newer studio wrote the database */
export function refuseNewer(db: Database): void {
  const version = db.pragma('user_version', { simple: true }) as number
  if (version > schemaVersion) {
    throw new StudioError('project-newer', `this project was written by a newer version of the studio (schema ${version}, this one knows ${schemaVersion}); it is unchanged`)
  }
}

/** @param to an earlier version than this one's, for a database that is empty */
export function migrate(db: Database, to = schemaVersion): void {
  refuseNewer(db)
  const version = db.pragma('user_version', { simple: true }) as number
  const foreignKeys = db.pragma('foreign_keys', { simple: true }) as number
  db.pragma('foreign_keys = OFF') // a table that is made anew is dropped, and what refers to its rows must not go with them
  try {
    for (let next = version; next < to; next++) {
      db.transaction(() => {
        migrations[next]?.(db)
        db.pragma(`user_version = ${next + 1}`)
      })()
    }
  } finally {
    db.pragma(`foreign_keys = ${foreignKeys}`)
  }
}
