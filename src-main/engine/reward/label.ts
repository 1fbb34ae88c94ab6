/** The reward job: labels what has no reward yet; a label that fails stays a reason, never a number. */
import type { LabelSettings, RewardPreview } from '../../contract/reward.ts'
import { StudioError } from '../../contract/errors.ts'
import type { AskedFor, Door } from '../asked-for.ts'
import type { JobContext, JobWork } from '../jobs/runner.ts'
import type { Models } from '../models/models.ts'
import type { Project } from '../project/project.ts'
import type { Label } from '../project/rewards.ts'
import type { Secrets } from '../secrets.ts'
import type { RewardSource, Scorer, ToScore, Verdict } from './source.ts'
import { sourceNamed } from './sources.ts'

const labelsPerTransaction = 500
const keepEveryMs = 1000
const longestReason = 1000

/** What these settings themselves would run or send to. @throws StudioError or ZodError for settings that cannot be */
export function labelDoors({ source: name, settings }: Pick<LabelSettings, 'source' | 'settings'>): Door[] {
  const source = sourceNamed(name)
  const door = source.door?.(source.settings.parse(settings)) ?? null
  return door === null ? [] : [door]
}

export function rewardWork(models: Models, secrets: Secrets, asked: AskedFor): JobWork<LabelSettings> {
  return {
    unit: 'responses',
    title: ({ source, name }) => `Label by ${name ?? sourceNamed(source).title.toLowerCase()}`,

    async run({ collection, source: sourceName, name, settings: given }, project, job) {
      const { source, settings } = completed(sourceName, given, project, collection, name)
      const total = project.collections.get(collection).responses
      if (total === 0) throw new StudioError('bad-request', `collection ${collection} has no responses to label`)
      job.subject(collection)
      job.phase('Getting ready', { done: 0, total })
      const scorer = await source.open(settings, { project, models, secrets, asked, sourceNamed, signal: job.signal })
      try {
        // only now: a choice that cannot label anything must not hide the labels that there are
        const labelling = project.rewards.choose(collection, name ?? source.name, source.name, settings, sameAs(source, settings))
        const failed = await label(project, labelling, waitingFor(source, project, labelling, collection), total, scorer, job)
        if (failed > 0) return `Done, but ${failed} of ${total} responses stay without a reward`
      } finally {
        scorer.close()
      }
    },

    // its subject is the collection, which it did not make
    discard: () => {}
  }
}

/** Keeps labels as they come, a transaction for many of them. @returns how many failed */
async function label(project: Project, labelling: number, waiting: number[], total: number, scorer: Scorer, job: JobContext): Promise<number> {
  let done = total - waiting.length
  let failed = 0
  let labels: Label[] = []
  let kept = performance.now()
  const keep = (): void => {
    project.rewards.add(labelling, labels)
    labels = []
    kept = performance.now()
  }
  job.phase('Labelling', { done, total })
  try {
    await scorer.score(itemsOf(project, waiting), ({ response }, verdict) => {
      if (response === null) return
      const outcome = labelOf(verdict)
      if (outcome.value === null) failed++
      labels.push({ response, ...outcome })
      if (labels.length >= labelsPerTransaction || performance.now() - kept > keepEveryMs) keep()
      job.progress(++done)
    })
  } finally {
    keep()
  }
  return failed
}

/** What a labelling would do. @throws StudioError or ZodError for settings that cannot be */
export async function previewLabelling({ collection, source: sourceName, name, settings: given }: LabelSettings, project: Project, models: Models, secrets: Secrets, asked: AskedFor): Promise<RewardPreview> {
  const { source, settings } = completed(sourceName, given, project, collection, name)
  const known = project.rewards.choices(collection, name ?? source.name, source.name).find((l) => sameAs(source, settings)(l.settings))
  const waiting = known === undefined ? project.responses.ids(collection) : waitingFor(source, project, known.id, collection)
  const [first = null] = itemsOf(project, waiting.slice(0, 1))
  const nothing = { sample: null, facts: [] }
  const seen = source.preview === undefined ? nothing : await source.preview(settings, { first, items: itemsOf(project, waiting), count: waiting.length }, { project, models, secrets, asked, sourceNamed, signal: new AbortController().signal })
  return { responses: waiting.length, ...seen }
}

/** What float32 cannot hold is a failure like any other: NaN, infinity, 1e39. */
export function labelOf(verdict: Verdict): { value: number | null; failure: string | null } {
  if ('failure' in verdict) return { value: null, failure: verdict.failure.slice(0, longestReason) }
  return Number.isFinite(Math.fround(verdict.value)) ? { value: verdict.value, failure: null } : { value: null, failure: `the source gave ${verdict.value}` }
}

function completed(sourceName: string, given: Record<string, unknown>, project: Project, collection: number, name: string | null): { source: RewardSource; settings: Record<string, unknown> } {
  const source = sourceNamed(sourceName)
  const settings = source.settings.parse(given)
  project.collections.get(collection)
  return { source, settings: source.complete === undefined ? settings : source.complete(settings, project, collection, name ?? source.name) }
}

/** Whether other settings of the source give the same rewards. */
function sameAs(source: RewardSource, settings: Record<string, unknown>): (other: Record<string, unknown>) => boolean {
  const decisive = (chosen: Record<string, unknown>): string => JSON.stringify(source.decisive === undefined ? chosen : source.decisive(chosen))
  const wanted = decisive(settings)
  return (other) => decisive(other) === wanted
}

function waitingFor(source: RewardSource, project: Project, labelling: number, collection: number): number[] {
  return source.changes === true ? project.responses.ids(collection) : project.rewards.waiting(labelling)
}

function* itemsOf(project: Project, responses: number[]): Generator<ToScore> {
  for (const id of responses) {
    const { example, text } = project.responses.text(id)
    const { prompt, messages, columns } = project.datasets.task(example)
    yield { response: id, prompt, messages, text, columns }
  }
}
