/** The import job: good rows in, every bad one kept with its line and reason; all or nothing of the file. */
import { basename, resolve } from 'node:path'
import { statSync } from 'node:fs'
import type { DataFormat, DataPreview, RejectedRow } from '../../contract/entities.ts'
import { StudioError } from '../../contract/errors.ts'
import type { JobWork } from '../jobs/runner.ts'
import type { NewExample } from '../project/datasets.ts'
import { readRows, type GoodRow } from './read-rows.ts'
import { splitOf } from './split.ts'

export interface ImportSettings {
  file: string
  format: DataFormat | null
  map: Record<string, string>
}

const rowsPerTransaction = 1000
const previewRows = 20
const previewRejected = 100
const previewColumns = 200

export const importWork: JobWork<ImportSettings> = {
  unit: 'rows',
  title: ({ file }) => `Import ${basename(file)}`,

  async run(settings, project, job, subject) {
    if (subject !== null) project.datasets.delete(subject) // an import that was interrupted starts again
    const file = resolve(settings.file)
    let dataset: number | null = null
    let examples: NewExample[] = []
    let rejected: RejectedRow[] = []
    let firstRejected: RejectedRow | undefined
    let rows = 0
    let good = 0
    job.phase('Reading rows', { done: 0, total: null })
    const write = (format: DataFormat): void => {
      if (dataset === null) {
        dataset = project.datasets.create(datasetName(file), file, format)
        job.subject(dataset)
      }
      project.datasets.add(dataset, examples, rejected)
      examples = []
      rejected = []
      job.progress(rows)
    }

    let format: DataFormat = settings.format ?? 'prompts'
    try {
      for await (const row of readRows(file, { ...settings, signal: job.signal })) {
        rows++
        if ('good' in row) {
          good++
          format = row.format.name
          examples.push(toExample(row.good))
        } else {
          firstRejected ??= row.bad
          rejected.push(row.bad)
        }
        if (examples.length + rejected.length >= rowsPerTransaction) write(format)
      }
      if (good === 0) throw new StudioError('not-usable', rows === 0 ? `${file} has no rows` : `${file} has no usable row; ${describe(firstRejected)}`)
      write(format)
      job.progress(rows, rows)
    } catch (error) {
      if (dataset !== null) project.datasets.delete(dataset)
      job.subject(null)
      throw error
    }
  },

  discard: (dataset, project) => project.datasets.delete(dataset)
}

/** The first rows as they would be imported. */
export async function previewData(settings: ImportSettings): Promise<DataPreview> {
  const preview: DataPreview = { format: settings.format ?? 'prompts', columns: [], rows: [], rejected: [] }
  for await (const row of readRows(settings.file, settings)) {
    const columns = 'bad' in row ? row.row : row.good.row
    preview.columns = [...new Set([...preview.columns, ...Object.keys(columns ?? {})])].slice(0, previewColumns)
    if ('bad' in row) preview.rejected.push(row.bad)
    else {
      const { line, parsed } = row.good
      preview.format = row.format.name
      preview.rows.push({ line, prompt: parsed.prompt, chosen: parsed.chosen, rejected: parsed.rejected })
    }
    if (preview.rows.length >= previewRows || preview.rejected.length >= previewRejected) break
  }
  if (preview.rows.length === 0 && preview.rejected.length === 0) {
    throw new StudioError('not-usable', `${resolve(settings.file)} has no rows (${statSync(settings.file).size} bytes)`)
  }
  return preview
}

function toExample({ line, row, parsed }: GoodRow): NewExample {
  const { used, ...parts } = parsed
  const columns = Object.fromEntries(Object.entries(row).filter(([column]) => !used.includes(column)))
  return { line, split: splitOf(row, parsed.prompt), ...parts, columns }
}

function datasetName(file: string): string {
  return basename(file).replace(/\.gz$/, '').replace(/\.jsonl?$/, '')
}

function describe(row: RejectedRow | undefined): string {
  return row === undefined ? '' : `line ${row.line}: ${row.reason}`
}
