import { z } from 'zod'
import { evaluateSettings, type EvaluateSettings, type Evaluation } from '../../contract/evaluate.ts'
import { completeStudy, evaluationDoors } from '../../engine/evaluate/study.ts'
import { readJson } from '../../engine/files.ts'
import type { Project } from '../../engine/project/project.ts'
import { number, required, text, UsageError } from '../arguments.ts'
import { askForFile } from '../ask-for-file.ts'
import type { Command, Input } from '../command.ts'
import { deviceFacts, deviceFlags, deviceFrom, deviceUsage } from '../device-flags.ts'
import { methodFlags, methodsFrom } from '../method-flags.ts'
import { runFlags, runFlagsFrom, runSwitches } from '../run-flags.ts'
import type { Session } from '../session.ts'
import { freeSourceFlags, metricsFrom, sourceSettingsFrom, studyFlags, sweepFrom } from '../study-flags.ts'
import { tableLines } from '../table.ts'

export const evaluate: Command = {
  name: 'evaluate',
  usage: `evaluate PROJECT (--methods 'base,re-control{alpha=2,updates=30},...' --dataset D | --settings FILE [--dataset D --allow]) [--source NAME of a reward --metrics coherence,reward:NAME,... --seeds N --sweep METHOD --over alpha=1,2,3 --over updates=10,30 --halving ROUNDS --keep 0.5 --limit N --split held-out --max-tokens T --parallel P --seed S, methods' and sampling flags, flags of the source that no other has, --deterministic ${deviceUsage}]`,
  positionals: ['PROJECT'],
  flags: [...studyFlags, ...freeSourceFlags, ...methodFlags, ...runFlags, ...deviceFlags],
  switches: [...runSwitches, 'allow'],
  async run(session, input) {
    session.engine.models.override(deviceFrom(input))
    const project = await session.open(input.positionals[0] ?? '')
    const file = text(input, 'settings')
    const settings = completeStudy(file === undefined ? settingsFrom(input, project) : settingsOfFile(file, input), project)
    const doors = evaluationDoors(settings)
    if (file !== undefined) askForFile(session, doors, file, input)
    else session.engine.asked.add(...doors) // the flags are a person's own words
    await session.ensureModel()
    const job = await session.run('evaluate', settings)
    tellEvaluation(session, project, project.evaluations.get(job.subject ?? 0))
    return 0
  }
}

/** The table, with all that it was made with. */
export function tellEvaluation({ terminal }: Session, project: Project, { id, table, report, settings, datasetName }: Evaluation): void {
  const whole = table ?? { methods: [], paired: [], alarms: [], remarks: [] }
  const manifest = project.evaluations.manifest(id)
  // scripts know coherence by this name
  const methods = whole.methods.map((method) => ({ ...method, coherence: method.measures['coherence']?.mean ?? null }))
  terminal.result({ evaluation: id, datasetName, settings, ...whole, methods, report, manifest, device: deviceFacts(manifest) }, [...tableLines(whole), '', report === null ? `Evaluation ${id} is not finished` : `Report: ${report}`])
}

function settingsFrom(input: Input, project: Project): EvaluateSettings {
  const dataset = Number(required(input, 'dataset'))
  project.datasets.get(dataset)
  const source = text(input, 'source') ?? 'tone'
  return evaluateSettings.parse({
    dataset,
    source,
    sourceSettings: sourceSettingsFrom(source, input),
    methods: methodsFrom(required(input, 'methods'), 'methods', input, project),
    ...sweepFrom(input, project),
    metrics: metricsFrom(input),
    seeds: number(input, 'seeds'),
    ...runFlagsFrom(input)
  })
}

const exported = z.object({
  settings: evaluateSettings,
  manifest: z.object({ settings: z.object({ scoredBy: z.object({ source: z.string(), settings: z.record(z.string(), z.unknown()) }).optional() }).optional() }).optional()
})

/** Of an export: the settings, with the reward as its name was meant then. @throws StudioError 'bad-request' or 'not-found' */
function settingsOfFile(file: string, input: Input): EvaluateSettings {
  const beside = [...input.flags.keys()].filter((flag) => !['settings', 'dataset', 'json', 'allow', ...deviceFlags].includes(flag))
  if (beside.length > 0) throw new UsageError(`--settings says everything; --${beside[0]} would change it`)
  const { settings, manifest } = exported.parse(readJson(file))
  const scoredBy = manifest?.settings?.scoredBy
  return { ...settings, ...(scoredBy !== undefined && { source: scoredBy.source, sourceSettings: scoredBy.settings }), dataset: number(input, 'dataset') ?? settings.dataset }
}
