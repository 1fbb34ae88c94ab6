/** A deterministic collection: the same tokens and the same bits of every state, however it came about. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { collectSettings } from '../../src-main/contract/collect.ts'
import { drawn, openStudio, scoredPrompts, type Studio } from './studio.ts'

let studio: Studio
let dataset = 0
beforeAll(async () => {
  studio = await openStudio()
  dataset = await studio.importRows(scoredPrompts(10))
})
afterAll(() => studio.close())

const settings = (parallel: number) => collectSettings.parse({ dataset, samples: 4, maxTokens: 40, parallel, deterministic: true, seed: 4, sampling: drawn })

/** Tokens and the states' bytes of every response, by example and sample. */
function bitsOf(db: Database.Database, collection: number | null): Record<string, string> {
  const rows = db.prepare('SELECT example, sample, hex(tokens) AS tokens, shard, offset, states FROM responses WHERE collection = ? ORDER BY example, sample').all(collection) as {
    example: number; sample: number; tokens: string; shard: string; offset: number; states: number
  }[]
  return Object.fromEntries(
    rows.map(({ example, sample, tokens, shard, offset, states }) => {
      const bytes = readFileSync(join(studio.project.statesDirectory, shard)).subarray(offset, offset + states * 64 * 2)
      return [`${example}/${sample}`, `${tokens} ${bytes.toString('hex')}`]
    })
  )
}

test('one at a time, sixteen at once, paused, and through the death of the model host', async () => {
  const one = await studio.run('collect', settings(1))
  expect(studio.project.collections.get(one.subject as number).settings.deterministic).toBe(true)
  const many = await studio.run('collect', settings(16))

  let seen = 0
  let resumed = false
  let paused = Promise.resolve()
  studio.on('collect.sample', () => {
    seen++
    if (!resumed && seen === 2) paused = studio.engine.jobs.pause(id).then(() => {})
    if (resumed && seen === 3) studio.killHost()
  })
  const { id } = studio.engine.jobs.start('collect', settings(16))
  await studio.engine.jobs.finished(id)
  await paused
  expect(studio.project.jobs.get(id).state).toBe('paused')
  resumed = true
  seen = 0
  studio.engine.jobs.resume(id)
  const last = await studio.engine.jobs.finished(id)
  expect(last).toMatchObject({ state: 'done' })
  expect(studio.hosts()).toBe(2)

  await studio.engine.close() // it has the database for itself
  const db = new Database(join(studio.project.directory, 'project.db'), { readonly: true })
  const expected = bitsOf(db, one.subject)
  expect(Object.keys(expected).length).toBe(40)
  expect(bitsOf(db, many.subject)).toEqual(expected)
  expect(bitsOf(db, last.subject)).toEqual(expected)
  db.close()
})
