/** The result as lines for the terminal. */
import { columns } from '../../src-main/cli/terminal.ts'
import type { BenchResult, FinishedPart } from './result.ts'
import { detailText, figure, unitName, unitOf, verdict } from './words.ts'

export function resultLines(result: BenchResult): string[] {
  const { machine, model } = result
  return [
    `${machine.processor}, ${machine.cores} cores, ${machine.memoryGB} GB, ${machine.system}; load before the run ${machine.load.join(', ')}`,
    `${model.description} (${model.file}), D = ${model.stateSize}; llama.cpp ${result.build}, ${result.backend} on ${result.device}, ${result.threads} threads`,
    ...result.warnings.map((warning) => `Warning: ${warning}`),
    ...result.parts.flatMap(partLines),
    ...(result.targets.length === 0 ? [] : ['', ...targetLines(result)])
  ]
}

function partLines({ title, measurements, failure, seconds }: FinishedPart): string[] {
  const rows = measurements.map(({ group, label, unit, spread, details, note }) => [
    `${group}: ${label}`,
    spread === null ? 'not measured' : `${figure(spread.median, unit)}${unitName(unit)}`,
    spread === null ? '' : `${figure(spread.low, unit)} to ${figure(spread.high, unit)}`,
    spread === null ? '' : String(spread.count),
    [detailText(details), note ?? ''].filter((text) => text !== '').join('; ')
  ])
  const table = columns([['', 'median', 'quartiles', 'times', ''], ...rows].map((row) => row.slice(0, 4)))
  return ['', `${title} (${seconds.toFixed(0)} s)`, ...table.map((line, i) => `  ${line}${i === 0 ? '' : `  ${rows[i - 1]?.[4] ?? ''}`}`), ...(failure === null ? [] : [`  Stopped: ${failure}`])]
}

function targetLines({ targets }: BenchResult): string[] {
  const rows = targets.map((target) => {
    const unit = unitOf(target)
    return [target.figure, `${target.sense} ${figure(target.limit, unit)}`, target.measured === null ? '' : figure(target.measured.median, unit), verdict(target)]
  })
  return [...columns([['Target', '', 'measured', ''], ...rows]), ...targets.flatMap(({ figure: name, where }) => (where === null ? [] : [`  ${name}: ${where}`]))]
}
