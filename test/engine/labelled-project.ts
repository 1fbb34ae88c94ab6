/** A project with a collection of given responses, and the jobs that label it: everything real but the model that wrote them. */
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { collectSettings } from '../../src-main/contract/collect.ts'
import type { Job } from '../../src-main/contract/job.ts'
import type { LabelSettings } from '../../src-main/contract/reward.ts'
import { AskedFor } from '../../src-main/engine/asked-for.ts'
import { JobRunner } from '../../src-main/engine/jobs/runner.ts'
import { Models } from '../../src-main/engine/models/models.ts'
import { Project } from '../../src-main/engine/project/project.ts'
import { labelDoors, rewardWork } from '../../src-main/engine/reward/label.ts'
import { rewardSummary } from '../../src-main/engine/reward/summary.ts'
import { Secrets } from '../../src-main/engine/secrets.ts'
import { manifest } from '../fixtures/manifest.ts'
import { ownDirectory } from './studio.ts'

/** A response, and the columns of the example that it answers. */
export interface Written {
  text: string
  columns: Record<string, unknown>
}

export interface LabelledProject {
  directory: string
  project: Project
  jobs: JobRunner
  models: Models
  secrets: Secrets
  asked: AskedFor
  /** the first collection */
  collection: number
  /** every state of every job, as it was told */
  told: Job[]
  /** Another collection of a data set of its own. */
  collect(responses: Written[]): number
  label(source: string, settings?: object, more?: Partial<LabelSettings>): Promise<Job>
  /** Rewards under a name in the order of the responses; null where there is none. */
  rewards(name: string, collection?: number): (number | null)[]
  /** Failures under a name in the same order. */
  failures(name: string, collection?: number): (string | null)[]
  /** reward or the reason why there is none, in the same order */
  labels(name: string): (number | string | null)[]
  summary(name: string): ReturnType<typeof rewardSummary>
}

/** @param responses the example of a mere text has its number as its only column */
export function projectWith(responses: (Written | string)[], environment: NodeJS.ProcessEnv = {}): LabelledProject {
  const directory = ownDirectory()
  const project = Project.create(join(directory, 'project'), null)
  onTestFinished(() => project.close())
  const models = new Models(() => {
    throw new Error('no model is needed here')
  }, { cacheDirectory: join(directory, 'cache'), dataDirectory: join(directory, 'data') }, { loaded: () => {}, died: () => {} })
  const secrets = new Secrets(join(directory, 'data'), null, environment)
  const asked = new AskedFor(join(directory, 'data'))
  const told: Job[] = []
  const jobs = new JobRunner({ reward: rewardWork(models, secrets, asked) }, (job) => told.push(job))
  jobs.setProject(project)
  onTestFinished(() => jobs.pauseAll())

  function collect(given: Written[]): number {
    const dataset = project.datasets.create('rows', 'rows.jsonl', 'prompts')
    project.datasets.add(dataset, given.map(({ columns }, i) => ({ line: i + 1, split: 'train', prompt: `prompt ${i}`, messages: [], chosen: null, rejected: null, columns })), [])
    const made = project.collections.create(collectSettings.parse({ dataset }), manifest, given.length, 4)
    project.atomically(() => {
      for (const [i, task] of project.datasets.tasks(dataset, null, null).entries()) {
        project.responses.add({
          collection: made, example: task.id, sample: 0, seed: i, promptText: task.prompt, text: given[i]!.text, tokens: Int32Array.of(1), finish: 'end',
          shard: `collection-${made}.0000.f16`, offset: i * 8, states: 1, crc32: 0
        })
      }
    })
    return made
  }

  const collection = collect(responses.map((response, i) => (typeof response === 'string' ? { text: response, columns: { number: i } } : response)))
  const page = (name: string, of: number) => project.responses.page(of, { source: name, order: 'collected', offset: 0, limit: 100_000 }).responses
  return {
    directory, project, jobs, models, secrets, asked, collection, told, collect,
    label: async (source, settings = {}, more = {}) => {
      asked.add(...labelDoors({ source, settings: { ...settings } }))
      return jobs.finished(jobs.start('reward', { collection, source, name: null, settings, ...more }).id)
    },
    rewards: (name, of = collection) => page(name, of).map((r) => r.reward),
    failures: (name, of = collection) => page(name, of).map((r) => r.rewardFailure),
    labels: (name) => page(name, collection).map((r) => r.reward ?? r.rewardFailure),
    summary: (name) => rewardSummary(project, collection, name)
  }
}
