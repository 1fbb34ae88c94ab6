import { dataFormat } from '../../contract/entities.ts'
import { resolve } from 'node:path'
import { pairs, text, UsageError } from '../arguments.ts'
import type { Command } from '../command.ts'

const shownRejected = 20
const readAtOnce = 100_000

/** Exit code 1 when a row was rejected: the good rows are in, but the file was not imported as it stands. */
export const dataImport: Command = {
  name: 'data import',
  usage: 'data import PROJECT FILE [--format F] [--map part=column]',
  positionals: ['PROJECT', 'FILE'],
  flags: ['format', 'map'],
  async run(session, input) {
    const [directory = '', file = ''] = input.positionals
    const given = text(input, 'format')
    const format = given === undefined ? null : dataFormat.safeParse(given)
    if (format?.success === false) throw new UsageError(`--format is one of ${dataFormat.options.join(', ')}, not "${given}"`)
    const project = await session.open(directory)
    const job = await session.run('import', { file: resolve(file), format: format?.data ?? null, map: pairs(input, 'map') })
    const dataset = project.datasets.get(job.subject ?? 0)
    const rejected = project.datasets.rejected(dataset.id, 0, readAtOnce)
    for (const { line, reason } of rejected.slice(0, shownRejected)) session.terminal.note(`Rejected line ${line}: ${reason}`)
    if (dataset.rejected > shownRejected) session.terminal.note(`... and ${dataset.rejected - shownRejected} more rejected lines (--json lists them)`)
    const { id, name, examples, train, heldOut } = dataset
    session.terminal.result({ dataset: id, name, format: dataset.format, imported: examples, train, heldOut, rejected }, [
      `Data set ${id}: ${name} (${dataset.format}), ${examples} rows imported (${train} train, ${heldOut} held-out), ${dataset.rejected} rejected`
    ])
    if (dataset.rejected > 0) session.terminal.error(`${dataset.rejected} of ${examples + dataset.rejected} rows of ${file} were rejected; the others are imported as data set ${id}`)
    return dataset.rejected === 0 ? 0 : 1
  }
}
