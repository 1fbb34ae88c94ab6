/** States that cannot be written end the job with a clear word, not the process; the job then goes on where it was. */
import { mkdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { collectSettings } from '../../src-main/contract/collect.ts'
import { toFailure } from '../../src-main/contract/errors.ts'
import { drawn, openStudio, scoredPrompts, type Studio } from './studio.ts'

let studio: Studio
beforeEach(async () => (studio = await openStudio()))
afterEach(() => studio.close())

test('a shard that cannot be opened fails the collection, and it can be resumed', async () => {
  const dataset = await studio.importRows(scoredPrompts(6))
  const shard = join(studio.project.statesDirectory, 'collection-1.0000.f16')
  mkdirSync(shard) // no file can be made in its place, not even by root
  const failed = await studio.run('collect', collectSettings.parse({ dataset, maxTokens: 8, seed: 3, sampling: drawn }))
  expect(failed.state).toBe('failed')
  expect(failed.failure?.message).toContain('EISDIR')
  expect(studio.project.collections.get(1).responses).toBe(0)

  rmdirSync(shard)
  studio.engine.jobs.resume(failed.id)
  expect(await studio.engine.jobs.finished(failed.id)).toMatchObject({ state: 'done', failure: null })
  expect(studio.project.collections.get(1).responses).toBe(6)
})

test('a full disk is named, and worth another try', () => {
  for (const code of ['ENOSPC', 'SQLITE_FULL']) {
    const failure = toFailure(Object.assign(new Error('write failed'), { code }))
    expect(failure).toMatchObject({ code: 'disk-full', retryable: true })
    expect(failure.message).toMatch(/disk is full/i)
  }
})
