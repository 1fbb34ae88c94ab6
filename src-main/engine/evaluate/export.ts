/** An evaluation as a file: the report, its responses, everything, a table for a paper, or what evaluates the same again. */
import { setImmediate as others } from 'node:timers/promises'
import type { Evaluation, EvaluateSettings, EvaluationTable } from '../../contract/evaluate.ts'
import { StudioError } from '../../contract/errors.ts'
import type { Parsed } from '../../contract/methods.ts'
import { encoderOf } from '../data/export-formats.ts'
import type { Cell, Column } from '../data/export-rows.ts'
import { checkTarget, writeWhole } from '../data/whole-file.ts'
import type { Project } from '../project/project.ts'
import { columnsOf } from './columns.ts'
import { diversity } from './diversity.ts'
import { latexTable } from './latex.ts'
import { reportPage } from './report.ts'
import { readyMetrics } from './study.ts'

const promptsAtOnce = 100

/** @throws StudioError where the evaluation has no table yet, or the file cannot be written */
export async function exportEvaluation(project: Project, { evaluation: id, format, file: path }: Parsed<'evaluate.export'>): Promise<void> {
  const evaluation = project.evaluations.get(id)
  const file = checkTarget(path)
  const pieces = { html, csv, json, latex, settings }[format](project, evaluation)
  await writeWhole(file, async (put) => {
    for (const piece of pieces) {
      await put(piece)
      await others()
    }
  })
}

/** The settings with the reward and the model that they meant: what another run needs. */
export function settingsToRunAgain(project: Project, { id, settings }: Evaluation): { settings: EvaluateSettings; manifest: object } {
  return { settings, manifest: project.evaluations.manifest(id) }
}

function tableOf({ id, table }: Evaluation): EvaluationTable {
  if (table === null) throw new StudioError('bad-request', `evaluation ${id} is not finished, so it has no table yet`)
  return table
}

function* html(project: Project, evaluation: Evaluation): Generator<string> {
  yield reportPage(project, evaluation.id, tableOf(evaluation))
}

function* latex(_project: Project, evaluation: Evaluation): Generator<string> {
  const { settings, datasetName } = evaluation
  yield latexTable(tableOf(evaluation), readyMetrics(settings.metrics), `${datasetName}, reward: ${settings.source}, at most ${settings.maxTokens} tokens, seed ${settings.seed}.`)
}

function* settings(project: Project, evaluation: Evaluation): Generator<string> {
  yield `${JSON.stringify(settingsToRunAgain(project, evaluation), null, 2)}\n`
}

/** A row a response. */
function* csv(project: Project, { id, settings }: Evaluation): Generator<string | Uint8Array> {
  const labels = readyMetrics(settings.metrics).map(({ label }) => label)
  const columns = columnsOf(settings)
  const encoder = encoderOf('csv')
  const texts = ['prompt', 'method', 'settings', 'response', 'preferred', 'failure']
  const names = ['line', 'prompt', 'method', 'label', 'settings', 'seed', 'response', 'tokens', 'reward', 'failure', 'edit', 'diversity', ...labels, 'preferred']
  yield encoder.start(names.map((name): Column => ({ name, type: texts.includes(name) ? 'text' : 'number' })))
  for (const examples of pagesOf(project, id)) {
    const own = new Map(project.evaluations.sideBySide(id, examples).map((row) => [row.example, row]))
    const rows = examples.flatMap((example) => {
      const { prompt, preferred, byMethod } = own.get(example) as NonNullable<ReturnType<typeof own.get>>
      const { line } = project.datasets.task(example)
      return byMethod.map(({ method, name, label, seed, text, tokens, reward, failure, edit, measures }): Cell[] => [
        line, prompt, name, label, JSON.stringify(columns[method]?.choice.settings ?? {}), seed, text, tokens, reward, failure, edit, diversity(text), ...labels.map((one) => measures[one] ?? null), preferred
      ])
    })
    yield encoder.batch(rows)
  }
  yield encoder.end()
}

/** Everything; the responses come last, prompt by prompt. */
function* json(project: Project, evaluation: Evaluation): Generator<string> {
  const { report: _report, finished: _finished, ...facts } = evaluation
  const head = JSON.stringify({ ...facts, ...settingsToRunAgain(project, evaluation), timings: project.evaluations.timings(evaluation.id) }, null, 2)
  yield `${head.slice(0, -2)},\n  "responses": [`
  let first = true
  for (const examples of pagesOf(project, evaluation.id)) {
    const rows = project.evaluations.sideBySide(evaluation.id, examples).map((row) => `\n    ${JSON.stringify(row)}`)
    yield `${first ? '' : ','}${rows.join(',')}`
    first = false
  }
  yield '\n  ]\n}\n'
}

function* pagesOf(project: Project, evaluation: number): Generator<number[]> {
  for (let offset = 0; ; offset += promptsAtOnce) {
    const examples = project.evaluations.examples(evaluation, offset, promptsAtOnce)
    if (examples.length === 0) return
    yield examples
  }
}
