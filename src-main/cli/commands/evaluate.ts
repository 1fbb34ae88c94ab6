import { evaluateSettings } from '../../contract/entities.ts'
import { sourceNamed } from '../../engine/reward/sources.ts'
import { required, settingsFrom, text } from '../arguments.ts'
import type { Command } from '../command.ts'
import { deviceFacts, deviceFlags, deviceFrom, deviceUsage } from '../device-flags.ts'
import { methodFlags, methodFrom } from '../method-flags.ts'
import { runFlags, runFlagsFrom, runSwitches } from '../run-flags.ts'
import { sourceFlags } from '../source-flags.ts'
import { tableLines } from '../table.ts'

export const evaluate: Command = {
  name: 'evaluate',
  usage: `evaluate PROJECT --methods a,b,... --dataset D [--limit N --split held-out --source tone, the source's flags, --max-tokens T --parallel P --seed S, methods' and sampling flags, --deterministic ${deviceUsage}]`,
  positionals: ['PROJECT'],
  flags: ['methods', 'dataset', 'source', ...sourceFlags, ...methodFlags, ...runFlags, ...deviceFlags],
  switches: runSwitches,
  async run(session, input) {
    const names = required(input, 'methods').split(',').map((name) => name.trim())
    const source = text(input, 'source') ?? 'tone'
    const sourceSettings = settingsFrom(sourceNamed(source).settings, input)
    session.engine.models.override(deviceFrom(input))
    const project = await session.open(input.positionals[0] ?? '')
    const settings = evaluateSettings.parse({
      dataset: Number(required(input, 'dataset')),
      source,
      sourceSettings: Object.keys(sourceSettings).length === 0 ? null : sourceSettings,
      methods: names.map((name) => methodFrom(name, input, project)),
      ...runFlagsFrom(input)
    })
    await session.ensureModel()
    const job = await session.run('evaluate', settings)
    const evaluation = project.evaluations.get(job.subject ?? 0)
    const table = evaluation.table ?? { methods: [], paired: [], alarms: [], remarks: [] }
    const manifest = project.evaluations.manifest(evaluation.id)
    session.terminal.result({ evaluation: evaluation.id, ...table, report: evaluation.report, manifest, device: deviceFacts(manifest) }, [...tableLines(table), '', `Report: ${evaluation.report}`])
    return 0
  }
}
