/** What an evaluation's settings ask for, checked before anything is made. */
import type { EvaluateSettings, Metric, MetricChoice, Sweep } from '../../contract/evaluate.ts'
import { StudioError } from '../../contract/errors.ts'
import type { Door } from '../asked-for.ts'
import { completeChoice, methodNamed, resolveMethod, type ResolvedMethod } from '../control/methods.ts'
import type { Project } from '../project/project.ts'
import { columnsOf, pointsOf } from './columns.ts'
import { methodLabels } from './labels.ts'
import { labelDoors } from '../reward/label.ts'
import type { MetricSource } from './metric.ts'
import { metricNamed } from './metrics.ts'

const mostColumns = 256

export interface StudyColumn {
  method: ResolvedMethod
  label: string
  /** its index among the sweep's points; null for all others */
  point: number | null
}

export interface ReadyMetric {
  label: string
  better: Metric['better']
  /** whether the first method, which it compares with, has no value itself */
  againstBase: boolean
  source: MetricSource
  settings: Record<string, unknown>
}

export interface Study {
  columns: StudyColumn[]
  metrics: ReadyMetric[]
}

/** @throws StudioError 'bad-request' or ZodError for what cannot be evaluated */
export function studyOf(settings: EvaluateSettings): Study {
  if (settings.sweep !== null) checkSweep(settings.sweep)
  if (settings.halving !== null && settings.sweep === null) throw new StudioError('bad-request', 'successive halving needs a sweep: it drops points of it')
  const columns = columnsOf(settings)
  if (columns.length > mostColumns) throw new StudioError('bad-request', `these are ${columns.length} methods and points of a sweep; at most ${mostColumns} are evaluated at once`)
  const labels = methodLabels(columns.map(({ choice }) => choice))
  let point = 0
  return {
    columns: columns.map((column, i) => ({ method: resolveMethod(column.choice), label: labels[i] ?? column.choice.name, point: column.point === null ? null : point++ })),
    metrics: readyMetrics(settings.metrics)
  }
}

/** With every setting that methods and metrics have, defaults included, as runs keep them. @throws as studyOf */
export function completeStudy(settings: EvaluateSettings, project: Project): EvaluateSettings {
  studyOf(settings)
  const { methods, sweep, further, metrics } = settings
  return { ...settings, methods: methods.map(completeChoice), sweep: sweep && completeSweep(sweep), further: further.map(completeChoice), metrics: metrics.map((metric) => completeMetric(metric, project)) }
}

export function completeMetric({ name, settings: chosen }: MetricChoice, project: Project): MetricChoice {
  const source = metricNamed(name)
  const settings = source.settings.parse(chosen)
  return { name, settings: source.complete === undefined ? settings : source.complete(settings, project) }
}

/** What these settings themselves would run or send to, as `labelDoors`; not the rewards that they only name. @throws StudioError or ZodError */
export function evaluationDoors({ source, sourceSettings, metrics }: Pick<EvaluateSettings, 'source' | 'sourceSettings' | 'metrics'>): Door[] {
  return [...(sourceSettings === null ? [] : labelDoors({ source, settings: sourceSettings })), ...measureDoors(metrics)]
}

export function measureDoors(metrics: MetricChoice[]): Door[] {
  return readyMetrics(metrics).flatMap(({ source, settings }) => source.door?.(settings) ?? [])
}

/** All that measuring would do at the project's word. */
export function metricDoors({ source, settings }: ReadyMetric, project: Project): Door[] {
  return [source.door?.(settings) ?? [], source.doorsBehind?.(settings, project) ?? []].flat()
}

/** Two of one label could not be told apart, and a figure that every table has is none of theirs. @throws StudioError or ZodError */
export function readyMetrics(choices: MetricChoice[]): ReadyMetric[] {
  const taken = new Set(['reward', 'diversity', 'edit'])
  return choices.map(({ name, settings: chosen }) => {
    const source = metricNamed(name)
    const settings = source.settings.parse(chosen)
    const label = source.label(settings)
    if (taken.has(label)) throw new StudioError('bad-request', `two measures would be called ${label}; choose each once`)
    taken.add(label)
    return { label, better: source.better, againstBase: source.againstBase?.(settings) === true, source, settings }
  })
}

/** The settings that are swept are left to its points. */
function completeSweep(sweep: Sweep): Sweep {
  const [first = {}] = pointsOf(sweep)
  const { name, settings } = completeChoice({ name: sweep.method.name, settings: { ...sweep.method.settings, ...first } })
  return { ...sweep, method: { name, settings: Object.fromEntries(Object.entries(settings).filter(([key]) => !Object.hasOwn(sweep.over, key))) } }
}

/** A misspelt setting would be dropped without a word, and every point be the same. */
function checkSweep({ method, over }: Sweep): void {
  const known = Object.keys(methodNamed(method.name).settings.shape)
  const names = Object.keys(over)
  if (names.length === 0) throw new StudioError('bad-request', `the sweep of ${method.name} names no setting to go over`)
  for (const name of names) {
    if (!known.includes(name)) throw new StudioError('bad-request', `${method.name} has no setting ${name} to go over; it has ${known.join(', ')}`)
    const values = over[name] ?? []
    const twice = values.find((value, i) => values.indexOf(value) < i)
    if (twice !== undefined) throw new StudioError('bad-request', `the sweep has ${name} ${twice} twice`)
  }
}
