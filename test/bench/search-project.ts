/** A project with a data set of very many examples, made once and kept in the cache directory. */
import { existsSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { cacheDirectory } from '../../src-main/engine/directories.ts'
import type { NewExample } from '../../src-main/engine/project/datasets.ts'
import { Project } from '../../src-main/engine/project/project.ts'
import { PreferenceWriter } from '../fixtures/preference-text.ts'

const seed = 4
const rowsOfAddition = 1000

export interface MadeProject {
  project: Project
  dataset: number
  /** The words of its texts, the most frequent first. */
  vocabulary: string[]
  /** Examples added a second when it was made; null where it was there already. */
  rowsPerSecond: number | null
}

/** @param rows some hundred at least; a project that was half made is made again */
export function searchProject(rows: number, progress: (text: string) => void): MadeProject {
  const directory = join(cacheDirectory(), 'bench', `search-${rows}-rows-1`) // another number when what is made changes
  const writer = new PreferenceWriter(seed)
  const rowsPerSecond = existsSync(directory) ? null : make(directory, rows, writer, progress)
  const project = Project.open(directory)
  return { project, dataset: project.datasets.list()[0]?.id ?? 0, vocabulary: writer.vocabulary, rowsPerSecond }
}

function make(directory: string, rows: number, writer: PreferenceWriter, progress: (text: string) => void): number {
  const part = `${directory}.part`
  rmSync(part, { recursive: true, force: true })
  const project = Project.create(part, null)
  let seconds = 0
  try {
    const dataset = project.datasets.create('preferences', 'made by the benchmark', 'preference')
    for (let line = 1; line <= rows; line += rowsOfAddition) {
      const examples = Array.from({ length: Math.min(rowsOfAddition, rows - line + 1) }, (_, i) => toExample(line + i, writer))
      const start = performance.now()
      project.datasets.add(dataset, examples, [])
      seconds += (performance.now() - start) / 1000
      if (line % 50_000 === 1) progress(`search: making a project of ${rows} rows, ${line - 1} are there`)
    }
  } finally {
    project.close()
  }
  renameSync(part, directory)
  return rows / seconds
}

function toExample(line: number, writer: PreferenceWriter): NewExample {
  const { prompt, chosen, rejected } = writer.row()
  const columns = { score: line % 10 }
  return { line, split: line % 5 === 0 ? 'held-out' : 'train', prompt, messages: [{ role: 'user', content: prompt }], chosen, rejected: line % 7 === 0 ? null : rejected, columns }
}
