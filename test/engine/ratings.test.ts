/** Ratings by people and thumbs in the chat: kept, taken back, and good for rewards and data sets. */
import Database from 'better-sqlite3'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import type { ChatPane } from '../../src-main/contract/chat.ts'
import { collectSettings } from '../../src-main/contract/collect.ts'
import type { RatingValue } from '../../src-main/contract/rating.ts'
import { methods } from '../../src-main/contract/methods.ts'
import { migrate, schemaVersion } from '../../src-main/engine/project/migrate.ts'
import { Project } from '../../src-main/engine/project/project.ts'
import { datasetOfThumbs } from '../../src-main/engine/control/thumbs.ts'
import { people } from '../../src-main/engine/reward/people.ts'
import { nextTask, rate, ratingSummary } from '../../src-main/engine/reward/rating/rate.ts'
import { sourceNamed } from '../../src-main/engine/reward/sources.ts'
import type { ToScore, Verdict } from '../../src-main/engine/reward/source.ts'
import { manifest } from '../fixtures/manifest.ts'
import { ownDirectory } from './studio.ts'

const prompts = 12
const samples = 3
let project: Project
let collection = 0
/** id of each response, by prompt and sample */
let ids: number[][] = []

beforeEach(() => {
  project = Project.create(join(ownDirectory(), 'project'), null)
  onTestFinished(() => project.close())
  const dataset = project.datasets.create('rows', 'rows.jsonl', 'prompts')
  project.datasets.add(dataset, Array.from({ length: prompts }, (_, i) => ({ line: i + 1, split: 'train', prompt: `prompt ${i}`, messages: [], chosen: null, rejected: null, columns: {} })), [])
  collection = project.collections.create(collectSettings.parse({ dataset, samples }), manifest, prompts * samples, 4)
  ids = project.datasets.tasks(dataset, null, null).map((task) =>
    Array.from({ length: samples }, (_, sample) =>
      project.responses.add({
        collection, example: task.id, sample, seed: sample, promptText: task.prompt, text: `answer ${sample} to ${task.prompt}`, tokens: Int32Array.of(1), finish: 'end',
        shard: 'collection-1.0000.f16', offset: 0, states: 1, crc32: 0
      })
    )
  )
})

const place = (mode: 'single' | 'pair', rater = 'ada') => ({ collection, mode, rater })

async function rewards(): Promise<Map<number, Verdict>> {
  const verdicts = new Map<number, Verdict>()
  const scorer = await people.open({}, { project, models: undefined as never, secrets: undefined as never, asked: undefined as never, sourceNamed, signal: new AbortController().signal })
  const items = ids.flat().map((response): ToScore => ({ response, prompt: '', messages: [], text: '', columns: {} }))
  await scorer.score(items, ({ response }, verdict) => void verdicts.set(response as number, verdict))
  scorer.close()
  return verdicts
}

test('one goes through a collection with one key at a time; what was said is kept, and can be taken back', () => {
  let rated = 0
  const planned = ratingSummary(project, place('single')).left
  expect(planned).toBe(prompts * samples + 3) // of 39, the tenth, twentieth and thirtieth come again
  for (let task = nextTask(project, place('single')); task !== null; task = nextTask(project, place('single'))) {
    expect(task.responses).toHaveLength(1)
    expect(task.responses[0]!.text).toContain(task.prompt)
    rate(project, { responses: [task.responses[0]!.id], value: task.responses[0]!.text.startsWith('answer 0') ? 1 : -1, rater: 'ada' })
    expect(ratingSummary(project, place('single'))).toMatchObject({ singles: ++rated, pairs: 0, own: rated, left: planned - rated })
  }
  expect(rated).toBe(planned)
  expect(ratingSummary(project, place('single'))).toMatchObject({ self: { compared: 3, agreed: 1 }, others: { compared: 0, kappa: null }, raters: ['ada'] })

  const before = nextTask(project, place('single', 'bo'))
  const { rating } = rate(project, { responses: [before!.responses[0]!.id], value: 1, rater: 'bo' })
  expect(nextTask(project, place('single', 'bo'))).not.toEqual(before)
  project.ratings.delete(rating)
  expect(nextTask(project, place('single', 'bo'))).toEqual(before)
  expect(() => project.ratings.delete(rating)).toThrow(/no rating/)
})

