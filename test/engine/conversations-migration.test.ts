/** Migration 0009: turns without a conversation get one each, with their answers, thumbs and words. */
import Database from 'better-sqlite3'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { migrate as m1 } from '../../src-main/engine/project/migrations/0001-first.ts'
import { migrate as m2 } from '../../src-main/engine/project/migrations/0002-value-function-manifest.ts'
import { migrate as m3 } from '../../src-main/engine/project/migrations/0003-labellings.ts'
import { migrate as m4 } from '../../src-main/engine/project/migrations/0004-examples.ts'
import { migrate as m5 } from '../../src-main/engine/project/migrations/0005-preference-heads.ts'
import { migrate as m6 } from '../../src-main/engine/project/migrations/0006-ratings.ts'
import { migrate as m7 } from '../../src-main/engine/project/migrations/0007-measures.ts'
import { migrate as m8 } from '../../src-main/engine/project/migrations/0008-value-function-figures.ts'
import { Project } from '../../src-main/engine/project/project.ts'
import { ownDirectory } from './studio.ts'

const step = { token: 3, text: 'because', valueBefore: null, valueAfter: 0.5, edit: 0.25 }
const end = { finish: 'end', tokensPerSecond: 2, reward: null }

test('every turn of version 8 is a conversation with its answers and thumbs', () => {
  const directory = join(ownDirectory(), 'project')
  mkdirSync(directory)
  const db = new Database(join(directory, 'project.db'))
  for (const migrate of [m1, m2, m3, m4, m5, m6, m7, m8]) migrate(db)
  db.pragma('user_version = 8')
  db.prepare("INSERT INTO project VALUES ('id', 'old', NULL, '2026')").run()
  const add = db.prepare('INSERT INTO turns (id, created, prompt, seed, panes) VALUES (?, ?, ?, ?, ?)')
  const base = { name: 'base', settings: {} }
  const steered = { name: 're-control', settings: { valueFunction: 1, alpha: 2 } }
  add.run(2, '2026-01-02', 'why?\n\nsay', 7, JSON.stringify([{ method: base, text: 'because', steps: [step], end, rating: null }, { method: steered, text: 'no idea', steps: [], end, rating: null }]))
  add.run(5, '2026-01-01', 'x'.repeat(500), 9, JSON.stringify([{ method: base, text: '', steps: [], end: null }])) // the studio had ended
  add.run(6, '2026-01-03', '💬'.repeat(100), 9, '[]')
  db.prepare('INSERT INTO thumbs (turn, pane, value) VALUES (2, 0, 1), (2, 1, -1), (5, 0, 0)').run()
  db.close()

  const project = Project.open(directory)
  onTestFinished(() => project.close())
  const { total, conversations } = project.conversations.page('', 0, 10)
  expect(total).toBe(3)
  expect(conversations.map(({ title, updated, turns }) => [title.length > 70 ? 'long' : title, updated, turns])).toEqual([
    [expect.stringMatching(/^(💬){59}…$/u), '2026-01-03', 1],
    ['why? say', '2026-01-02', 1],
    [`${'x'.repeat(59)}…`, '2026-01-01', 1]
  ].map(([title, ...rest]) => [typeof title === 'string' ? title : 'long', ...rest]))
  expect(project.turns.get(2)).toEqual({
    turn: 2, conversation: 1, parent: null, siblings: [2], created: '2026-01-02', prompt: 'why?\n\nsay', seed: 7, failure: null,
    panes: [{ method: base, text: 'because', steps: [step], end, rating: 1 }, { method: steered, text: 'no idea', steps: [], end, rating: -1 }]
  })
  expect(project.turns.get(5).panes).toEqual([{ method: base, text: '', steps: [], end: null, rating: 0 }])
  expect(project.turns.rated()).toBe(2)
  expect(project.conversations.page('becau', 0, 10).conversations).toMatchObject([{ id: 1, found: { turn: 2, excerpt: 'because' } }])

  // new turns come after the old ones, and what refers to a turn goes with it, and only with it
  const { turn } = project.turns.add({ conversation: null, parent: 2, prompt: 'and?', seed: 1, methods: [base] })
  expect(turn).toBe(7)
  project.turns.rate(7, 0, 1)
  project.conversations.delete(2)
  expect(project.turns.rated()).toBe(3)
  project.conversations.delete(1)
  expect(project.turns.rated()).toBe(0)
  expect(project.conversations.page('', 0, 10)).toMatchObject({ total: 1, conversations: [{ id: 3 }] })
  project.close()
  const after = new Database(join(directory, 'project.db'))
  for (const [table, rows] of [['turns', 1], ['answers', 0], ['thumbs', 0], ['conversations', 1]]) expect(after.prepare(`SELECT count(*) FROM ${table}`).pluck().get(), String(table)).toBe(rows)
  expect(after.pragma('foreign_key_check')).toEqual([])
  expect(after.pragma('integrity_check', { simple: true })).toBe('ok')
  after.close()
})
