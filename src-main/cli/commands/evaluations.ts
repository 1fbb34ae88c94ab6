/** What is done with evaluations that there are: list, show, extend, compare, export. */
import { extname, resolve } from 'node:path'
import { evaluationExtension, evaluationFormat, type Comparison, type EvaluationFormat } from '../../contract/evaluate.ts'
import { columnsOf } from '../../engine/evaluate/columns.ts'
import { compareColumns } from '../../engine/evaluate/compare.ts'
import { exportEvaluation } from '../../engine/evaluate/export.ts'
import { extended } from '../../engine/evaluate/extend.ts'
import { methodLabels } from '../../engine/evaluate/labels.ts'
import { decimal, probability, verdict } from '../../engine/evaluate/wording.ts'
import type { Project } from '../../engine/project/project.ts'
import { number, required, text, UsageError } from '../arguments.ts'
import type { Command, Input } from '../command.ts'
import { deviceFlags, deviceFrom, deviceUsage } from '../device-flags.ts'
import { oneOf } from '../example-flags.ts'
import { methodFlags, methodsFrom } from '../method-flags.ts'
import { metricsFrom } from '../study-flags.ts'
import { columns } from '../terminal.ts'
import { tellEvaluation } from './evaluate.ts'

export const evaluateList: Command = {
  name: 'evaluate list',
  usage: 'evaluate list PROJECT',
  positionals: ['PROJECT'],
  flags: [],
  async run(session, input) {
    const project = await session.open(input.positionals[0] ?? '')
    const evaluations = project.evaluations.list().map(({ table: _table, ...evaluation }) => ({ ...evaluation, prompts: project.evaluations.prompts(evaluation.id) }))
    const rows = evaluations.map((e) => [String(e.id), e.datasetName, String(columnsOf(e.settings).length), String(e.prompts), String(e.settings.seeds), e.settings.source, e.finished ? 'yes' : 'no'])
    session.terminal.result({ evaluations }, columns([['evaluation', 'data set', 'methods', 'prompts', 'seeds', 'reward', 'finished'], ...rows]))
    return 0
  }
}

export const evaluateShow: Command = {
  name: 'evaluate show',
  usage: 'evaluate show PROJECT --evaluation E',
  positionals: ['PROJECT'],
  flags: ['evaluation'],
  async run(session, input) {
    const project = await session.open(input.positionals[0] ?? '')
    tellEvaluation(session, project, project.evaluations.get(Number(required(input, 'evaluation'))))
    return 0
  }
}

export const evaluateExtend: Command = {
  name: 'evaluate extend',
  usage: `evaluate extend PROJECT --evaluation E [--methods 'best-of-n{candidates=4},...' --metrics coherence,reward:NAME,... --seeds N, methods' flags ${deviceUsage}]; without any of them what failed is tried again`,
  positionals: ['PROJECT'],
  flags: ['evaluation', 'methods', 'metrics', 'seeds', ...methodFlags, ...deviceFlags],
  async run(session, input) {
    session.engine.models.override(deviceFrom(input))
    const project = await session.open(input.positionals[0] ?? '')
    const list = text(input, 'methods')
    const extension = evaluationExtension.parse({
      evaluation: Number(required(input, 'evaluation')),
      methods: list === undefined ? [] : methodsFrom(list, 'methods', input, project),
      metrics: metricsFrom(input),
      seeds: number(input, 'seeds') ?? null
    })
    extended(project, extension)
    await session.ensureModel()
    await session.run('evaluate', extension)
    tellEvaluation(session, project, project.evaluations.get(extension.evaluation))
    return 0
  }
}

export const evaluateCompare: Command = {
  name: 'evaluate compare',
  usage: 'evaluate compare PROJECT --a E:METHOD --b E:METHOD [--measure reward|diversity|NAME]; METHOD is its label or its place, from 0',
  positionals: ['PROJECT'],
  flags: ['a', 'b', 'measure'],
  async run(session, input) {
    const project = await session.open(input.positionals[0] ?? '')
    const measure = text(input, 'measure') ?? null
    const [a, b] = [columnFrom(input, 'a', project), columnFrom(input, 'b', project)]
    const comparison = compareColumns(project, { a, b, measure })
    session.terminal.result({ a, b, measure: measure ?? 'reward', ...comparison }, [lineOf(comparison, a.label, b.label)])
    return 0
  }
}

const endings: Record<string, EvaluationFormat> = { '.html': 'html', '.csv': 'csv', '.json': 'json', '.tex': 'latex' }

export const evaluateExport: Command = {
  name: 'evaluate export',
  usage: `evaluate export PROJECT FILE --evaluation E [--format ${evaluationFormat.options.join('|')}]`,
  positionals: ['PROJECT', 'FILE'],
  flags: ['evaluation', 'format'],
  async run(session, input) {
    const [directory = '', name = ''] = input.positionals
    const format = oneOf(input, 'format', evaluationFormat.options) ?? endings[extname(name).toLowerCase()]
    if (format === undefined) throw new UsageError(`--format is missing, and the name does not end in ${Object.keys(endings).join(', ')}`)
    const project = await session.open(directory)
    const evaluation = Number(required(input, 'evaluation'))
    const file = resolve(name)
    await exportEvaluation(project, { evaluation, format, file })
    session.terminal.result({ evaluation, format, file }, [`Evaluation ${evaluation} written to ${file}`])
    return 0
  }
}

function columnFrom(input: Input, flag: string, project: Project): { evaluation: number; method: number; label: string } {
  const given = required(input, flag)
  const at = given.indexOf(':')
  const [evaluation, word] = [Number(given.slice(0, Math.max(0, at))), given.slice(at + 1).trim()]
  if (at < 1 || !Number.isInteger(evaluation)) throw new UsageError(`--${flag} takes EVALUATION:METHOD, e.g. 1:0 or 1:base, not "${given}"`)
  const labels = methodLabels(columnsOf(project.evaluations.get(evaluation).settings).map(({ choice }) => choice))
  const method = labels.indexOf(word) >= 0 ? labels.indexOf(word) : /^\d+$/.test(word) ? Number(word) : -1
  const label = labels[method]
  if (label === undefined) throw new UsageError(`evaluation ${evaluation} has no method "${word}"; it has ${labels.map((one, i) => `${i}: ${one}`).join('; ')}`)
  return { evaluation, method, label }
}

function lineOf(comparison: Comparison, a: string, b: string): string {
  const { prompts, difference, low, high, p } = comparison
  return `${b} - ${a} on ${prompts} prompts: ${decimal(difference)}, paired 95 % interval [${decimal(low)}, ${decimal(high)}], p ${probability(p)}: ${verdict(comparison)}`
}
