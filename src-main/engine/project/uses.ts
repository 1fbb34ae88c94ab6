/** What may not be deleted, as something else in the project needs it. All throw StudioError 'bad-request' or 'busy', with the reason. */
import type { JobState } from '../../contract/job.ts'
import { StudioError } from '../../contract/errors.ts'
import { termsOf } from '../control/ascent-settings.ts'
import { columnsOf } from '../evaluate/columns.ts'
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

function listed(names: string[]): string {
  return names.length <= 3 ? names.join(', ') : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`
}
