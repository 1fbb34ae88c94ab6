/** The report's figures of a sweep, and of what reward costs in time: the paper's, for this table. */
import type { EvaluateSettings, EvaluationTable } from '../../contract/evaluate.ts'
import { html, type Html } from './html.ts'
import { errorBarChart, frontChart, type Point } from './svg.ts'

type Method = EvaluationTable['methods'][number]
type Interval = { mean: number | null; low: number | null; high: number | null }

export function studyFigures({ sweep, source }: EvaluateSettings, { methods }: EvaluationTable): Html[] {
  const labels = [...new Set(methods.flatMap(({ measures }) => Object.keys(measures)))]
  const figures: [string, (method: Method) => Interval | null | undefined][] = [
    [`Reward (${source})`, ({ reward }) => reward],
    ['Diversity', ({ diversityInterval }) => diversityInterval],
    ...labels.map((label): [string, (method: Method) => Interval | undefined] => [label, ({ measures }) => measures[label]])
  ]
  const over = Object.keys(sweep?.over ?? {})
  const swept = over.flatMap((setting) => figures.map(([what, of]) => sweepFigure(methods, setting, over.filter((other) => other !== setting), what, of)))
  return [...swept, ...timeFigure(methods, source)]
}

/** A line for each combination of the other settings of the sweep. */
function sweepFigure(methods: Method[], setting: string, others: string[], what: string, of: (method: Method) => Interval | null | undefined): Html {
  const points = methods.flatMap((method) => {
    const interval = of(method)
    const x = method.point?.[setting]
    if (x === undefined || interval === null || interval === undefined || interval.mean === null) return []
    return [{ line: others.map((other) => `${other} ${method.point?.[other]}`).join(', '), point: { ...interval, x, mean: interval.mean } }]
  })
  const lines = [...Map.groupBy(points, ({ line }) => line)].map(([label, group]) => ({ label, points: group.map(({ point }): Point => point).sort((a, b) => a.x - b.x) }))
  const first = methods[0]
  const level = first === undefined ? null : (of(first)?.mean ?? null)
  return html`<figure>
<figcaption>${what} by ${setting}, with 95 % bootstrap intervals over prompts</figcaption>
${errorBarChart(setting, what, lines, first === undefined || level === null ? null : { label: first.label, mean: level })}
</figure>`
}

/** Time a token over the first method's against reward: on the front is what nothing else beats in both. */
function timeFigure(methods: Method[], source: string): Html[] {
  const points = methods.flatMap(({ label, timeRatio, reward }) => (timeRatio === null || reward.mean === null ? [] : [{ label, x: timeRatio, y: reward.mean }]))
  if (points.length < 2) return []
  const beaten = (one: { x: number; y: number }): boolean => points.some((other) => other.x <= one.x && other.y >= one.y && (other.x < one.x || other.y > one.y))
  return [html`<figure>
<figcaption>What reward costs: time a token over that of ${methods[0]?.label ?? ''} against reward (${source}); the line joins what nothing else beats in both</figcaption>
${frontChart('time a token, times the first', `reward (${source})`, points.map((point) => ({ ...point, onFront: !beaten(point) })))}
</figure>`]
}
