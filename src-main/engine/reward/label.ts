/** The reward job: labels what is not labelled yet; a label that fails stays a reason, never a number. */
import type { RewardSummary } from '../../contract/entities.ts'
import { StudioError } from '../../contract/errors.ts'
import type { JobWork } from '../jobs/runner.ts'
import type { Project } from '../project/project.ts'
import type { Label } from '../project/rewards.ts'
import { summarise } from './summary.ts'
import type { RewardSource, ToScore } from './source.ts'
import { sourceNamed } from './sources.ts'

export interface RewardSettings {
  collection: number
  source: string
  settings: Record<string, unknown>
}

const labelsPerTransaction = 500

export const rewardWork: JobWork<RewardSettings> = {
  unit: 'responses',
  title: ({ source }) => `Label by ${sourceNamed(source).title.toLowerCase()}`,

  async run({ collection, source: name, settings }, project, job) {
    const source = sourceNamed(name)
    const parsed = source.settings.parse(settings)
    const stored = JSON.stringify(parsed)
    const waiting = project.responses.unlabelled(collection, name, stored)
    const total = project.collections.get(collection).responses
    let done = total - waiting.length
    if (total === 0) throw new StudioError('bad-request', `collection ${collection} has no responses to label`)
    job.subject(collection)
    job.phase('Labelling', { done, total })
    for (let at = 0; at < waiting.length; at += labelsPerTransaction) {
      const labels = waiting.slice(at, at + labelsPerTransaction).map(({ id, example, text }): Label => {
        const { prompt, columns } = project.datasets.task(example)
        return { response: id, ...labelled(source, { prompt, text, columns }, parsed) }
      })
      project.rewards.add(name, stored, labels)
      job.progress((done += labels.length))
      await new Promise(setImmediate) // other requests, and the abort signal, get their turn
      job.signal.throwIfAborted()
    }
  },

  // its subject is the collection, which it did not make
  discard: () => {}
}

/** One response's label. NaN or infinity from a source is a failure like any other. */
export function labelled(source: RewardSource, item: ToScore, settings: Record<string, unknown>): { value: number | null; failure: string | null } {
  try {
    const value = source.score(item, settings)
    if (!Number.isFinite(value)) throw new Error(`the source gave ${value}`)
    return { value, failure: null }
  } catch (error) {
    return { value: null, failure: error instanceof Error ? error.message : String(error) }
  }
}

export function rewardSummary(project: Project, collection: number, source: string): RewardSummary {
  return summarise(source, project.rewards.labels(collection, source))
}
