/** A finished evaluation with more: what is there already is not asked for again. */
import type { MethodChoice } from '../../contract/control.ts'
import type { EvaluateSettings, EvaluationExtension } from '../../contract/evaluate.ts'
import { StudioError } from '../../contract/errors.ts'
import { completeChoice } from '../control/methods.ts'
import type { Project } from '../project/project.ts'
import { columnsOf } from './columns.ts'
import { completeMetric, readyMetrics } from './study.ts'

/**
 * The evaluation's settings with what is new. Columns keep their places: what responses and figures are called by.
 * @throws StudioError or ZodError
 */
export function extended(project: Project, { evaluation, methods, metrics, seeds }: EvaluationExtension): EvaluateSettings {
  const { settings, finished } = project.evaluations.get(evaluation)
  if (!finished) throw new StudioError('bad-request', `evaluation ${evaluation} is not finished: let it go on first`)
  if (seeds !== null && seeds < settings.seeds) throw new StudioError('bad-request', `evaluation ${evaluation} has ${settings.seeds} seeds already, and none is taken away`)
  const columns = columnsOf(settings).map(({ choice }) => choice)
  const added = methods.map(completeChoice).filter((choice) => !columns.some((other) => sameChoice(other, choice)))
  const labels = new Set(readyMetrics(settings.metrics).map(({ label }) => label))
  const measured = metrics.map((metric) => completeMetric(metric, project)).filter((metric) => readyMetrics([metric]).every(({ label }) => !labels.has(label)))
  return {
    ...settings,
    ...(settings.sweep === null ? { methods: [...settings.methods, ...added] } : { further: [...settings.further, ...added] }),
    metrics: [...settings.metrics, ...measured],
    seeds: seeds ?? settings.seeds
  }
}

/** Two jobs on one evaluation would answer for each other. @param job the one that asks */
export function refuseUnfinished(project: Project, evaluation: number, job: number): void {
  const other = project.jobs.list(1000).find(({ id, kind, subject, state }) => id !== job && kind === 'evaluate' && subject === evaluation && ['queued', 'running', 'paused', 'failed'].includes(state))
  if (other !== undefined) throw new StudioError('busy', `evaluation ${evaluation} has a job that is ${other.state} (${other.title}); let it go on, stop it or discard it first`)
}

function sameChoice(a: MethodChoice, b: MethodChoice): boolean {
  const entries = ({ settings }: MethodChoice): string => JSON.stringify(Object.entries(settings).sort(([x], [y]) => (x < y ? -1 : 1)))
  return a.name === b.name && entries(a) === entries(b)
}
