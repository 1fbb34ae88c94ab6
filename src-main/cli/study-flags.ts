/** The flags of what an evaluation compares and measures: --methods, --sweep with --over, --halving, --seeds, --metrics, --source. */
import type { EvaluateSettings, MetricChoice, Sweep } from '../contract/evaluate.ts'
import { metricNamed } from '../engine/evaluate/metrics.ts'
import type { Project } from '../engine/project/project.ts'
import { listSources, sourceNamed } from '../engine/reward/sources.ts'
import { flagsOf, number, settingsFrom, text, UsageError } from './arguments.ts'
import { readChoices } from './choices.ts'
import type { Input } from './command.ts'
import { deviceFlags } from './device-flags.ts'
import { methodFlags, methodsFrom } from './method-flags.ts'
import { runFlags, runSwitches } from './run-flags.ts'

export const studyFlags = ['methods', 'sweep', 'over', 'halving', 'keep', 'seeds', 'metrics', 'dataset', 'source', 'settings'] as const

/** A source's flags that mean nothing else here: the judge's --temperature, say, is the responses' one. */
export const freeSourceFlags: readonly string[] = [...new Set(listSources().flatMap(({ name }) => flagsOf(sourceNamed(name).settings)))].filter(
  (flag) => ![...studyFlags, ...methodFlags, ...runFlags, ...runSwitches, ...deviceFlags, 'json'].includes(flag)
)

/** null: as the name is labelled in the project, or a source as it is. @throws UsageError */
export function sourceSettingsFrom(name: string, input: Input): Record<string, unknown> | null {
  if (!listSources().some((source) => source.name === name)) return null
  const { settings: schema } = sourceNamed(name)
  const free = { ...input, flags: new Map([...input.flags].filter(([flag]) => freeSourceFlags.includes(flag))) }
  const settings = settingsFrom(schema, free)
  return Object.keys(settings).length === 0 ? null : settings
}

/** A name, after a colon its first setting, in braces any of them: reward:people, win-rate{against=base}. @throws StudioError or UsageError */
export function metricsFrom(input: Input): MetricChoice[] {
  const list = text(input, 'metrics')
  if (list === undefined) return []
  return readChoices(list, 'metrics', (name) => metricNamed(name).settings).map(({ name, argument, settings }) => {
    const [first] = Object.keys(metricNamed(name).settings.shape)
    if (argument === null) return { name, settings }
    if (first === undefined || Object.hasOwn(settings, first)) throw new UsageError(`--metrics: what does "${argument}" mean for ${name}? ${first === undefined ? 'It has no settings' : `It has ${first} already`}`)
    return { name, settings: { [first]: argument, ...settings } }
  })
}

/** @throws StudioError or UsageError */
export function sweepFrom(input: Input, project: Project): Pick<EvaluateSettings, 'sweep' | 'halving'> {
  const list = text(input, 'sweep')
  const ranges = input.flags.get('over') ?? []
  const [rounds, keep] = [number(input, 'halving'), number(input, 'keep')]
  if (list === undefined) {
    if (ranges.length > 0 || rounds !== undefined || keep !== undefined) throw new UsageError('--over, --halving and --keep belong to a --sweep')
    return { sweep: null, halving: null }
  }
  if (ranges.length === 0) throw new UsageError('--sweep needs what to go --over, e.g. --over alpha=1,2,3')
  if (keep !== undefined && rounds === undefined) throw new UsageError('--keep belongs to --halving')
  const [method, second] = methodsFrom(list, 'sweep', input, project)
  if (method === undefined || second !== undefined) throw new UsageError('--sweep takes one method')
  return { sweep: { method, over: rangesFrom(ranges) }, halving: rounds === undefined ? null : { rounds, keep: keep ?? 0.5 } }
}

function rangesFrom(ranges: string[]): Sweep['over'] {
  const over: Sweep['over'] = {}
  for (const range of ranges) {
    const at = range.indexOf('=')
    if (at < 1) throw new UsageError(`--over takes setting=1,2,3, not "${range}"`)
    const name = range.slice(0, at).trim().replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
    if (Object.hasOwn(over, name)) throw new UsageError(`--over has ${name} twice`)
    over[name] = range.slice(at + 1).split(',').map((value) => {
      if (value.trim() === '' || !Number.isFinite(Number(value))) throw new UsageError(`--over ${name} takes numbers, not "${value}"`)
      return Number(value)
    })
  }
  return over
}
