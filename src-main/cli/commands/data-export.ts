import { extname, resolve } from 'node:path'
import { exportSettings, type ExportSettings } from '../../contract/data.ts'
import { required, text, UsageError } from '../arguments.ts'
import type { Command, Input } from '../command.ts'
import { exampleFilterFrom, exampleFlags, exampleUsage, oneOf } from '../example-flags.ts'

/** Which flag names what is exported. */
const flags = { dataset: 'examples', rejected: 'rejected', collection: 'responses' } as const

export const dataExport: Command = {
  name: 'data export',
  usage: `data export PROJECT (--dataset D | --rejected D | --collection C) --to FILE [--format jsonl|csv|parquet|re-control --search WORDS ${exampleUsage}]`,
  positionals: ['PROJECT'],
  flags: [...Object.keys(flags), 'to', 'format', 'search', ...exampleFlags],
  async run(session, input) {
    const file = resolve(required(input, 'to'))
    const settings = exportSettings.parse({ ...subjectOf(input), file, format: formatOf(input, file), filter: exampleFilterFrom(input, text(input, 'search') ?? '') })
    if (settings.what !== 'examples' && ['search', ...exampleFlags].some((flag) => input.flags.has(flag))) throw new UsageError('filters choose examples: they need --dataset')
    await session.open(input.positionals[0] ?? '')
    const { done } = await session.run('export', settings)
    session.terminal.result({ file, rows: done }, [`${done} rows written to ${file}`])
    return 0
  }
}

function subjectOf(input: Input): Pick<ExportSettings, 'what' | 'of'> {
  const given = (Object.keys(flags) as (keyof typeof flags)[]).filter((flag) => input.flags.has(flag))
  const [flag] = given
  if (flag === undefined || given.length > 1) throw new UsageError('one of --dataset, --rejected and --collection is needed')
  return { what: flags[flag], of: Number(required(input, flag)) }
}

/** As the file's name says where no flag does. */
function formatOf(input: Input, file: string): ExportSettings['format'] {
  const format = oneOf(input, 'format', exportSettings.shape.format.options)
  if (format !== undefined) return format
  const byEnd = { '.jsonl': 'jsonl', '.csv': 'csv', '.parquet': 'parquet', '.json': 're-control' } as const
  const end = extname(file).toLowerCase()
  if (!Object.hasOwn(byEnd, end)) throw new UsageError(`--format is missing, and the name does not end in ${Object.keys(byEnd).join(', ')}`)
  return byEnd[end as keyof typeof byEnd]
}