test('two raters meet in the same responses, and their agreement is told', () => {
  const say: Record<string, RatingValue[]> = { ada: [1, 1, -1, 0], bo: [1, -1, -1, 0] }
  for (const [rater, values] of Object.entries(say)) {
    for (const value of values) {
      const task = nextTask(project, place('pair', rater))
      const [first, second] = task!.responses.map(({ id }) => id) as [number, number]
      // as they judge, whatever place it was given
      rate(project, { responses: [first, second], value: (first < second ? value : 0 - value) as RatingValue, rater })
    }
  }
  const { others, pairs, singles, raters } = ratingSummary(project, place('pair'))
  expect({ pairs, singles, raters }).toEqual({ pairs: 8, singles: 0, raters: ['ada', 'bo'] })
  // margins of ada: 2, 1, 1 of 4; of bo: 1, 1, 2
  expect(others).toEqual({ compared: 4, agreed: 0.75, kappa: (0.75 - (2 * 1 + 1 * 1 + 1 * 2) / 16) / (1 - (2 * 1 + 1 * 1 + 1 * 2) / 16) })
})

test('only samples of one prompt can be compared', () => {
  const [a, b] = [ids[0]![0]!, ids[1]![0]!]
  expect(() => rate(project, { responses: [a, b], value: 1, rater: 'ada' })).toThrow(/not samples of one prompt/)
  expect(() => rate(project, { responses: [a, a], value: 1, rater: 'ada' })).toThrow(/with itself/)
  expect(() => rate(project, { responses: [99999], value: 1, rater: 'ada' })).toThrow(/no response 99999/)
  expect(methods['people.rate'].input.safeParse({ responses: [a], value: 2, rater: 'ada' }).success).toBe(false)
  expect(methods['people.rate'].input.safeParse({ responses: [a], value: 1, rater: '' }).success).toBe(false)
  expect(ratingSummary(project, place('pair')).pairs).toBe(0)
})

test('as rewards: single ratings and pairs speak of the same strengths, and what nobody rated has none', async () => {
  const [winner, loser, other] = ids[0] as [number, number, number]
  const lone = ids[1]![0]!
  rate(project, { responses: [winner, loser], value: 1, rater: 'ada' })
  rate(project, { responses: [other], value: -1, rater: 'ada' })
  for (const value of [1, 1, -1] as const) rate(project, { responses: [lone], value, rater: `rater ${value}` })
  const found = await rewards()
  const value = (id: number): number => (found.get(id) as { value: number }).value
  expect(value(winner)).toBeCloseTo(-value(loser), 9)
  expect(value(winner)).toBeGreaterThan(0.2)
  expect(value(other)).toBeCloseTo(-1 / 2, 9)
  expect(value(lone)).toBeCloseTo(0, 9) // one who said it twice counts once
  expect(found.get(ids[2]![0]!)).toEqual({ failure: 'nobody has rated it' })
  expect([...found.values()].filter((verdict) => 'failure' in verdict)).toHaveLength(prompts * samples - 4)

  rate(project, { responses: [loser], value: 1, rater: 'bo' })
  rate(project, { responses: [loser], value: 1, rater: 'cy' })
  const after = await rewards()
  expect((after.get(loser) as { value: number }).value).toBeGreaterThan(value(loser))
  expect((after.get(winner) as { value: number }).value).toBeGreaterThan(value(winner)) // to beat a good one says more
})

const answer = (text: string, name = 'base'): ChatPane => ({ method: { name, settings: {} }, text, steps: [], end: { finish: 'end', tokensPerSecond: 1, reward: null }, rating: null })

function addTurn(prompt: string, texts: string[]): number {
  const panes = texts.map((text, i) => answer(text, i === 0 ? 'base' : 're-control'))
  const { turn } = project.turns.add({ conversation: null, parent: null, prompt, seed: 7, methods: panes.map(({ method }) => method) })
  project.turns.finish(turn, panes, null)
  return turn
}

