import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { collectSettings, type Collection } from '../../contract/collect.ts'
import type { MethodChoice } from '../../contract/control.ts'
import type { Dataset } from '../../contract/data.ts'
import { evaluateSettings, type Evaluation } from '../../contract/evaluate.ts'
import { labelSettings } from '../../contract/reward.ts'
import { trainSettings, type ValueFunction } from '../../contract/value.ts'
import { StudioError } from '../../contract/errors.ts'
import { modelPath } from '../../engine/models/catalogue.ts'
import { inspectModel } from '../../engine/models/inspect.ts'
import { keepPipeline, readPipeline, type Pipeline } from '../../engine/pipeline.ts'
import { Project } from '../../engine/project/project.ts'
import { methodNamed } from '../../engine/control/methods.ts'
import { completeStudy, measureDoors, studyOf } from '../../engine/evaluate/study.ts'
import { labelDoors } from '../../engine/reward/label.ts'
import { rewardSummary } from '../../engine/reward/summary.ts'
import { sourceNamed } from '../../engine/reward/sources.ts'
import { sampleModel } from '../../engine/sample.ts'
import { text } from '../arguments.ts'
import { askForFile } from '../ask-for-file.ts'
import type { Command } from '../command.ts'
import { deviceFacts, deviceFlags, deviceFrom, deviceUsage } from '../device-flags.ts'
import { withValueFunction } from '../method-flags.ts'
import type { Session } from '../session.ts'
import { tableLines } from '../table.ts'

/** The whole pipeline; a step that this project has with the same settings is not run again. */
export const run: Command = {
  name: 'run',
  usage: `run SETTINGS.json [--project DIR --allow ${deviceUsage}]; --allow: to run the program and ask the endpoints that the file names`,
  positionals: ['SETTINGS'],
  flags: ['project', ...deviceFlags],
  switches: ['allow'],
  async run(session, input) {
    session.engine.models.override(deviceFrom(input))
    const settings = readPipeline(input.positionals[0] ?? '')
    checkNames(settings)
    askForFile(session, [...labelDoors(settings.reward), ...measureDoors(settings.evaluate.metrics)], input.positionals[0] ?? '', input)
    const project = await openOrCreate(session, settings, text(input, 'project'))
    keepPipeline(project, settings)
    session.terminal.note(`Project: ${project.directory}`)
    await session.ensureModel()

    const dataset = await importOnce(session, project, settings)
    session.terminal.note(`Data: ${dataset.examples} rows (${dataset.train} train, ${dataset.heldOut} held-out), ${dataset.rejected} rejected`)
    const collection = await collectOnce(session, project, collectSettings.parse({ ...settings.collect, dataset: dataset.id }))
    session.terminal.note(`Collect: ${collection.responses} responses, ${collection.tokens} tokens and states`)
    await session.run('reward', labelSettings.parse({ collection: collection.id, ...settings.reward }))
    const source = settings.reward.name ?? settings.reward.source
    const reward = rewardSummary(project, collection.id, source)
    session.terminal.note(`Reward: ${reward.labelled} labelled by ${source}, ${reward.failed} failed, mean ${reward.mean?.toFixed(4) ?? '-'}`)
    const value = await trainOnce(session, project, trainSettings.parse({ ...settings.train, collection: collection.id, source }))
    session.terminal.note(`Train: ${value.epochs} epochs, best ${value.bestEpoch}, validation loss ${value.validationLoss.toFixed(3)}, correlation ${value.correlation.toFixed(3)}`)
    const methods = settings.evaluate.methods.map((method) => withValueFunction(method, project))
    const { sweep } = settings.evaluate
    const swept = sweep && { ...sweep, method: withValueFunction(sweep.method, project) }
    const evaluation = await evaluateOnce(session, project, completeStudy(evaluateSettings.parse({ ...settings.evaluate, methods, sweep: swept, dataset: dataset.id, source }), project))
    const table = evaluation.table ?? { methods: [], paired: [], alarms: [], remarks: [] }
    const manifest = project.evaluations.manifest(evaluation.id)

    session.terminal.result(
      {
        project: project.directory, dataset: dataset.id, imported: dataset.examples, rejected: project.datasets.rejected(dataset.id, 0, dataset.rejected), collection: collection.id, responses: collection.responses, tokens: collection.tokens,
        states: collection.states, tokensPerSecond: collection.tokensPerSecond, reward, valueFunction: value.id, epochs: value.epochs, trainLoss: value.trainLoss, validationLoss: value.validationLoss, correlation: value.correlation,
        evaluation: evaluation.id, ...table, report: evaluation.report, manifest, device: deviceFacts(manifest)
      },
      ['', ...tableLines(table), '', `Report: ${evaluation.report}`]
    )
    return 0
  }
}

/** What would fail after hours of work fails before it. @throws StudioError or ZodError */
function checkNames({ reward, evaluate }: Pipeline): void {
  sourceNamed(reward.source).settings.parse(reward.settings)
  // the value function that they will use is not there yet
  const withAny = ({ name, settings }: MethodChoice): MethodChoice => ({ name, settings: 'valueFunction' in methodNamed(name).settings.shape ? { valueFunction: 1, ...settings } : settings })
  const { methods, sweep } = evaluate
  studyOf(evaluateSettings.parse({ ...evaluate, dataset: 1, methods: methods.map(withAny), sweep: sweep && { ...sweep, method: withAny(sweep.method) } }))
}

async function openOrCreate(session: Session, settings: Pipeline, override: string | undefined): Promise<Project> {
  const { dataDirectory, cacheDirectory, resourcesDirectory } = session.engine.options
  const directory = override === undefined ? (settings.project ?? join(dataDirectory, settings.name ?? 'Project')) : resolve(override)
  if (existsSync(join(directory, 'project.db'))) return session.open(directory)
  const model = settings.model === undefined ? modelPath(sampleModel, cacheDirectory, resourcesDirectory) : (await inspectModel(settings.model)).file
  return session.engine.open(() => Project.create(directory, model))
}

async function importOnce(session: Session, project: Project, { data }: Pipeline): Promise<Dataset> {
  const known = project.datasets.list().findLast((dataset) => dataset.source === data.file)
  return known ?? project.datasets.get(madeBy(await session.run('import', data)))
}

async function collectOnce(session: Session, project: Project, settings: Collection['settings']): Promise<Collection> {
  const known = project.collections.list().findLast((c) => same(c.settings, settings) && c.responses + project.responses.skipped(c.id).length >= c.planned)
  return known ?? project.collections.get(madeBy(await session.run('collect', settings)))
}

async function trainOnce(session: Session, project: Project, settings: NonNullable<ValueFunction['settings']>): Promise<ValueFunction> {
  const known = project.valueFunctions.list().findLast((v) => same(v.settings, settings))
  return known ?? project.valueFunctions.detail(madeBy(await session.run('train', settings)))
}

async function evaluateOnce(session: Session, project: Project, settings: Evaluation['settings']): Promise<Evaluation> {
  const known = project.evaluations.list().findLast((e) => e.finished && e.report !== null && existsSync(e.report) && same(e.settings, settings))
  return known ?? project.evaluations.get(madeBy(await session.run('evaluate', settings)))
}

/** Settings that went through the same schema have their keys in the same order. */
function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

function madeBy(job: { subject: number | null; title: string }): number {
  if (job.subject === null) throw new StudioError('internal', `${job.title} made nothing`)
  return job.subject
}
