/** Two columns of the same or of two evaluations, and the prompts of one in the order of their figures. */
import type { Comparison, ResponseOrder } from '../../contract/evaluate.ts'
import { StudioError } from '../../contract/errors.ts'
import type { Parsed } from '../../contract/methods.ts'
import type { Project } from '../project/project.ts'
import { columnsOf } from './columns.ts'
import { compared } from './comparison.ts'
import { diversity } from './diversity.ts'
import { byPrompt, type ByPrompt } from './figures.ts'
import { readyMetrics } from './study.ts'

/** b minus a. @throws StudioError for a column or a measure that is not there, and for figures that are not of one kind */
export function compareColumns(project: Project, { a, b, measure }: Parsed<'evaluate.compare'>): Comparison {
  const figure = measure ?? 'reward'
  for (const { evaluation } of [a, b]) project.evaluations.get(evaluation) // before what they are of is asked
  if (a.evaluation !== b.evaluation) refuseOtherKind(project, a.evaluation, b.evaluation, figure)
  return compared(column(project, a, figure), column(project, b, figure))
}

/** The prompts that the column and its order put first; those without a figure come last, in their order. */
export function orderedExamples(project: Project, evaluation: number, { method, figure, minusFirst, ascending }: ResponseOrder): number[] {
  const own = column(project, { evaluation, method }, figure)
  const first = minusFirst ? column(project, { evaluation, method: 0 }, figure) : null
  const examples = project.evaluations.examples(evaluation, 0, -1)
  const value = new Map(examples.map((example) => {
    const [mine, other] = [own.get(example), first === null ? 0 : first.get(example)]
    return [example, mine === undefined || other === undefined ? null : mine - other]
  }))
  const [known, unknown] = [examples.filter((example) => value.get(example) !== null), examples.filter((example) => value.get(example) === null)]
  const sign = ascending ? 1 : -1
  return [...known.sort((x, y) => sign * ((value.get(x) as number) - (value.get(y) as number)) || x - y), ...unknown]
}

function column(project: Project, { evaluation, method }: { evaluation: number; method: number }, figure: string): ByPrompt {
  const { evaluations } = project
  const { settings } = evaluations.get(evaluation)
  const count = columnsOf(settings).length
  if (method >= count) throw new StudioError('not-found', `evaluation ${evaluation} has ${count} methods; there is none of index ${method}`)
  const labels = readyMetrics(settings.metrics).map(({ label }) => label)
  const figures = (): ByPrompt[] => {
    switch (figure) {
      case 'reward':
        return byPrompt(count, evaluations.figures(evaluation, method), ({ reward }) => reward)
      case 'edit':
        return byPrompt(count, evaluations.figures(evaluation, method), ({ edit }) => edit)
      case 'diversity':
        return byPrompt(count, evaluations.responses(evaluation, method), ({ text }) => diversity(text))
      default:
        if (!labels.includes(figure)) throw new StudioError('not-found', `evaluation ${evaluation} has no measure ${figure}; it has ${['reward', 'diversity', 'edit', ...labels].join(', ')}`)
        return byPrompt(count, evaluations.measures(evaluation, [figure]), ({ value }) => value)
    }
  }
  return figures()[method] ?? new Map()
}

/** The tone of one answer minus what people think of another says nothing. */
function refuseOtherKind(project: Project, a: number, b: number, figure: string): void {
  const kind = (evaluation: number): string | undefined => {
    if (figure === 'reward') return JSON.stringify(project.evaluations.manifest(evaluation).settings?.['scoredBy'])
    const metric = readyMetrics(project.evaluations.get(evaluation).settings.metrics).find(({ label }) => label === figure)
    return metric && JSON.stringify([metric.source.name, metric.settings])
  }
  if (kind(a) !== kind(b)) throw new StudioError('bad-request', `the ${figure} of evaluation ${a} and that of evaluation ${b} are not by the same source and settings: they cannot be compared`)
}
