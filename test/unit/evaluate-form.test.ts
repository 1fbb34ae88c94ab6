/** What the Evaluate stage checks and works out before an evaluation starts, and what its figures are drawn from. */
import { expect, test } from 'vitest'
import type { EvaluationTable } from '../../src-main/contract/evaluate.ts'
import { axisOf, figuresOf, verdictOf } from '../../src-renderer/stages/Evaluate/figures.ts'
import { sweepPoints, tradeOff } from '../../src-renderer/stages/Evaluate/sweep-points.ts'
import { faultOfSettings, repeats } from '../../src-renderer/state/chosen-faults.ts'
import { faultOfValues, valuesOfList, valuesOfRange } from '../../src-renderer/state/sweep-values.ts'

const alpha = { min: 0, max: 20, integer: false }
const updates = { min: 1, max: 500, integer: true }

test('values are read from a list, and a word among them is named', () => {
  expect(valuesOfList('0.5, 1;2  3\n4')).toEqual([0.5, 1, 2, 3, 4])
  expect(valuesOfList('')).toEqual([])
  expect(valuesOfList('1, two')).toBe('“two” is not a number.')
  expect(valuesOfList('1, Infinity')).toBe('“Infinity” is not a number.')
})

test('a range has both its ends; whole numbers are rounded, and none comes twice', () => {
  expect(valuesOfRange({ from: 0, to: 0.3, steps: 4 }, false)).toEqual([0, 0.1, 0.2, 0.3])
  expect(valuesOfRange({ from: 3, to: 1, steps: 3 }, false)).toEqual([3, 2, 1])
  expect(valuesOfRange({ from: 1, to: 3, steps: 5 }, true)).toEqual([1, 2, 3])
  expect(valuesOfRange({ from: 2, to: 9, steps: 1 }, false)).toEqual([2])
})

test('values that the setting does not take are refused, each with its reason', () => {
  expect(faultOfValues([0, 1.5], alpha)).toBeNull()
  expect(faultOfValues([], alpha)).toBe('At least one value is needed.')
  expect(faultOfValues([1, 1], alpha)).toBe('A value is there twice.')
  expect(faultOfValues([1, 21], alpha)).toBe('21 is not at least 0 and at most 20.')
  expect(faultOfValues([1, 2.5], updates)).toBe('2.5 is not a whole number.')
  expect(faultOfValues(Array.from({ length: 65 }, (_, i) => i + 1), updates)).toBe('There are 65 values; 64 is the most.')
})

test('settings are checked against their schema: what is required and the bounds of numbers', () => {
  const schema = { properties: { file: { type: 'string', title: 'File' }, n: { type: 'integer', minimum: 1, maximum: 9, default: 4, title: 'Samples' } }, required: ['file'] }
  expect(faultOfSettings(schema, { file: 'a.gguf', n: 4 })).toBeNull()
  expect(faultOfSettings(schema, { file: '', n: 4 })).toBe('File is missing.')
  expect(faultOfSettings(schema, { file: 'a.gguf', n: 10 })).toBe('Samples must be at most 9.')
  expect(faultOfSettings(schema, { file: 'a.gguf', n: 2.5 })).toBe('Samples must be a whole number.')
  expect(faultOfSettings(schema, { n: 4 }, ['file'])).toBeNull()
})

test('a judge is an endpoint with its model, or a file', () => {
  const schema = { properties: Object.fromEntries(['url', 'model', 'file'].map((name) => [name, { anyOf: [{ type: 'string' }, { type: 'null' }], default: null }])) }
  const url = 'http://localhost:8000/v1'
  expect(faultOfSettings(schema, {})).toBe('A judge is either an endpoint or a model file: give one of them.')
  expect(faultOfSettings(schema, { url, file: 'judge.gguf' })).toBe('A judge is either an endpoint or a model file: give one of them.')
  expect(faultOfSettings(schema, { url })).toBe('An endpoint needs the name of its model.')
  expect(faultOfSettings(schema, { url, model: 'judge' })).toBeNull()
  expect(faultOfSettings(schema, { file: 'judge.gguf' })).toBeNull()
})

