/** What is exported, as rows: examples that a filter lets through, rejected rows, responses with their rewards. */
import type { ExportSettings } from '../../contract/data.ts'
import type { Project } from '../project/project.ts'

/** undefined where the row has no such cell */
export type Cell = string | number | boolean | object | null | undefined

/** What the cells of a column are, for the formats that must know beforehand. */
export type CellType = 'text' | 'number' | 'boolean'

export interface Column {
  name: string
  type: CellType
}

export interface ExportRows {
  columns: Column[]
  count: number
  /** Each with its cells in the order of the columns, read when it is asked for. */
  rows: Iterable<Cell[]>
}

/** What a data set has beyond these columns of its own goes into one more, as JSON. */
const mostColumns = 200
const rowsOfTurn = 500
const rejectedAtOnce = 1000

/**
 * @param turn lets others have theirs; throws when the export is to end
 * @throws StudioError 'not-found' where there is no such data set or collection
 */
export async function exportRows(settings: ExportSettings, project: Project, signal: AbortSignal, turn: () => Promise<void>): Promise<ExportRows> {
  switch (settings.what) {
    case 'examples':
      return exampleRows(settings, project, signal, turn)
    case 'rejected':
      return rejectedRows(settings.of, project)
    case 'responses':
      return responseRows(settings.of, project)
  }
}

async function exampleRows({ of, filter }: ExportSettings, project: Project, signal: AbortSignal, turn: () => Promise<void>): Promise<ExportRows> {
  const ids = await project.examples.ids({ dataset: of, filter, order: 'line' }, signal)
  const own = new Map<string, CellType | null>()
  let beyond = false
  for (const [i, id] of ids.entries()) {
    const { split, line, columns } = project.datasets.task(id)
    const given: Record<string, unknown> = { split, line }
    for (const [name, value] of Object.entries(columns)) {
      if (Object.hasOwn(given, name) && given[name] === value) continue // e.g. an export that was imported
      if (own.has(name) || own.size < mostColumns) own.set(name, common(own.get(name), typeOf(value)))
      else beyond = true
    }
    if (i % rowsOfTurn === rowsOfTurn - 1) await turn()
  }
  const columns = named([
    { name: 'prompt', type: 'text' }, { name: 'chosen', type: 'text' }, { name: 'rejected', type: 'text' }, { name: 'messages', type: 'text' },
    { name: 'split', type: 'text' }, { name: 'line', type: 'number' },
    ...[...own].map(([name, type]): Column => ({ name, type: type ?? 'text' })),
    ...(beyond ? [{ name: 'other columns', type: 'text' as const }] : [])
  ])
  const row = (id: number): Cell[] => {
    const { prompt, chosen, rejected, messages, split, line, columns: cells } = project.datasets.task(id)
    const [only] = messages
    const plain = messages.length === 1 && only?.role === 'user' && only.content === prompt
    const others = beyond ? [Object.fromEntries(Object.entries(cells).filter(([name]) => !own.has(name)))] : []
    return [prompt, chosen ?? undefined, rejected ?? undefined, plain ? undefined : messages, split, line, ...[...own.keys()].map((name) => (Object.hasOwn(cells, name) ? (cells[name] as Cell) : undefined)), ...others]
  }
  return { columns, count: ids.length, rows: mapped(ids, row) }
}

function rejectedRows(dataset: number, project: Project): ExportRows {
  const { rejected: count } = project.datasets.get(dataset)
  const rows = function* (): Generator<Cell[]> {
    for (let offset = 0; offset < count; offset += rejectedAtOnce) {
      for (const { line, reason } of project.datasets.rejected(dataset, offset, rejectedAtOnce)) yield [line, reason]
    }
  }
  return { columns: [{ name: 'line', type: 'number' }, { name: 'reason', type: 'text' }], count, rows: rows() }
}

function responseRows(collection: number, project: Project): ExportRows {
  project.collections.get(collection)
  const rewards = project.rewards.labellings(collection).map(({ name }) => name)
  const ids = project.responses.ids(collection)
  const columns = named([
    { name: 'prompt', type: 'text' }, { name: 'response', type: 'text' }, { name: 'line', type: 'number' }, { name: 'split', type: 'text' },
    { name: 'sample', type: 'number' }, { name: 'tokens', type: 'number' }, { name: 'finish', type: 'text' },
    ...rewards.map((name): Column => ({ name, type: 'number' }))
  ])
  const row = (id: number): Cell[] => {
    const { example, text, sample, states, finish } = project.responses.get(id)
    const { prompt, line, split } = project.datasets.task(example)
    return [prompt, text, line, split, sample, states, finish, ...rewards.map((name) => project.rewards.label(name, id)?.value ?? undefined)]
  }
  return { columns, count: ids.length, rows: mapped(ids, row) }
}

/** With names that are there once: a later column of the same name gets an underscore. */
function named(columns: Column[]): Column[] {
  const taken = new Set<string>()
  return columns.map(({ name, type }) => {
    let free = name
    while (taken.has(free)) free += '_'
    taken.add(free)
    return { name: free, type }
  })
}

function* mapped(ids: Iterable<number>, row: (id: number) => Cell[]): Generator<Cell[]> {
  for (const id of ids) yield row(id)
}

/** null: nothing is known from this cell */
function typeOf(value: unknown): CellType | null {
  if (value === null) return null
  return typeof value === 'number' ? 'number' : typeof value === 'boolean' ? 'boolean' : 'text'
}

function common(a: CellType | null | undefined, b: CellType | null): CellType | null {
  if (a === undefined || a === null) return b
  return b === null || a === b ? a : 'text'
}
