/** The whole pipeline from one settings file, once and again. */
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Project } from '../../src-main/engine/project/project.ts'
import { makeHome, type Home } from './terminal.ts'

let home: Home
beforeAll(async () => {
  home = await makeHome()
  mkdirSync(home.path('study'))
  const words = ['love', 'hate', 'great', 'awful', 'kind', 'sad']
  const rows = Array.from({ length: 24 }, (_, i) => ({ prompt: `Say ${words[i % 6]} and ${i}`, score: Math.sin(i), split: i < 18 ? 'train' : 'held-out' }))
  writeFileSync(home.path('study', 'rows.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
})
afterAll(() => home.remove())

function settingsFile(name: string, change: object = {}): string {
  const file = home.path('study', `${name}.json`)
  writeFileSync(file, JSON.stringify({
    project: name,
    model: '../tiny.gguf',
    data: { file: 'rows.jsonl' },
    collect: { samples: 2, maxTokens: 24, parallel: 6, seed: 4, sampling: { temperature: 1 } },
    train: { hidden: 16, epochs: 6, learningRate: 0.001 },
    evaluate: { methods: [{ name: 'base' }, { name: 're-control', settings: { alpha: 1 } }], maxTokens: 8 },
    ...change
  }))
  return file
}

/** Ids of everything that steps make, and how often jobs ran. */
function rowsOf(directory: string) {
  const project = Project.open(directory)
  try {
    return {
      datasets: project.datasets.list().map((d) => d.id),
      collections: project.collections.list().map((c) => [c.id, c.responses]),
      valueFunctions: project.valueFunctions.list().map((v) => v.id),
      evaluations: project.evaluations.list().map((e) => e.id),
      generated: project.jobs.list(100).filter((job) => ['import', 'collect', 'train', 'evaluate'].includes(job.kind)).length
    }
  } finally {
    project.close()
  }
}

describe('run', () => {
  test('makes everything; a second time the same project answers without doing it again', async () => {
    const file = settingsFile('twice')
    const directory = home.path('study', 'twice')
    const first = await home.cli('run', file, '--json')
    expect(first, first.stderr).toMatchObject({ code: 0 })
    expect(first.json).toMatchObject({ dataset: 1, imported: 24, collection: 1, responses: 36, valueFunction: 1, methods: [{ name: 'base' }, { name: 're-control' }], paired: [{ a: 'base', b: 're-control' }] })
    expect(first.stderr).toMatch(/Project: .*twice/)
    const made = rowsOf(directory)
    expect(made).toMatchObject({ datasets: [1], collections: [[1, 36]], valueFunctions: [1], evaluations: [1], generated: 4 })
    const states = join(directory, 'states')
    const shards = readdirSync(states).map((name) => [name, statSync(join(states, name)).mtimeMs])

    const second = await home.cli('run', file, '--json')
    expect(second.code).toBe(0)
    expect(second.json).toEqual(first.json)
    expect(rowsOf(directory)).toEqual(made)
    expect(readdirSync(states).map((name) => [name, statSync(join(states, name)).mtimeMs])).toEqual(shards)
    expect(second.stderr).not.toContain('Loading the model')

    // the settings are kept with the project, and mean the same there
    const third = await home.cli('run', join(directory, 'settings.json'), '--json')
    expect(third.json).toEqual(first.json)
    expect(rowsOf(directory)).toEqual(made)
  })

  test('with one step changed does this step and what follows from it again', async () => {
    settingsFile('changed')
    await home.cli('run', settingsFile('changed'))
    const again = await home.cli('run', settingsFile('changed', { train: { hidden: 8, epochs: 3, learningRate: 0.001 } }), '--json')
    expect(again.json).toMatchObject({ dataset: 1, collection: 1, valueFunction: 2, epochs: 3 })
    expect(rowsOf(home.path('study', 'changed'))).toMatchObject({ collections: [[1, 36]], valueFunctions: [1, 2] })
  })

  test('its --json has the keys of every step', async () => {
    const { json } = await home.cli('run', settingsFile('twice'), '--json')
    const all = { ...json, ...json['reward'] }
    const keys = ['dataset', 'imported', 'rejected', 'collection', 'responses', 'tokens', 'states', 'tokensPerSecond', 'labelled', 'failed', 'mean', 'sd', 'valueFunction', 'epochs', 'trainLoss', 'validationLoss', 'correlation', 'methods', 'paired']
    expect(keys.filter((key) => !(key in all))).toEqual([])
  })

  // an evaluation knows its source by name only, so one that needs settings fails after everything else is done
  test('with a reward source that has settings', async () => {
    const { code, stderr } = await home.cli('run', settingsFile('column', { reward: { source: 'column', settings: { column: 'score' } } }))
    expect(code, stderr).toBe(0)
  })

  // the settings file is wrong from the beginning; the data and the model need not be touched to see it
  test.each<[string, object]>([
    ['a method that is not there', { evaluate: { methods: [{ name: 'magic' }] } }],
    ['a setting that its method does not take', { evaluate: { methods: [{ name: 're-control', settings: { alpha: -1 } }] } }],
    ['a reward source that is not there', { reward: { source: 'tonn' } }]
  ])('%s is told before hours of work, not after', async (what, change) => {
    const name = `early-${what.length}`
    const { code, stdout, stderr } = await home.cli('run', settingsFile(name, change))
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr.trimEnd().split('\n').at(-1)).toMatch(/^Error: .*(magic|alpha|tonn)/)
    expect(stderr).not.toContain('Generating')
  })
})

test('a file that names a program says so in full, and runs it only with --allow', async () => {
  const script = resolve(import.meta.dirname, '..', 'fixtures', 'score-program.mjs')
  const reward = { source: 'program', settings: { command: process.execPath, arguments: [script, 'fine'] } }
  const file = settingsFile('received', { reward, collect: { maxTokens: 4 }, train: { hidden: 4, epochs: 1 }, evaluate: { methods: [{ name: 'base' }], limit: 1, maxTokens: 2 } })
  const refused = await home.cli('run', file)
  const words = [process.execPath, script, 'fine'].map((word) => JSON.stringify(word)).join(' ')
  expect(refused).toMatchObject({ code: 1, stdout: '' })
  expect(refused.stderr).toContain(`asks to run ${words}\n`)
  expect(refused.stderr).toMatch(/nobody on this machine has asked for this yet, and nothing was started; if you want it, add --allow\n$/)
  expect(existsSync(home.path('study', 'received'))).toBe(false) // before hours of collecting
  expect(await home.cli('run', file, '--allow')).toMatchObject({ code: 0 })
  expect(await home.cli('run', file)).toMatchObject({ code: 0 }) // it is asked for now
})
