/** The table of an evaluation, from its responses and what was measured of them: every figure over prompts. */
import { mean } from 'simple-statistics'
import { setImmediate as others } from 'node:timers/promises'
import type { Comparison, EvaluateSettings, EvaluationTable, Metric } from '../../contract/evaluate.ts'
import type { Measure, ScoredResponse } from '../project/evaluations.ts'
import { alarmsOf } from './alarms.ts'
import { bootstrapMean } from './bootstrap.ts'
import { columnsOf } from './columns.ts'
import { compared, corrected } from './comparison.ts'
import { figuresOf, type ByPrompt } from './figures.ts'
import { methodLabels } from './labels.ts'
import type { Aggregate } from './metric.ts'

/** What of an evaluation is in the project. */
export interface Evaluated {
  responses: ScoredResponse[]
  measures: Measure[]
  /** wall [tokens, seconds] of each column's runs */
  timings: [tokens: number, seconds: number][]
  /** by column and label: figures that are no mean over prompts */
  aggregates?: Aggregate[][]
  remarks?: string[]
}

/** Of a metric, what its column needs. */
export interface TableMetric {
  label: string
  better: Metric['better']
  againstBase: boolean
}

/** Takes turns with whatever else waits: thousands of prompts and dozens of columns are seconds of work. */
export async function evaluationTable(settings: EvaluateSettings, metrics: TableMetric[], { responses, measures, timings, aggregates = [], remarks = [] }: Evaluated): Promise<EvaluationTable> {
  const columns = columnsOf(settings)
  const labels = methodLabels(columns.map(({ choice }) => choice))
  const figures = figuresOf(columns.length, metrics.map(({ label }) => label), responses, measures)
  const counts = columns.map((_, method) => countsOf(method, responses, measures))
  const seconds = timings.map(([tokens, time]) => time / Math.max(1, tokens))
  const first = seconds[0] ?? 0

  const methods: EvaluationTable['methods'] = []
  for (const [i, { choice, point }] of columns.entries()) {
    const { responses: count, unlabelled, measured } = counts[i] as Counts
    const ofDiversity = interval(figures.diversity[i])
    const ownMeasures = metrics.filter(({ againstBase }) => !againstBase || i > 0).map(({ label }) => [label, { ...interval(figures.measures.get(label)?.[i]), failed: count - (measured.get(label) ?? 0) }] as const)
    methods.push({
      ...choice,
      label: labels[i] ?? choice.name,
      point,
      responses: count,
      unlabelled,
      reward: interval(figures.reward[i]),
      diversity: ofDiversity.mean,
      diversityInterval: ofDiversity,
      secondsPerToken: seconds[i] ?? 0,
      timeRatio: first > 0 && (seconds[i] ?? 0) > 0 ? (seconds[i] as number) / first : null,
      edit: meanOf(figures.edit[i]),
      measures: Object.fromEntries([...ownMeasures, ...(aggregates[i] ?? []).map(({ label, ...whole }) => [label, { ...whole, failed: 0 }] as const)])
    })
    await others()
  }

  const against = async (columnsOfFigure: ByPrompt[]): Promise<Comparison[]> => {
    const [base = new Map(), ...rest] = columnsOfFigure
    const comparisons: Comparison[] = []
    for (const one of rest) {
      comparisons.push(compared(base, one))
      await others()
    }
    return corrected(comparisons)
  }
  const rewards = await against(figures.reward)
  const diversities = await against(figures.diversity)
  const byMetric: [string, Comparison[]][] = []
  for (const { label, againstBase } of metrics) if (!againstBase) byMetric.push([label, await against(figures.measures.get(label) ?? [])])
  const paired = rewards.map((reward, i) => ({
    ...reward, a: labels[0] ?? '', b: labels[i + 1] ?? '',
    diversity: diversities[i] ?? null,
    measures: Object.fromEntries(byMetric.map(([label, comparisons]) => [label, comparisons[i] as Comparison]))
  }))
  return { methods, paired, alarms: await alarmsOf(settings, metrics, { methods, paired }, figures, responses, measures), remarks }
}

interface Counts {
  responses: number
  unlabelled: number
  /** by the metric's label */
  measured: Map<string, number>
}

function countsOf(method: number, responses: ScoredResponse[], measures: Measure[]): Counts {
  const own = responses.filter((response) => response.method === method)
  const measured = new Map<string, number>()
  for (const { method: of, metric, value } of measures) if (of === method && value !== null) measured.set(metric, (measured.get(metric) ?? 0) + 1)
  return { responses: own.length, unlabelled: own.filter(({ reward }) => reward === null).length, measured }
}

function interval(values: ByPrompt = new Map()): ReturnType<typeof bootstrapMean> {
  return bootstrapMean([...values.values()])
}

function meanOf(values: ByPrompt = new Map()): number | null {
  return values.size === 0 ? null : mean([...values.values()])
}
