/** Fifty kills and more of each kind: of the process that has the project, of the model host, and of the terminal. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { collectSettings } from '../../src-main/contract/collect.ts'
import { evaluateSettings } from '../../src-main/contract/evaluate.ts'
import { trainSettings } from '../../src-main/contract/value.ts'
import { seededRandom } from '../fixtures/random.ts'
import { drawn, greedy, openStudio, scoredPrompts } from '../engine/studio.ts'
import { expectWhole, killLoop, makeGrounds, scenarios, type Grounds } from './kills.ts'
import { report, soakSeed, times } from './soak.ts'
import { killTerminal } from './terminal-kills.ts'

let grounds: Grounds
beforeAll(async () => (grounds = await makeGrounds(100_000)))
afterAll(() => grounds.close())

test.each(scenarios.map((scenario, i) => ({ ...scenario, i })))('the process that has the project, while $name', async (scenario) => {
  const { killed, writes } = await killLoop(scenario, grounds, times(50), seededRandom(soakSeed + scenario.i))
  report(`${scenario.name}: ${killed} kills among ${writes} writes`)
})

test('the model host, while collecting, training and studying', async () => {
  const random = seededRandom(soakSeed)
  const studio = await openStudio({ embedding: 64, layers: 2 })
  try {
    const dataset = await studio.importRows(scoredPrompts(10))
    const collect = collectSettings.parse({ dataset, split: null, samples: 2, maxTokens: 24, parallel: 4, deterministic: true, seed: 1, sampling: drawn })
    const { subject } = await studio.run('collect', collect)
    await studio.run('reward', { collection: subject, source: 'column', settings: { column: 'score' } })
    const train = trainSettings.parse({ collection: subject, source: 'column', hidden: 128, layers: 1, epochs: 80, patience: 0, batch: 16, seed: 4 })
    const study = evaluateSettings.parse({ dataset, split: null, methods: [{ name: 'base' }, { name: 'prompting' }], maxTokens: 16, parallel: 3, deterministic: true, sampling: greedy })
    const kinds = [
      { kind: 'collect', settings: collect, result: (id: number) => studio.project.responses.page(id, { source: null, order: 'collected', offset: 0, limit: 100 }).responses.map(({ example, sample, text }) => `${example}/${sample} ${text}`).sort() },
      { kind: 'train', settings: train, result: (id: number) => studio.project.valueFunctions.network(id) },
      { kind: 'evaluate', settings: study, result: (id: number) => studio.project.evaluations.responses(id).map(({ example, method, text }) => `${example}/${method} ${text}`) }
    ] as const
    for (const { kind, settings, result } of kinds) {
      const began = performance.now()
      const wanted = result((await studio.run(kind, settings)).subject as number)
      const took = performance.now() - began
      let killed = 0
      while (killed < times(50)) {
        const hosts = studio.hosts()
        const timer = setTimeout(studio.killHost, random.uniform() * took)
        const job = await studio.run(kind, settings)
        clearTimeout(timer)
        killed += Math.max(0, studio.hosts() - hosts)
        expect(job, job.failure?.message).toMatchObject({ state: 'done', failure: null })
        expect(result(job.subject as number)).toEqual(wanted)
      }
      report(`model host while ${kind}: ${killed} kills`)
    }
    await studio.engine.close()
    expectWhole(studio.project.directory)
  } finally {
    await studio.close()
  }
})

test('the terminal with everything below it', async () => {
  const random = seededRandom(soakSeed)
  for (const [what, killed] of Object.entries(await killTerminal(times(50), random))) report(`terminal while ${what}: ${killed} kills`)
})

test('leaves nothing of what it was given changed', () => {
  expect(readFileSync(join(grounds.rows), 'utf8').split('\n')).toHaveLength(grounds.importedRows + 1)
})
