/** The import job: good rows in, every bad one kept with its line and reason. What it has made goes again if it is stopped or fails. */
import { basename } from 'node:path'
import { importSettings, type DataFormat, type ImportSettings, type RejectedRow } from '../../contract/data.ts'
import { StudioError } from '../../contract/errors.ts'
import type { JobContext, JobWork } from '../jobs/runner.ts'
import type { NewExample } from '../project/datasets.ts'
import type { Project } from '../project/project.ts'
import { fetchFile } from './hub/fetch.ts'
import { isHubFile } from './hub/name.ts'
import { localFile } from './hub/local-file.ts'
import { readRows, type GoodRow } from './read-rows.ts'
import { splitOf } from './split.ts'

/** A transaction keeps the process from everything else: window and terminal must not notice. */
const transactionMs = 25
const fewestRows = 20
const mostRows = 2000
/** Rows waiting for their transaction: a hundred of the longest kind. */
const mostCharacters = 4 * 1024 * 1024

export function importWork(cacheDirectory: string): JobWork<ImportSettings> {
  return {
    unit: 'rows',
    title: ({ file }) => `Import ${basename(file)}`,

    async run(stored, project, job, subject) {
      const settings = importSettings.parse(stored) // a job of an older version has fewer
      project.atomically(() => {
        if (subject !== null) project.datasets.delete(subject) // an import that was interrupted starts again
        job.subject(null)
      })
      if (isHubFile(settings.file)) await fetchFile(settings.file, cacheDirectory, job)
      const file = localFile(settings.file, cacheDirectory)
      const source = isHubFile(settings.file) ? settings.file : file
      const writer = new Writer(project, settings, source, job)
      let rows = 0
      let firstRejected: RejectedRow | undefined
      job.phase('Reading rows', { done: 0, total: null })
      try {
        for await (const batch of readRows(file, { ...settings, signal: job.signal })) {
          for (const row of batch) {
            rows++
            if ('bad' in row) {
              firstRejected ??= row.bad
              writer.reject(row.bad)
            } else writer.take(row.good, row.format.name)
            if (!writer.isFull) continue
            writer.write()
            job.progress(rows)
            await new Promise(setImmediate)
            job.signal.throwIfAborted()
          }
        }
        if (writer.good === 0) throw new StudioError('not-usable', rows === 0 ? `${source} has no rows` : `${source} has no usable row; ${describe(firstRejected)}`)
        writer.write()
        job.progress(rows, rows)
      } catch (error) {
        project.atomically(() => {
          if (writer.dataset !== null) project.datasets.delete(writer.dataset)
          job.subject(null)
        })
        throw error
      }
    },

    discard: (dataset, project) => project.datasets.delete(dataset)
  }
}

/** Puts rows into the data set, which is made with the first of them, so many at a time that each transaction is short. */
class Writer {
  readonly #project: Project
  readonly #settings: ImportSettings
  readonly #source: string
  readonly #job: JobContext
  dataset: number | null = null
  good = 0
  #format: DataFormat
  #examples: NewExample[] = []
  #rejected: RejectedRow[] = []
  #characters = 0
  #rows = 250

  constructor(project: Project, settings: ImportSettings, source: string, job: JobContext) {
    this.#project = project
    this.#settings = settings
    this.#source = source
    this.#job = job
    this.#format = settings.format ?? 'prompts'
  }

  take({ line, row, parsed }: GoodRow, format: DataFormat): void {
    const { used, ...parts } = parsed
    const columns = Object.fromEntries(Object.entries(row).filter(([column]) => !used.includes(column)))
    this.#examples.push({ line, split: splitOf(row, parsed.prompt, this.#settings), ...parts, columns })
    this.#characters += parsed.prompt.length + (parsed.chosen?.length ?? 0) + (parsed.rejected?.length ?? 0)
    this.#format = format
    this.good++
  }

  reject(row: RejectedRow): void {
    this.#rejected.push(row)
  }

  get isFull(): boolean {
    return this.#examples.length + this.#rejected.length >= this.#rows || this.#characters >= mostCharacters
  }

  write(): void {
    const { datasets } = this.#project
    if (this.dataset === null) {
      this.dataset = this.#project.atomically(() => this.#job.made(datasets.create(datasetName(this.#source), this.#source, this.#format)))
    }
    const began = performance.now()
    datasets.add(this.dataset, this.#examples, this.#rejected, { dropDuplicates: this.#settings.duplicates === 'drop' })
    const written = this.#examples.length + this.#rejected.length
    this.#rows = Math.min(mostRows, Math.max(fewestRows, Math.round((written * transactionMs) / Math.max(0.1, performance.now() - began))))
    this.#examples = []
    this.#rejected = []
    this.#characters = 0
  }
}

function datasetName(file: string): string {
  return basename(file).replace(/\.gz$/i, '').replace(/\.(jsonl?|ndjson|csv|tsv|parquet)$/i, '')
}

function describe(row: RejectedRow | undefined): string {
  return row === undefined ? '' : `line ${row.line}: ${row.reason}`
}
