/** A project with a collection of given responses, and the jobs that label it: everything real but the model that wrote them. */
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { collectSettings } from '../../src-main/contract/collect.ts'
import type { Job } from '../../src-main/contract/job.ts'
import { AskedFor } from '../../src-main/engine/asked-for.ts'
import { JobRunner } from '../../src-main/engine/jobs/runner.ts'
import { Models } from '../../src-main/engine/models/models.ts'
import { Project } from '../../src-main/engine/project/project.ts'
import { labelDoors, rewardWork } from '../../src-main/engine/reward/label.ts'
import { rewardSummary } from '../../src-main/engine/reward/summary.ts'
import { Secrets } from '../../src-main/engine/secrets.ts'
import { manifest } from '../fixtures/manifest.ts'
import { ownDirectory } from './studio.ts'

export interface LabelledProject {
  directory: string
  project: Project
  jobs: JobRunner
  models: Models
  secrets: Secrets
  asked: AskedFor
  collection: number
  /** every state of every job, as it was told */
  told: Job[]
  label(source: string, settings: object): Promise<Job>
  /** reward or the reason why there is none, in the order of the responses */
  labels(name: string): (number | string | null)[]
  summary(name: string): ReturnType<typeof rewardSummary>
}

export function projectWith(texts: string[], environment: NodeJS.ProcessEnv = {}): LabelledProject {
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
  const dataset = project.datasets.create('rows', 'rows.jsonl', 'prompts')
  project.datasets.add(dataset, texts.map((_, i) => ({ line: i + 1, split: 'train', prompt: `prompt ${i}`, messages: [], chosen: null, rejected: null, columns: { number: i } })), [])
  const collection = project.collections.create(collectSettings.parse({ dataset }), manifest, texts.length, 4)
  for (const [i, task] of project.datasets.tasks(dataset, null, null).entries()) {
    project.responses.add({
      collection, example: task.id, sample: 0, seed: i, promptText: task.prompt, text: texts[i] as string, tokens: Int32Array.of(1), finish: 'end',
      shard: 'collection-1.0000.f16', offset: i * 8, states: 1, crc32: 0
    })
  }
  return {
    directory, project, jobs, models, secrets, asked, collection, told,
    label: async (source, settings) => {
      asked.add(...labelDoors({ source, settings: { ...settings } }))
      return jobs.finished(jobs.start('reward', { collection, source, name: null, settings }).id)
    },
    labels: (source) => project.responses.page(collection, { source, order: 'collected', offset: 0, limit: 100_000 }).responses.map((r) => r.reward ?? r.rewardFailure),
    summary: (name) => rewardSummary(project, collection, name)
  }
}
