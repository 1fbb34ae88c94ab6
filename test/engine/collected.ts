/** A project with a collection of given texts, as if a model had written them, and the jobs that label it. */
import { join } from 'node:path'
import { collectSettings } from '../../src-main/contract/collect.ts'
import type { LabelSettings } from '../../src-main/contract/reward.ts'
import type { Job } from '../../src-main/contract/job.ts'
import { AskedFor } from '../../src-main/engine/asked-for.ts'
import { JobRunner } from '../../src-main/engine/jobs/runner.ts'
import { forkHost } from '../../src-main/engine/models/fork-host.ts'
import { Models } from '../../src-main/engine/models/models.ts'
import { Project } from '../../src-main/engine/project/project.ts'
import { labelDoors, rewardWork } from '../../src-main/engine/reward/label.ts'
import { Secrets } from '../../src-main/engine/secrets.ts'
import { manifest } from '../fixtures/manifest.ts'
import { hostEntry, ownDirectory } from './studio.ts'

export interface Written {
  text: string
  columns: Record<string, unknown>
}

export interface Collected {
  project: Project
  jobs: JobRunner
  models: Models
  secrets: Secrets
  asked: AskedFor
  /** the first collection */
  collection: number
  /** Another collection of a data set of its own. */
  collect(responses: Written[]): number
  label(source: string, settings?: Record<string, unknown>, more?: Partial<LabelSettings>): Promise<Job>
  /** Rewards under a name in the order of the responses; null where there is none. */
  rewards(name: string, collection?: number): (number | null)[]
  /** Failures under a name in the same order. */
  failures(name: string, collection?: number): (string | null)[]
}

export function collected(responses: Written[]): Collected {
  const directory = ownDirectory()
  const project = Project.create(join(directory, 'project'), null)
  const models = new Models(() => forkHost(hostEntry), { cacheDirectory: join(directory, 'cache'), dataDirectory: join(directory, 'data') }, { loaded: () => {}, died: () => {} })
  const secrets = new Secrets(join(directory, 'data'), null, {})
  const asked = new AskedFor(join(directory, 'data'))
  const jobs = new JobRunner({ reward: rewardWork(models, secrets, asked) }, () => {})
  jobs.setProject(project)

  function collect(given: Written[]): number {
    const dataset = project.datasets.create('rows', 'rows.jsonl', 'prompts')
    project.datasets.add(dataset, given.map(({ columns }, i) => ({ line: i + 1, split: 'train', prompt: `prompt ${i}`, messages: [{ role: 'user', content: `prompt ${i}` }], chosen: null, rejected: null, columns })), [])
    const made = project.collections.create(collectSettings.parse({ dataset }), manifest, given.length, 4)
    for (const [i, task] of project.datasets.tasks(dataset, null, null).entries()) {
      project.responses.add({
        collection: made, example: task.id, sample: 0, seed: i, promptText: task.prompt, text: given[i]!.text, tokens: Int32Array.of(1), finish: 'end',
        shard: `collection-${made}.0000.f16`, offset: i * 8, states: 1, crc32: 0
      })
    }
    return made
  }

  const collection = collect(responses)
  const page = (name: string, of: number) => project.responses.page(of, { source: name, order: 'collected', offset: 0, limit: 1000 }).responses
  return {
    project, jobs, models, secrets, asked, collection, collect,
    label: async (source, settings = {}, more = {}) => {
      asked.add(...labelDoors({ source, settings }))
      return jobs.finished(jobs.start('reward', { collection, source, name: null, settings, ...more }).id)
    },
    rewards: (name, of = collection) => page(name, of).map((r) => r.reward),
    failures: (name, of = collection) => page(name, of).map((r) => r.rewardFailure)
  }
}
