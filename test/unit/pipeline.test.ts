import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { toFailure, type Failure } from '../../src-main/contract/errors.ts'
import { readPipeline } from '../../src-main/engine/pipeline.ts'

const directory = mkdtempSync(join(tmpdir(), 're-control-pipeline-'))
afterAll(() => rmSync(directory, { recursive: true }))

const file = join(directory, 'settings.json')
const least = { data: { file: 'rows.jsonl' }, evaluate: { methods: [{ name: 'base' }] } }

function read(settings: unknown) {
  writeFileSync(file, typeof settings === 'string' ? settings : JSON.stringify(settings))
  return readPipeline(file)
}

function failureOf(settings: unknown): Failure {
  try {
    read(settings)
  } catch (error) {
    return toFailure(error)
  }
  throw new Error('it was read')
}

test('what is not said has the defaults of each step', () => {
  const settings = read(least)
  expect(settings.collect).toMatchObject({ split: 'train', samples: 1, maxTokens: 128, seed: 1, sampling: { temperature: 0.7, topK: 50, topP: 0.95 } })
  expect(settings.reward).toEqual({ source: 'tone', name: null, settings: {} })
  expect(settings.train).toMatchObject({ learningRate: 1e-4, batch: 512, epochs: 100, objective: 'semi-gradient', standardise: true })
  expect(settings.evaluate).toMatchObject({ split: 'held-out', methods: [{ name: 'base', settings: {} }] })
})

test('paths are meant from the folder of the settings file', () => {
  const settings = read({ ...least, project: 'here', model: '../tiny.gguf', data: { file: '/elsewhere/rows.jsonl' } })
  expect(settings).toMatchObject({ project: join(directory, 'here'), model: join(directory, '..', 'tiny.gguf'), data: { file: '/elsewhere/rows.jsonl' } })
})

test('the sample\'s own settings can be read', () => {
  const settings = readPipeline(resolve(import.meta.dirname, '..', '..', 'resources', 'sample', 'settings.json'))
  expect(settings.evaluate.methods.map((method) => method.name)).toContain('re-control')
})

describe('settings that do not fit are refused, naming the place', () => {
  test.each<[unknown, RegExp]>([
    ['{', /is not JSON/],
    ['[]', /expected object/],
    [{}, /data/],
    [{ ...least, data: {} }, /data\.file/],
    [{ ...least, colect: {} }, /colect/],
    [{ ...least, collect: { maxToken: 3 } }, /collect: .*maxToken/],
    [{ ...least, collect: { samples: 0 } }, /collect\.samples/],
    [{ ...least, collect: { sampling: { temperature: -1 } } }, /collect\.sampling\.temperature/],
    [{ ...least, train: { epochs: 1.5 } }, /train\.epochs/],
    [{ ...least, train: { learningRate: 'fast' } }, /train\.learningRate/],
    [{ ...least, train: { collection: 3 } }, /train: .*collection/],
    [{ ...least, reward: {} }, /reward\.source/],
    [{ ...least, evaluate: {} }, /evaluate\.methods/],
    [{ ...least, evaluate: { methods: [] } }, /evaluate\.methods/],
    [{ ...least, data: { file: 'x', format: 'csv' } }, /data\.format/]
  ])('%j', (settings, place) => {
    expect(failureOf(settings)).toMatchObject({ code: 'bad-request', message: expect.stringMatching(place), retryable: false })
  })

  test('a file that is not there', () => {
    expect(() => readPipeline(join(directory, 'none.json'))).toThrow(expect.objectContaining({ code: 'not-found' }))
  })
})
