/** The measurements at load, on the real tiny model. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Context, loadModel, openLibraries } from '../../native/llama.ts'
import { findVariant } from '../../native/variants.ts'
import { batchSizes, bestBatch, bestThreads, measureBatches } from '../../src-main/model-host/measure.ts'
import { batchOf } from '../fixtures/batches.ts'
import { writeTinyModel } from '../fixtures/tiny-model.ts'

const folder = mkdtempSync(join(tmpdir(), 'measure-test-'))
let context: Context
beforeAll(async () => {
  const file = join(folder, 'tiny.gguf')
  writeTinyModel(file)
  openLibraries(findVariant().directory)
  context = new Context(await loadModel(file, 0), { contextTokens: 512, sequences: 2, batchTokens: 512, threads: 1 })
})
afterAll(() => rmSync(folder, { recursive: true }))

describe('the batch size', () => {
  const of = (rates: [number, number][]) => rates.map(([batchTokens, tokensPerSecond]) => ({ batchTokens, tokensPerSecond }))

  test('is the smallest that is within a tenth of the fastest', () => {
    expect(bestBatch(of([[64, 50], [128, 90], [256, 100], [512, 98]]))).toBe(128)
    expect(bestBatch(of([[64, 89], [128, 89.9], [256, 100], [512, 70]]))).toBe(256)
    expect(bestBatch(of([[64, 100], [128, 100]]))).toBe(64)
    expect(bestBatch(of([[64, 1], [128, 2], [256, 4], [512, 8]]))).toBe(512)
    expect(() => bestBatch([])).toThrow(/no batch size/)
  })

  test('has room for every sequence, and is never larger than the context', () => {
    expect(batchSizes(4, 16384)).toEqual([64, 128, 256, 512])
    expect(batchSizes(72, 16384)).toEqual([72, 128, 256, 512])
    expect(batchSizes(200, 300)).toEqual([200, 256, 300])
    expect(batchSizes(1, 32)).toEqual([32])
  })

  test.each([true, false])('is measured for each size, and the context is empty again; warm-up %s', async (warmUp) => {
    const measured = await measureBatches(context, 5, [64, 128, 512], warmUp)
    expect(measured.map(({ batchTokens }) => batchTokens)).toEqual([64, 128, 512])
    expect(measured.every(({ tokensPerSecond }) => tokensPerSecond > 0)).toBe(true)
    const whole = await context.decode(batchOf([{ sequence: 1, tokens: new Array<number>(512).fill(5) }])) // all cells are free
    expect(whole.states.length).toBeGreaterThan(0)
    context.removeSequence(1)
  })
})

test('the thread count is the smallest that no larger one beats clearly', () => {
  const of = (rates: number[]) => rates.map((tokensPerSecond, i) => ({ threads: 2 ** i, tokensPerSecond }))
  expect(bestThreads(of([10, 11, 11]))).toBe(1)
  expect(bestThreads(of([10, 20, 21]))).toBe(2)
  expect(bestThreads(of([10, 20, 40]))).toBe(4)
  expect(bestThreads([])).toBe(1)
})
