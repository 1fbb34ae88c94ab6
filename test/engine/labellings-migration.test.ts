/** Migration 0003: rewards of one setting a source become labellings, which are kept for each choice of settings. */
import Database from 'better-sqlite3'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { collectSettings } from '../../src-main/contract/collect.ts'
import { migrate as first } from '../../src-main/engine/project/migrations/0001-first.ts'
import { migrate as second } from '../../src-main/engine/project/migrations/0002-value-function-manifest.ts'
import { schemaVersion } from '../../src-main/engine/project/migrate.ts'
import { Project } from '../../src-main/engine/project/project.ts'
import { rewardSummaries } from '../../src-main/engine/reward/summary.ts'
import { manifest } from '../fixtures/manifest.ts'
import { ownDirectory } from './studio.ts'

type Reward = [response: number, source: string, settings: string, value: number | null, failure: string | null]

/** A project of version 2 with three responses in collection 1 and two (4, 5) in collection 2. */
function versionTwo(rewards: Reward[]): Project {
  const directory = join(ownDirectory(), 'project')
  mkdirSync(directory)
  const db = new Database(join(directory, 'project.db'))
  first(db)
  second(db)
  db.pragma('user_version = 2')
  db.prepare("INSERT INTO project VALUES ('id', 'old', NULL, '2026')").run()
  db.prepare("INSERT INTO datasets (name, source, format, imported) VALUES ('rows', 'rows.jsonl', 'prompts', '2026')").run()
  const settings = JSON.stringify(collectSettings.parse({ dataset: 1 }))
  for (const responses of [3, 2]) {
    const collection = db.prepare("INSERT INTO collections (dataset, settings, manifest, planned, inputDim, created) VALUES (1, ?, ?, ?, 4, '2026')").run(settings, JSON.stringify(manifest), responses).lastInsertRowid
    for (let i = 0; i < responses; i++) {
      const example = db.prepare("INSERT INTO examples (dataset, line, split, prompt, messages, columns) VALUES (1, ?, 'train', 'why', '[]', '{}')").run(i + 1).lastInsertRowid
      db.prepare("INSERT INTO responses (collection, example, sample, seed, promptText, text, tokens, finish, shard, offset, states, crc32) VALUES (?, ?, 0, 1, '', 'great', x'01000000', 'end', 's', 0, 1, 0)").run(collection, example)
    }
  }
  for (const reward of rewards) db.prepare('INSERT OR REPLACE INTO rewards (response, source, settings, value, failure) VALUES (?, ?, ?, ?, ?)').run(reward)
  db.close()
  const project = Project.open(directory)
  onTestFinished(() => project.close())
  return project
}

const rewardsOf = (project: Project, collection: number, name: string) =>
  project.responses.page(collection, { source: name, order: 'collected', offset: 0, limit: 10 }).responses.map((r) => r.reward ?? r.rewardFailure)

const [a, b] = ['{"column":"a"}', '{"column":"b"}']

test('labels of a version-2 project are those of their sources, failures included', () => {
  const project = versionTwo([
    [1, 'tone', '{}', 0.5, null], [2, 'tone', '{}', null, 'the response has no words'],
    [1, 'column', a, 1, null], [2, 'column', a, 2, null], [3, 'column', a, -3.25, null],
    [4, 'tone', '{}', 4, null]
  ])
  expect(rewardsOf(project, 1, 'tone')).toEqual([0.5, 'the response has no words', null])
  expect(rewardsOf(project, 1, 'column')).toEqual([1, 2, -3.25])
  expect(rewardsOf(project, 2, 'tone')).toEqual([4, null])
  expect(rewardSummaries(project, 1)).toMatchObject([
    { name: 'column', source: 'column', settings: { column: 'a' }, labelled: 3, failed: 0, waiting: 0 },
    { name: 'tone', source: 'tone', settings: {}, labelled: 1, failed: 1, waiting: 1 }
  ])
  expect(project.summary().counts.rewards).toBe(5)
  expect(project.responses.labelledStates(1, 'tone').map((t) => t.reward)).toEqual([0.5])
})

test('where a labelling by other settings was under way, the newest counts and the others are kept', () => {
  // all by a, then two by b, which replaced those rows
  const project = versionTwo([[1, 'column', a, 1, null], [2, 'column', a, 2, null], [3, 'column', a, 3, null], [1, 'column', b, 10, null], [2, 'column', b, null, 'no number']])
  expect(rewardsOf(project, 1, 'column')).toEqual([10, 'no number', null])
  expect(project.rewards.waiting(project.rewards.labelling(1, 'column').id)).toEqual([2, 3])
  const earlier = project.rewards.choose(1, 'column', 'column', { column: 'a' })
  expect(project.rewards.labels(earlier)).toEqual([{ response: 3, value: 3, failure: null }])
  expect(rewardsOf(project, 1, 'column')).toEqual([null, null, 3])
})

test('each collection has its own choice', () => {
  const project = versionTwo([[4, 'column', b, 40, null], [1, 'column', a, 1, null], [5, 'column', a, 50, null]])
  expect(rewardSummaries(project, 1)).toMatchObject([{ settings: { column: 'a' }, labelled: 1 }])
  expect(rewardSummaries(project, 2)).toMatchObject([{ settings: { column: 'a' }, labelled: 1, waiting: 1 }])
  expect(project.rewards.newest()).toMatchObject([{ collection: 2, name: 'column', settings: { column: 'a' } }])
})

test('a project without rewards, and what goes with its collection', () => {
  expect(versionTwo([]).summary().counts).toMatchObject({ rewards: 0, responses: 5 })
  const project = versionTwo([[1, 'tone', '{}', 1, null], [4, 'tone', '{}', 2, null]])
  project.collections.delete(1)
  expect(project.summary().counts).toMatchObject({ collections: 1, rewards: 1 })
  expect(rewardsOf(project, 2, 'tone')).toEqual([2, null])
})

test('the schema of a migrated project is that of a new one', () => {
  const schemaOf = (project: Project): unknown[] => {
    const { directory } = project
    project.close()
    const db = new Database(join(directory, 'project.db'), { readonly: true })
    const rows = db.prepare("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name").all()
    expect(db.pragma('user_version', { simple: true })).toBe(schemaVersion)
    expect(db.pragma('foreign_key_check')).toEqual([])
    db.close()
    return rows
  }
  expect(schemaOf(versionTwo([[1, 'tone', '{}', 1, null]]))).toEqual(schemaOf(Project.create(join(ownDirectory(), 'new'), null)))
})
