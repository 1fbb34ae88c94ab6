/** The first rows of a file as they would be imported. */
import { resolve } from 'node:path'
import type { DataPreview, ImportSettings } from '../../contract/data.ts'
import { StudioError } from '../../contract/errors.ts'
import { statOf } from '../files.ts'
import { formatNamed } from './formats.ts'
import { localFile } from './hub/local-file.ts'
import { readRows } from './read-rows.ts'
import { splitOf } from './split.ts'
import { warningsOf } from './warnings.ts'

const previewRows = 20
const previewRejected = 100
const previewColumns = 200

/** Reads no further than it shows. @throws StudioError when there is nothing to show, or an hf:// file was not fetched yet */
export async function previewData(settings: ImportSettings, cacheDirectory: string): Promise<DataPreview> {
  const file = localFile(settings.file, cacheDirectory)
  const preview: DataPreview = { format: settings.format ?? 'prompts', columns: [], parts: [], rows: [], rejected: [] }
  const columns = new Set<string>()
  for await (const batch of readRows(file, settings)) {
    for (const row of batch) {
      if (preview.rows.length >= previewRows || preview.rejected.length >= previewRejected) break
      for (const column of Object.keys(('bad' in row ? row.row : row.good.row) ?? {})) if (columns.size < previewColumns) columns.add(column)
      if ('bad' in row) {
        preview.rejected.push(row.bad)
        continue
      }
      const { line, row: cells, parsed } = row.good
      const { prompt, messages, chosen, rejected } = parsed
      preview.format = row.format.name
      preview.rows.push({ line, split: splitOf(cells, prompt, settings), prompt, messages, chosen, rejected, warnings: warningsOf(parsed) })
    }
    if (preview.rows.length >= previewRows || preview.rejected.length >= previewRejected) break
  }
  if (preview.rows.length === 0 && preview.rejected.length === 0) {
    throw new StudioError('not-usable', `${resolve(file)} has no rows (${statOf(file)?.size ?? 0} bytes)`)
  }
  return { ...preview, columns: [...columns], parts: [...formatNamed(preview.format).parts] }
}
