/** Migration 0007: responses of an evaluation get a seed, a measure can be kept of each, and older tables stay readable. */
import Database from 'better-sqlite3'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { evaluateSettings } from '../../src-main/contract/evaluate.ts'
import { migrate as m1 } from '../../src-main/engine/project/migrations/0001-first.ts'
import { migrate as m2 } from '../../src-main/engine/project/migrations/0002-value-function-manifest.ts'
import { migrate as m3 } from '../../src-main/engine/project/migrations/0003-labellings.ts'
import { migrate as m4 } from '../../src-main/engine/project/migrations/0004-examples.ts'
import { migrate as m5 } from '../../src-main/engine/project/migrations/0005-preference-heads.ts'
import { migrate as m6 } from '../../src-main/engine/project/migrations/0006-ratings.ts'
import { Project } from '../../src-main/engine/project/project.ts'
import { manifest } from '../fixtures/manifest.ts'
import { ownDirectory } from './studio.ts'

/** A project of version 6 with one finished evaluation of two methods on two prompts. */
function versionSix(): Project {
  const directory = join(ownDirectory(), 'project')
  mkdirSync(directory)
  const db = new Database(join(directory, 'project.db'))
  for (const migrate of [m1, m2, m3, m4, m5, m6]) migrate(db)
  db.pragma('user_version = 6')
  db.prepare("INSERT INTO project VALUES ('id', 'old', NULL, '2026')").run()
  db.prepare("INSERT INTO datasets (name, source, format, imported) VALUES ('rows', 'rows.jsonl', 'prompts', '2026')").run()
  for (const [line, chosen] of [[1, 'yes'], [2, null]]) db.prepare("INSERT INTO examples (dataset, line, split, length, prompt, chosen, columns) VALUES (1, ?, 'held-out', 3, 'why', ?, '{}')").run(line, chosen)
  const settings = { dataset: 1, split: 'held-out', limit: null, methods: [{ name: 'base', settings: {} }, { name: 'best-of-n', settings: { candidates: 2, reward: 'tone' } }], source: 'tone', sourceSettings: null, maxTokens: 8, parallel: 1, deterministic: false, seed: 1, sampling: { temperature: 0, topK: 1, topP: 1, minP: 0 } }
  const row = (name: string, secondsPerToken: number) => ({ name, settings: {}, responses: 2, unlabelled: 1, reward: { mean: 1, low: 1, high: 1 }, diversity: null, coherence: null, secondsPerToken, edit: null })
  const table = { methods: [row('base', 0.5), row('best-of-n', 1)], paired: [{ a: 'base', b: 'best-of-n', prompts: 1, difference: 0, low: 0, high: 0 }] }
  db.prepare("INSERT INTO evaluations (dataset, settings, manifest, created, timings, result, report) VALUES (1, ?, ?, '2026', '[[2,1],[2,2]]', ?, 'r.html')").run(JSON.stringify(settings), JSON.stringify(manifest), JSON.stringify(table))
  // as an older version left them: method by method
  for (const method of [1, 0]) for (const example of [2, 1]) db.prepare('INSERT INTO evaluationResponses VALUES (1, ?, ?, ?, 2, NULL, ?, ?)').run(method, example, `answer ${method} to ${example}`, example === 1 ? method : null, example === 1 ? null : 'no words')
  db.close()
  const project = Project.open(directory)
  onTestFinished(() => project.close())
  return project
}

test('responses of a version-6 project are of seed 0, with nothing lost', () => {
  const { evaluations } = versionSix()
  expect(evaluations.responses(1)).toEqual([1, 2].flatMap((example) => [0, 1].map((method) => ({
    example, method, seed: 0, text: `answer ${method} to ${example}`, tokens: 2, edit: null, reward: example === 1 ? method : null, failure: example === 1 ? null : 'no words'
  }))))
  expect(evaluations.tokenIds(1, { example: 1, method: 0, seed: 0 })).toBeNull()
  expect(evaluations.sideBySide(1, [1])).toMatchObject([{ prompt: 'why', preferred: 'yes', byMethod: [{ label: 'base', seed: 0, reward: 0, measures: {} }, { label: 'best-of-n' }] }])
})

test('its table has labels and ratios, and its settings the usual new ones', () => {
  const { table, settings } = versionSix().evaluations.get(1)
  expect(table).toMatchObject({ methods: [{ label: 'base', timeRatio: 1, measures: {} }, { label: 'best-of-n', timeRatio: 2 }], alarms: [], remarks: [] })
  expect(settings).toMatchObject({ seeds: 1, metrics: [], sweep: null, halving: null, further: [] })
})

test('measures go with their responses, and those with their evaluation', () => {
  const project = versionSix()
  const { evaluations } = project
  const place = { example: 1, method: 0, seed: 0 }
  evaluations.addMeasures(1, [{ ...place, metric: 'm', value: 2, failure: null }, { ...place, metric: 'n', value: null, failure: 'no' }])
  evaluations.setRewards(1, [{ ...place, value: 5, failure: null }]) // a reward that comes later takes no measure away
  evaluations.addResponse(1, { ...evaluations.responses(1)[0]!, tokenIds: Int32Array.of(7, -1) })
  expect(evaluations.measures(1, ['m', 'n']).map(({ value, failure }) => value ?? failure)).toEqual([2, 'no'])
  expect(evaluations.tokenIds(1, place)).toEqual(Int32Array.of(7, -1))
  expect(() => evaluations.addMeasures(1, [{ ...place, metric: 'o', value: null, failure: null }])).toThrow('CHECK')
  expect(() => evaluations.addMeasures(1, [{ ...place, seed: 3, metric: 'm', value: 1, failure: null }])).toThrow('FOREIGN KEY')
  evaluations.extend(1, evaluateSettings.parse({ ...evaluations.get(1).settings, seeds: 2, metrics: [{ name: 'length' }] }))
  evaluations.revert(1, evaluations.extendedFrom(1)!, ['m'])
  expect(evaluations.measures(1, ['m', 'n'])).toHaveLength(1)
  expect(evaluations.get(1).settings).toMatchObject({ seeds: 1, metrics: [] })
  evaluations.delete(1)
  expect(evaluations.measures(1, ['m'])).toEqual([])
})
