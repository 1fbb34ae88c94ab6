/** A project with everything in it, made by the terminal with the tiny model: its numbers mean nothing, its screens are full. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeTinyModel } from '../fixtures/tiny-model.ts'
import { terminalIn } from './terminal.ts'

const words = ['calm', 'bright', 'slow', 'kind', 'green', 'loud']

export interface Names {
  project: string
  /** without extension */
  model: string
  data: string
  labels: string
}

const plainNames: Names = { project: 'Full project', model: 'tiny', data: 'questions', labels: 'score' }

/** @param texts what else the prompts and answers hold, one of them a row @returns the project's folder */
export function makeFullProject(folder: string, { names = plainNames, texts = [''] }: { names?: Names; texts?: string[] } = {}): string {
  const cli = terminalIn(folder)
  const text = (i: number): string => texts[i % texts.length] ?? ''
  const rows = Array.from({ length: 30 }, (_, i) => ({
    prompt: `Is ${words[i % 6]} number ${i}? ${text(i)}`.slice(0, 1500), chosen: `the ${words[(i * 5) % 6]} ${i} ${text(i + 1)}`, rejected: `the ${words[(i * 7) % 6]} ${i} ${text(i + 1)} z`, score: Math.cos(i)
  }))
  const model = join(folder, `${names.model}.gguf`)
  const data = join(folder, `${names.data}.jsonl`)
  const project = join(folder, names.project)
  writeTinyModel(model)
  writeFileSync(data, `${rows.map((row) => JSON.stringify(row)).join('\n')}\nthis is no JSON\n`)
  const steered = (alpha: number): object => ({ name: 're-control', settings: { alpha, updates: 10 } })
  writeFileSync(
    join(folder, 'settings.json'),
    JSON.stringify({
      name: names.project,
      data: { file: data },
      collect: { maxTokens: 12 },
      reward: { source: 'column', name: names.labels, settings: { column: 'score' } },
      train: { hidden: 16, epochs: 6, validation: 0.3, learningRate: 1e-3 },
      evaluate: { split: null, limit: 6, maxTokens: 8, seeds: 2, methods: [{ name: 'base' }, steered(1), steered(3)] }
    })
  )
  cli('project', 'new', project, '--model', model)
  cli('run', 'settings.json', '--project', project, '--device', 'cpu')
  return project
}
