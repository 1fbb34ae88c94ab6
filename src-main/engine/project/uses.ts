/** What may not be deleted, as something else in the project needs it. All throw StudioError 'bad-request' or 'busy', with the reason. */
import type { EvaluateSettings } from '../../contract/evaluate.ts'
import type { JobState } from '../../contract/job.ts'
import { StudioError } from '../../contract/errors.ts'
import { termsOf } from '../control/ascent-settings.ts'
import { columnsOf } from '../evaluate/columns.ts'
import { partNames } from '../reward/mix.ts'
import type { StoredJob } from './jobs.ts'
import type { Project } from './project.ts'

/** Settings of jobs and methods that name a thing by its id. */
const collectionSettings = ['collection', 'preferred', 'dispreferred']
const valueFunctionSettings = ['valueFunction', 'probe', 'of']

/** A job in one of these goes on, or may. */
const unfinished: JobState[] = ['queued', 'running', 'paused']
const lookedAt = 200

export function refuseUsedCollection(project: Project, id: number): void {
  const { datasetName } = project.collections.get(id)
  const name = `collection #${id} of ${datasetName}`
  const trained = project.valueFunctions.list().filter(({ collection }) => collection === id)
  if (trained.length > 0) throw inUse(name, `${listed(trained.map((one) => one.name))} ${trained.length === 1 ? 'was' : 'were'} trained on it`)
  refuseJobs(project, name, ({ kind, subject, settings }) => (makesCollections.has(kind) && subject === id) || names(settings, collectionSettings, id))
}

