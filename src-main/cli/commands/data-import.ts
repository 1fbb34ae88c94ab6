import { resolve } from 'node:path'
import { dataFormat, importSettings, type ImportSettings, type RejectedRow } from '../../contract/data.ts'
import { isHubFile } from '../../engine/data/hub/name.ts'
import type { Project } from '../../engine/project/project.ts'
import { number, pairs, text, UsageError } from '../arguments.ts'
import type { Command, Input } from '../command.ts'

const shownRejected = 20
const rejectedAtOnce = 1000

export const importFlags = ['format', 'map', 'held-out', 'seed', 'duplicates'] as const
export const importUsage = '[--format F] [--map part=column] [--held-out 0.2] [--seed S] [--duplicates keep|drop]'

/** A file of this machine by its whole path. @throws UsageError, or ZodError for a number out of its bounds */
export function importSettingsFrom(file: string, input: Input): ImportSettings {
  const given = text(input, 'format')
  const format = given === undefined ? null : dataFormat.safeParse(given)
  if (format?.success === false) throw new UsageError(`--format is one of ${dataFormat.options.join(', ')}, not "${given}"`)
  const duplicates = text(input, 'duplicates')
  if (duplicates !== undefined && duplicates !== 'keep' && duplicates !== 'drop') throw new UsageError(`--duplicates is keep or drop, not "${duplicates}"`)
  return importSettings.parse({
    file: isHubFile(file) ? file : resolve(file),
    format: format?.data ?? null,
    map: pairs(input, 'map'),
    heldOut: number(input, 'held-out'),
    seed: number(input, 'seed'),
    duplicates
  })
}

/** Exit code 1 when a row was rejected: the good rows are in, but the file was not imported as it stands. */
export const dataImport: Command = {
  name: 'data import',
  usage: `data import PROJECT FILE|hf://datasets/OWNER/NAME/PATH ${importUsage}`,
  positionals: ['PROJECT', 'FILE'],
  flags: importFlags,
  async run(session, input) {
    const [directory = '', file = ''] = input.positionals
    const settings = importSettingsFrom(file, input)
    const project = await session.open(directory)
    const job = await session.run('import', settings)
    const { id, name, format, examples, train, heldOut, duplicates, rejected } = project.datasets.get(job.subject ?? 0)
    for (const { line, reason } of project.datasets.rejected(id, 0, shownRejected)) session.terminal.note(`Rejected line ${line}: ${reason}`)
    if (rejected > shownRejected) session.terminal.note(`... and ${rejected - shownRejected} more rejected lines (--json lists them)`)
    if (session.terminal.json) {
      const facts = JSON.stringify({ dataset: id, name, format, imported: examples, train, heldOut, duplicates })
      await session.terminal.jsonPieces(withRejected(facts, project, id))
    } else {
      const repeated = duplicates > 0 ? `, ${duplicates} of them repeat an earlier one` : ''
      session.terminal.result({}, [`Data set ${id}: ${name} (${format}), ${examples} rows imported (${train} train, ${heldOut} held-out${repeated}), ${rejected} rejected`])
    }
    if (rejected > 0) session.terminal.error(`${rejected} of ${examples + rejected} rows of ${file} were rejected; the others are imported as data set ${id}`)
    return rejected === 0 ? 0 : 1
  }
}

/** The facts with the rejected rows as their last property, a page at a time: there may be a million. */
function* withRejected(facts: string, project: Project, dataset: number): Generator<string> {
  yield `${facts.slice(0, -1)},"rejected":[`
  for (let offset = 0; ; offset += rejectedAtOnce) {
    const page: RejectedRow[] = project.datasets.rejected(dataset, offset, rejectedAtOnce)
    if (page.length > 0) yield `${offset > 0 ? ',' : ''}${JSON.stringify(page).slice(1, -1)}`
    if (page.length < rejectedAtOnce) break
  }
  yield ']}'
}
