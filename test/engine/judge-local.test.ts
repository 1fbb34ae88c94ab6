/** A GGUF file as the judge: a second model beside the steered one, in a process of its own. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { rewardSummary } from '../../src-main/engine/reward/summary.ts'
import { writeTinyModel } from '../fixtures/tiny-model.ts'
import { openStudio, scoredPrompts } from './studio.ts'

test('its answers are the rewards; the job survives its death; a file that is no model ends the job', async () => {
  const studio = await openStudio()
  try {
    const file = join(studio.directory, 'judge.gguf')
    writeTinyModel(file, { says: 'Score: 7' })
    const dataset = await studio.importRows(scoredPrompts(40))
    const { subject: collection } = await studio.run('collect', { dataset, responses: 'generated', split: null, limit: null, samples: 1, maxTokens: 4, parallel: 4, deterministic: false, seed: 1, sampling: { temperature: 1, topK: 50, topP: 1, minP: 0 } })
    const label = (name: string, settings: object) => studio.run('reward', { collection, source: 'judge', name, settings: { rubric: '{response}', ...settings } })
    const summary = (name: string) => rewardSummary(studio.project, collection as number, name)

    const before = studio.hosts()
    let killed = false
    studio.on('job', ({ kind, done }) => {
      if (kind !== 'reward' || done === 0 || killed) return
      killed = true
      studio.killHost()
    })
    expect(await label('judge', { file })).toMatchObject({ state: 'done', failure: null })
    expect(summary('judge')).toMatchObject({ labelled: 40, failed: 0, min: 7, max: 7 })
    expect(killed).toBe(true)
    expect(studio.hosts() - before).toBeGreaterThanOrEqual(2)
    expect(await studio.engine.models.loaded).toMatchObject({ file: studio.modelFile }) // as it was

    expect(await label('off the scale', { file, max: 5 })).toMatchObject({ state: 'done' })
    expect(summary('off the scale')).toMatchObject({ labelled: 0, failed: 40, failures: expect.arrayContaining([expect.objectContaining({ reason: expect.stringContaining('7 is not between 1 and 5') as string })]) as unknown })
    expect(await label('too short', { file, maxTokens: 3 })).toMatchObject({ state: 'done' })
    expect(summary('too short').failures[0]?.reason).toMatch(/cut off.*ends with "Sco"/)

    expect((await label('none', { file: join(studio.directory, 'none.gguf') })).failure).toMatchObject({ code: 'not-found' })
    expect((await label('none', { file: studio.project.settingsFile })).failure?.code).toMatch(/not-found|not-usable/)
  } finally {
    await studio.close()
  }
})