export function refuseUsedValueFunction(project: Project, id: number): void {
  const { name } = project.valueFunctions.detail(id)
  const studies = project.evaluations.list().filter(({ settings }) => columnsOf(settings).some(({ choice }) => steersWith(choice.settings, id)))
  if (studies.length > 0) throw inUse(name, `evaluation ${listed(studies.map((one) => `#${one.id}`))} ${studies.length === 1 ? 'steers' : 'steer'} with it`)
  refuseJobs(project, name, ({ kind, subject, settings }) => (kind === 'train' && subject === id) || names(settings, valueFunctionSettings, id))
}

export function refuseBusyEvaluation(project: Project, id: number): void {
  project.evaluations.get(id)
  refuseJobs(project, `evaluation #${id}`, ({ kind, subject, settings }) => kind === 'evaluate' && (subject === id || names(settings, ['evaluation'], id)))
}

/** By the labellings and evaluations whose rewards it gave: without it nothing more could be scored in the same way. */
export function refuseUsedHead(project: Project, id: number): void {
  const { datasetName } = project.preferenceHeads.get(id)
  const name = `preference head #${id} of ${datasetName}`
  const newest = project.preferenceHeads.list().at(-1)?.id === id
  /** a source's settings; in those of a job no number stands for the newest head */
  const scores = (source: unknown, settings: unknown, orNewest: boolean): boolean => source === 'preference' && (names(settings, ['head'], id) || (orNewest && newest && !namesAny(settings, 'head')))
  const labelled = project.rewards.counting().filter(({ source, settings }) => scores(source, settings, false))
  if (labelled.length > 0) throw inUse(name, `it gave ${listed(labelled.map((one) => `the rewards "${one.name}" of collection #${one.collection}`))}`)
  const studies = project.evaluations.list().filter((one) => {
    const { source, settings } = scoredBy(project, one.id)
    return scores(source, settings, false)
  })
  if (studies.length > 0) throw inUse(name, `evaluation ${listed(studies.map((one) => `#${one.id}`))} ${studies.length === 1 ? 'scores' : 'score'} with it`)
  refuseJobs(project, name, ({ kind, subject, settings }) => {
    if (kind === 'preference') return subject === id
    const { source, settings: own, sourceSettings } = settings as Record<string, unknown>
    return (kind === 'reward' && scores(source, own, true)) || (kind === 'evaluate' && scores(source, sourceSettings, true))
  })
}

/** All that is labelled under a name in a collection. */
export function refuseUsedLabelling(project: Project, collection: number, name: string): void {
  project.rewards.labelling(collection, name)
  const called = `the rewards "${name}" of collection #${collection}`
  const trained = project.valueFunctions.list().filter((one) => one.collection === collection && one.source === name)
  if (trained.length > 0) throw inUse(called, `${listed(trained.map((one) => one.name))} ${trained.length === 1 ? 'was' : 'were'} trained on them`)
  const mixes = (source: unknown, settings: unknown): boolean => source === 'mix' && names(settings, ['collection'], collection) && partNames(settings as Record<string, unknown>).includes(name)
  const mixed = project.rewards.counting().filter(({ source, settings }) => mixes(source, settings))
  if (mixed.length > 0) throw inUse(called, `${listed(mixed.map((one) => `"${one.name}" of collection #${one.collection}`))} ${mixed.length === 1 ? 'is' : 'are'} mixed from them`)
  // in an evaluation a name stands for the newest labelling that has it
  const standsFor = project.rewards.newest().some((one) => one.name === name && one.collection === collection)
  const studies = project.evaluations.list().filter((one) => {
    const { source, settings } = scoredBy(project, one.id)
    return mixes(source, settings) || (standsFor && scoresByName(one.settings, name))
  })
  if (studies.length > 0) throw inUse(called, `evaluation ${listed(studies.map((one) => `#${one.id}`))} ${studies.length === 1 ? 'scores' : 'score'} by that name`)
  refuseJobs(project, called, ({ kind, settings }) => {
    const given = settings as Record<string, unknown>
    if (kind === 'evaluate') return 'methods' in given && 'dataset' in given && standsFor && scoresByName(given as unknown as EvaluateSettings, name)
    if (given['collection'] !== collection) return false
    return (kind === 'reward' && ((given['name'] ?? given['source']) === name || mixes(given['source'], { collection, ...(given['settings'] as object) }))) || (kind === 'train' && given['source'] === name) || kind === 'export-states'
  })
}

/** Its reward, or one that a method chooses by or a metric reads. */
function scoresByName(settings: EvaluateSettings, name: string): boolean {
  const { source, sourceSettings = null, metrics = [] } = settings
  const columns = columnsOf({ methods: settings.methods, sweep: settings.sweep ?? null, further: settings.further ?? [] })
  return (sourceSettings === null && source === name) || [...columns.map(({ choice }) => choice), ...metrics].some((choice) => choice.settings['reward'] === name)
}

/** How an evaluation began to score; of one from before this was kept nothing is known. */
function scoredBy(project: Project, evaluation: number): { source?: string; settings?: Record<string, unknown> } {
  return (project.evaluations.manifest(evaluation).settings?.['scoredBy'] as { source: string; settings: Record<string, unknown> } | undefined) ?? {}
}

const makesCollections = new Set<StoredJob['kind']>(['collect', 'import-states'])

function refuseJobs(project: Project, name: string, needs: (job: StoredJob) => boolean): void {
  const job = project.jobs.list(lookedAt).find((one) => unfinished.includes(one.state) && needs(one))
  if (job !== undefined) throw new StudioError('busy', `${name} cannot be deleted: a job that is ${job.state} needs it (${job.title}); stop or discard that first`)
}

function inUse(name: string, reason: string): StudioError {
  return new StudioError('bad-request', `${name} cannot be deleted: ${reason}`)
}

function steersWith(settings: Record<string, unknown>, id: number): boolean {
  const { further } = settings
  return names(settings, valueFunctionSettings, id) || (typeof further === 'string' && termsOf({ valueFunction: id, further }).slice(1).some((term) => term.valueFunction === id))
}

function names(settings: unknown, keys: string[], id: number): boolean {
  return typeof settings === 'object' && settings !== null && Object.entries(settings).some(([key, value]) => keys.includes(key) && value === id)
}

function namesAny(settings: unknown, key: string): boolean {
  return typeof settings === 'object' && settings !== null && typeof (settings as Record<string, unknown>)[key] === 'number'
}

function listed(names: string[]): string {
  return names.length <= 3 ? names.join(', ') : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`
}