test('thumbs stay with their answers after a restart, change, and are taken back', () => {
  const turn = addTurn('why?', ['because', 'no idea'])
  project.turns.rate(turn, 0, 1)
  project.turns.rate(turn, 1, 1)
  project.turns.rate(turn, 1, -1)
  const { directory } = project
  project.close()
  project = Project.open(directory)
  expect(project.turns.get(turn).panes.map(({ rating }) => rating)).toEqual([1, -1])
  expect(project.turns.rated()).toBe(2)
  project.turns.rate(turn, 0, null)
  expect(project.turns.get(turn).panes.map(({ rating }) => rating)).toEqual([null, -1])
  expect(() => project.turns.rate(turn, 2, 1)).toThrow(/no answer 3/)
  expect(() => project.turns.rate(turn + 1, 0, 1)).toThrow(/not in|no answer/)
})

test('a thumb that is given while another pane still answers is not lost when the turn ends', () => {
  const { turn } = project.turns.add({ conversation: null, parent: null, prompt: 'why?', seed: 1, methods: [{ name: 'base', settings: {} }, { name: 'base', settings: {} }] })
  project.turns.rate(turn, 0, 1)
  project.turns.finish(turn, [answer('a'), answer('b')], null)
  expect(project.turns.get(turn).panes.map(({ rating }) => rating)).toEqual([1, null])
})

test('the answers with thumbs are a data set of pairs and lone answers', () => {
  expect(() => datasetOfThumbs(project)).toThrow(/no answer of the chat has a thumb/)
  const rated = (prompt: string, texts: string[], thumbs: (RatingValue | null)[]): void => {
    const turn = addTurn(prompt, texts)
    thumbs.forEach((value, pane) => value !== null && project.turns.rate(turn, pane, value))
  }
  rated('a pair', ['good', 'bad'], [1, -1])
  rated('the other way round', ['bad', 'good'], [-1, 1])
  rated('liked', ['good', 'so so'], [1, 0])
  rated('disliked', ['so so', 'bad'], [null, -1])
  rated('nothing said', ['x', 'y'], [null, null])
  rated('two and one', ['good', 'better', 'bad'], [1, 1, -1])
  const dataset = datasetOfThumbs(project)
  expect(dataset).toMatchObject({ name: expect.stringMatching(/^Chat feedback \d{4}-\d\d-\d\d \d\d:\d\d$/), examples: 6 })
  const tasks = project.datasets.tasks(dataset.id, null, null)
  expect(tasks.map(({ prompt, chosen, rejected }) => [prompt, chosen, rejected])).toEqual([
    ['a pair', 'good', 'bad'],
    ['the other way round', 'good', 'bad'],
    ['liked', 'good', null],
    ['disliked', null, 'bad'],
    ['two and one', 'good', 'bad'],
    ['two and one', 'better', null]
  ])
  expect(tasks[1]).toMatchObject({ messages: [{ role: 'user', content: 'the other way round' }], columns: { chosenBy: 're-control', rejectedBy: 'base', seed: 7 } })
  expect(datasetOfThumbs(project).id).not.toBe(dataset.id) // a new one each time
})

test('ratings go with their responses, and the schema refuses what is none', () => {
  rate(project, { responses: [ids[0]![0]!, ids[0]![1]!], value: 1, rater: 'ada' })
  const { directory } = project
  project.collections.delete(collection)
  project.close()
  const db = new Database(join(directory, 'project.db'))
  expect(db.prepare('SELECT count(*) FROM ratings').pluck().get()).toBe(0)
  expect(() => db.exec("INSERT INTO ratings (rater, first, second, value, created) VALUES ('a', 1, 1, 1, '')")).toThrow(/CHECK/)
  expect(() => db.exec("INSERT INTO ratings (rater, first, value, created) VALUES ('a', 1, 2, '')")).toThrow(/CHECK/)
  migrate(db)
  expect(db.pragma('user_version', { simple: true })).toBe(schemaVersion)
  db.close()
  project = Project.open(directory)
})