test('a choice repeats another whatever the order of its settings', () => {
  const choices = [{ name: 'a', settings: { x: 1, y: 2 } }, { name: 'a', settings: { x: 1 } }, { name: 'a', settings: { y: 2, x: 1 } }]
  expect([0, 1, 2].map((i) => repeats(choices, i))).toEqual([-1, -1, 0])
})

function row(name: string, reward: number | null, timeRatio: number | null, point: Record<string, number> | null = null): EvaluationTable['methods'][number] {
  const bounds = { mean: reward, low: reward === null ? null : reward - 0.1, high: reward === null ? null : reward + 0.1 }
  return { name, label: name, settings: {}, point, responses: 4, unlabelled: 0, reward: bounds, diversity: 0.5, diversityInterval: null, secondsPerToken: 0.1, timeRatio, edit: null, measures: { 'length:words': { ...bounds, failed: 1 } } }
}
const table = (...methods: EvaluationTable['methods']): EvaluationTable => ({ methods, paired: [], alarms: [], remarks: [] })

test('a method is dominated where another is as fast and as good, and better in one of both', () => {
  const found = tradeOff(table(row('base', 0.1, 1), row('slow', 0.1, 2), row('good', 0.5, 2), row('twin', 0.5, 2), row('none', null, 1)))
  expect(found.map(({ row: index, dominated }) => [index, dominated])).toEqual([[0, false], [1, true], [2, false], [3, false]])
})

test('the points of a sweep are the rows that say where they are in it', () => {
  const two = table(row('base', 0, 1), row('re-control', 1, 1, { alpha: 1, updates: 10 }), row('re-control', 2, 1, { alpha: 2, updates: 10 }), row('re-control', 3, 1))
  const sweep = { method: { name: 're-control', settings: {} }, over: { alpha: [1, 2], updates: [10] } }
  expect(sweepPoints({ sweep }, two)).toEqual({ over: ['alpha', 'updates'], points: [{ row: 1, x: 1, second: 10 }, { row: 2, x: 2, second: 10 }] })
  expect(sweepPoints({ sweep: null }, two)).toBeNull()
})

test('a difference counts where its interval leaves out 0 and its corrected p is below 0.05; which way is good is the metric’s', () => {
  const up = { prompts: 9, difference: 0.2, low: 0.1, high: 0.3, p: 0.01, pHolm: 0.02 }
  expect(verdictOf(up, 'higher').word).toBe('better')
  expect(verdictOf(up, 'lower').word).toBe('worse')
  expect(verdictOf(up, null)).toEqual({ word: 'higher', look: 'plain' })
  expect(verdictOf({ ...up, pHolm: 0.2 }, 'higher').word).toBe('unclear')
  expect(verdictOf({ ...up, low: -0.1 }, 'higher').word).toBe('unclear')
  expect(verdictOf({ ...up, p: null, pHolm: null }, 'higher').word).toBe('better') // of a table from before the tests
})

test('the figures are those of the table, a measure by its label, and each has one axis for all rows', () => {
  const one = table(row('base', 0, 1), row('best', 1, 2))
  const figures = figuresOf(one, [{ name: 'length', title: 'Length', description: 'Words', source: '', better: 'lower', settings: {} }])
  expect(figures.map(({ key, better }) => [key, better])).toEqual([['reward', 'higher'], ['diversity', 'higher'], ['length:words', 'lower'], ['time', 'lower']]) // nothing was edited
  const reward = figures[0]
  const axis = reward && axisOf(one.methods, reward)
  expect(axis?.from).toBeCloseTo(-0.148)
  expect(axis?.to).toBeCloseTo(1.148)
})
