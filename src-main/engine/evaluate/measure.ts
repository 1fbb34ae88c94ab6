/** Rewards and measures of an evaluation's responses: after they are generated, as a source may need a model of its own. What failed before is tried again. */
import type { JobContext } from '../jobs/runner.ts'
import type { Task } from '../project/datasets.ts'
import type { Measure, ResponsePlace, Scored, ScoredResponse } from '../project/evaluations.ts'
import type { Project } from '../project/project.ts'
import { labelOf } from '../reward/label.ts'
import type { RewardSource, Surroundings, ToScore } from '../reward/source.ts'
import type { Aggregate, Measured, ToMeasure } from './metric.ts'
import type { ReadyMetric, Study } from './study.ts'

/** Verdicts are kept some at a time: each time costs a flush to the disk. */
const keptAtOnce = 500
const keepEveryMs = 1000

export interface Answered {
  evaluation: number
  study: Study
  /** by the id of their example */
  tasks: Map<number, Task>
}

/** Scores what has no reward. @param total of responses, when all are there */
export async function scoreResponses({ evaluation, tasks }: Answered, source: RewardSource, settings: Record<string, unknown>, surroundings: Surroundings, job: JobContext, total: number): Promise<void> {
  const { evaluations } = surroundings.project
  const waiting = new Map<ToScore, ResponsePlace>()
  for (const response of evaluations.responses(evaluation)) {
    const task = tasks.get(response.example)
    if (task === undefined || response.reward !== null || response.tokens === 0) continue
    const { prompt, messages, columns } = task
    waiting.set({ response: null, prompt, messages, text: response.text, columns }, placeOf(response))
  }
  if (waiting.size === 0) return
  let done = evaluations.answered(evaluation).length - waiting.size
  job.phase('Labelling', { done, total })
  const scorer = await source.open(settings, surroundings)
  const kept = new KeptInBatches<Scored>((rewards) => evaluations.setRewards(evaluation, rewards))
  try {
    await scorer.score(waiting.keys(), (item, verdict) => {
      kept.add({ ...(waiting.get(item) as ResponsePlace), ...labelOf(verdict) })
      job.progress(++done)
    })
  } finally {
    kept.flush()
    scorer.close()
  }
}

/** Measures what has no measure by this metric. */
export async function measureResponses(answered: Answered, metric: ReadyMetric, surroundings: Surroundings, job: JobContext, total: number): Promise<void> {
  const { evaluation } = answered
  const { evaluations } = surroundings.project
  const known = new Set(evaluations.measures(evaluation, [metric.label]).flatMap((measure) => (measure.value === null ? [] : [keyOf(measure)])))
  const waiting = evaluations.responses(evaluation).filter((response) => measurable(response, metric, answered) && !known.has(keyOf(response)))
  if (waiting.length === 0) return
  let done = total - waiting.length
  const phase = `Measuring: ${metric.label}`
  job.phase(phase, { done, total })
  const methods = answered.study.columns.map(({ method }) => method)
  const meter = await metric.source.open(metric.settings, { ...surroundings, methods }, (text) => job.phase(`${phase}, ${text}`, { done, total }))
  const kept = new KeptInBatches<Measure>((measures) => evaluations.addMeasures(evaluation, measures))
  try {
    await meter.measure(itemsOf(waiting, answered, surroundings.project), (item, verdict) => {
      kept.add({ ...placeOf(item), metric: metric.label, ...labelOf(verdict) })
      job.progress(++done)
    })
    evaluations.addRemarks(evaluation, metric.label, meter.remarks?.() ?? [])
  } finally {
    kept.flush()
    meter.close()
  }
}

/** By column: the figures of metrics that are no mean of single responses'. */
export function aggregatesOf(answered: Answered, project: Project): Aggregate[][] {
  const { evaluation, study } = answered
  const whole: Aggregate[][] = study.columns.map(() => [])
  for (const metric of study.metrics) {
    if (metric.source.aggregate === undefined) continue
    const values = new Map(project.evaluations.measures(evaluation, [metric.label]).flatMap((measure) => (measure.value === null ? [] : [[keyOf(measure), measure.value] as const])))
    const measured = project.evaluations.responses(evaluation).filter((response) => measurable(response, metric, answered) && values.has(keyOf(response)))
    const byColumn = Map.groupBy(measured, ({ method }) => method)
    for (const [method, responses] of byColumn) {
      const items = [...itemsOf(responses, answered, project)].map((item): Measured => ({ item, value: values.get(keyOf(item)) as number }))
      whole[method]?.push(...metric.source.aggregate(metric.settings, items))
    }
  }
  return whole
}

function measurable(response: ScoredResponse, { againstBase }: ReadyMetric, { tasks }: Answered): boolean {
  return response.tokens > 0 && tasks.has(response.example) && !(againstBase && response.method === 0)
}

/** Read when they are asked for. */
function* itemsOf(responses: ScoredResponse[], { evaluation, tasks }: Answered, { evaluations }: Project): Generator<ToMeasure> {
  for (const { example, method, seed, text, tokens } of responses) {
    const { prompt, messages, columns, chosen } = tasks.get(example) as Task
    yield {
      response: null, example, method, seed, prompt, messages, columns, text, tokens,
      tokenIds: evaluations.tokenIds(evaluation, { example, method, seed }),
      base: method === 0 ? null : evaluations.text(evaluation, { example, method: 0, seed }),
      preferred: chosen
    }
  }
}

function placeOf({ example, method, seed }: ResponsePlace): ResponsePlace {
  return { example, method, seed }
}

function keyOf({ example, method, seed }: ResponsePlace): string {
  return `${example}/${method}/${seed}`
}

class KeptInBatches<T> {
  readonly #keep: (rows: T[]) => void
  #rows: T[] = []
  #kept = performance.now()

  constructor(keep: (rows: T[]) => void) {
    this.#keep = keep
  }

  add(row: T): void {
    this.#rows.push(row)
    if (this.#rows.length >= keptAtOnce || performance.now() - this.#kept > keepEveryMs) this.flush()
  }

  flush(): void {
    const rows = this.#rows
    this.#rows = []
    this.#kept = performance.now()
    if (rows.length > 0) this.#keep(rows)
  }
}
