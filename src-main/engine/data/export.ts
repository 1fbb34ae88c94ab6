/** The export job: into a file beside the wanted one, which takes its place once it is whole. */
import { basename } from 'node:path'
import { setImmediate as others } from 'node:timers/promises'
import { exportSettings, type ExportSettings } from '../../contract/data.ts'
import { StudioError } from '../../contract/errors.ts'
import type { JobContext, JobWork } from '../jobs/runner.ts'
import type { Project } from '../project/project.ts'
import { encoderOf } from './export-formats.ts'
import { exportRows, type Cell } from './export-rows.ts'
import { checkTarget, writeWhole } from './whole-file.ts'

/** A batch ends early with so many characters of text. */
const batchLength = 4 * 1024 * 1024

export const exportWork: JobWork<ExportSettings> = {
  unit: 'rows',
  title: ({ what, of, file }, project) => `Export ${what === 'responses' ? `responses of ${project.collections.get(of).datasetName}` : project.datasets.get(of).name} to ${basename(file)}`,

  async run(stored, project, job) {
    const settings = exportSettings.parse(stored)
    if (settings.format === 're-control' && settings.what !== 'responses') throw new StudioError('bad-request', 'the format re-control is for responses; JSONL, CSV and Parquet take everything')
    await writeWhole(checkTarget(settings.file), (put) => write(put, settings, project, job))
  },

  discard: () => undefined
}

async function write(put: (bytes: Uint8Array | string) => Promise<void>, settings: ExportSettings, project: Project, job: JobContext): Promise<void> {
  const turn = async (): Promise<void> => {
    await others()
    job.signal.throwIfAborted()
  }
  job.phase('Looking through the rows', { done: 0, total: null })
  const { columns, count, rows } = await exportRows(settings, project, job.signal, turn)
  const encoder = encoderOf(settings.format)
  job.phase('Writing', { done: 0, total: count })
  await put(encoder.start(columns))
  let batch: Cell[][] = []
  let length = 0
  let done = 0
  const flush = async (): Promise<void> => {
    if (batch.length > 0) await put(encoder.batch(batch))
    done += batch.length
    batch = []
    length = 0
    job.progress(done)
    await turn()
  }
  for (const row of rows) {
    batch.push(row)
    length += row.reduce<number>((sum, cell) => sum + (typeof cell === 'string' ? cell.length : 8), 0)
    if (batch.length >= encoder.batchRows || length >= batchLength) await flush()
  }
  await flush()
  if (done !== count) throw new StudioError('not-found', `only ${done} of ${count} rows are there any more; nothing was written`)
  await put(encoder.end())
  job.progress(done, done)
}
