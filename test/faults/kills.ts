/**
 * Kill loops: a job in a process that dies before a chosen write, then again perhaps, then goes on to its end. What is
 * there then must be what an uninterrupted run leaves, and what is there in between must be whole.
 */
import Database from 'better-sqlite3'
import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'vite'
import { expect } from 'vitest'
import { collectSettings } from '../../src-main/contract/collect.ts'
import { evaluateSettings } from '../../src-main/contract/evaluate.ts'
import { trainSettings } from '../../src-main/contract/value.ts'
import { stateProblem } from '../../src-main/engine/collect/shards.ts'
import { listBackups } from '../../src-main/engine/project/backups.ts'
import { schemaVersion } from '../../src-main/engine/project/migrate.ts'
import { Project } from '../../src-main/engine/project/project.ts'
import type { seededRandom } from '../fixtures/random.ts'
import { drawn, greedy, openStudio, root, scoredPrompts, writeRows } from '../engine/studio.ts'
import type { Doom, Survived } from './doomed.ts'
import { contentOf, unpackProject } from './projects.ts'

type Random = ReturnType<typeof seededRandom>

export interface Grounds {
  /** everything is below it, and goes with it */
  directory: string
  /** projects that jobs begin in */
  before: Record<Scenario['begins'], string>
  /** doomed.ts in one file, which starts in a quarter of the time */
  program: string
  rows: string
  importedRows: number
  close(): Promise<void>
}

export interface Scenario {
  name: string
  /** what the project has already */
  begins: 'imported' | 'collected' | 'labelled' | 'backed-up' | 'older'
  act(grounds: Grounds, project: string, random: Random): Doom['act']
  /** all that an uninterrupted run leaves and that depends on no clock */
  result(project: string): unknown
}

/** @param importedRows of the file that is imported */
export async function makeGrounds(importedRows: number): Promise<Grounds> {
  const studio = await openStudio({ embedding: 64, layers: 2 })
  const { directory } = studio
  const at = async (name: Scenario['begins']): Promise<string> => {
    await studio.engine.close()
    const copy = join(directory, name)
    cpSync(studio.project.directory, copy, { recursive: true })
    await studio.engine.open(() => Project.open(studio.project.directory))
    return copy
  }
  const dataset = await studio.importRows(scoredPrompts(6, 4))
  const imported = await at('imported')
  const { subject: collection } = await studio.run('collect', collectSettings.parse({ dataset, split: null, samples: 2, maxTokens: 8, parallel: 3, deterministic: true, seed: 3, sampling: drawn }))
  const collected = await at('collected')
  await studio.run('reward', { collection, source: 'column', settings: { column: 'score' } })
  const labelled = await at('labelled')
  studio.engine.project.backUp()
  await studio.run('reward', { collection, source: 'tone', settings: {} })
  const backedUp = await at('backed-up')
  await studio.engine.close()
  const rows = writeRows(join(directory, 'many.jsonl'), Array.from({ length: importedRows }, (_, i) => ({ prompt: `Row ${i} of many`, chosen: `yes ${i}`, rejected: `no ${i % 7}`, n: i })))
  const outDir = join(root, 'test-results', 'faults') // below the packages that it imports
  await build({ configFile: false, root, logLevel: 'silent', build: { ssr: join(import.meta.dirname, 'doomed.ts'), outDir, emptyOutDir: true, target: 'node24' } })
  return {
    directory, rows, importedRows, program: join(outDir, 'doomed.js'),
    before: { imported, collected, labelled, 'backed-up': backedUp, older: unpackProject(schemaVersion - 1, join(directory, 'older')) },
    close: () => studio.close()
  }
}

const rowsOf = (project: string, sql: string): unknown[] => {
  const db = new Database(join(project, 'project.db'), { readonly: true })
  try {
    return db.prepare(sql).all()
  } finally {
    db.close()
  }
}

const exported = (project: string): Record<string, string> => {
  const folder = `${project}-out`
  return Object.fromEntries(existsSync(folder) ? readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map(({ parentPath, name }) => [join(parentPath, name).slice(folder.length), readFileSync(join(parentPath, name), 'base64')]) : [])
}

export const scenarios: readonly Scenario[] = [
  {
    name: 'importing',
    begins: 'imported',
    act: ({ rows }) => ({ job: 'import', settings: { file: rows, format: null, map: {} } }),
    // the examples that were there before too: none is doubled; what an interrupted import made is deleted in slices
    result: (project) => [rowsOf(project, 'SELECT name, train, heldOut FROM datasets WHERE deleted = 0'), rowsOf(project, 'SELECT e.line, e.split, e.prompt FROM examples e JOIN datasets d ON d.id = e.dataset AND d.deleted = 0 ORDER BY d.id, e.line')]
  },
  {
    name: 'collecting, deterministically',
    begins: 'imported',
    act: () => ({ job: 'collect', settings: collectSettings.parse({ dataset: 1, split: null, samples: 2, maxTokens: 8, parallel: 3, deterministic: true, seed: 9, sampling: drawn }) }),
    result: (project) => [rowsOf(project, 'SELECT id, planned FROM collections'), rowsOf(project, 'SELECT example, sample, seed, text, hex(tokens) AS tokens, crc32, states FROM responses ORDER BY example, sample')]
  },
  {
    name: 'labelling',
    begins: 'collected',
    act: () => ({ job: 'reward', settings: { collection: 1, source: 'tone', settings: {} } }),
    result: (project) => rowsOf(project, 'SELECT name, source, counts, response, value, failure FROM labels JOIN labellings l ON l.id = labelling ORDER BY l.id, response')
  },
  {
    name: 'training',
    begins: 'labelled',
    act: () => ({ job: 'train', settings: trainSettings.parse({ collection: 1, source: 'column', hidden: 32, layers: 1, epochs: 12, patience: 0, batch: 16, seed: 4 }) }),
    result: (project) => rowsOf(project, 'SELECT name, collection, source, inputDim, hiddenDims, hex(weights) AS weights, scale, rewardMean, rewardScale, bestEpoch, curve, calibration, figures FROM valueFunctions')
  },
  {
    name: 'studying',
    begins: 'labelled',
    act: () => ({ job: 'evaluate', settings: evaluateSettings.parse({ dataset: 1, split: null, methods: [{ name: 'base' }, { name: 'prompting' }], metrics: [{ name: 'length' }], source: 'tone', maxTokens: 6, parallel: 3, deterministic: true, sampling: greedy }) }),
    result: (project) => [rowsOf(project, 'SELECT id, result IS NOT NULL AS finished FROM evaluations'), rowsOf(project, 'SELECT evaluation, example, method, seed, text, reward, failure, hex(tokenIds) AS tokens FROM evaluationResponses ORDER BY 1, 2, 3, 4'), rowsOf(project, 'SELECT * FROM evaluationMeasures')]
  },
  {
    name: 'exporting rows',
    begins: 'labelled',
    act: (_grounds, project) => ({ job: 'export', settings: { what: 'responses', of: 1, format: 'jsonl', file: join(`${project}-out`, 'responses.jsonl') } }),
    result: exported
  },
  {
    name: 'exporting states',
    begins: 'labelled',
    act: (_grounds, project) => ({ job: 'export-states', settings: { collection: 1, directory: join(`${project}-out`, 'states') } }),
    result: (project) => {
      const { '/states/collection.json': index, ...files } = exported(project)
      return [index !== undefined, files]
    }
  },
  {
    name: 'bringing an older project up to date',
    begins: 'older',
    act: () => ({ open: true }),
    result: (project) => contentOf(join(project, 'project.db'))
  },
  {
    name: 'backing up',
    begins: 'labelled',
    act: () => ({ backUp: true }),
    result: (project) => [contentOf(join(project, 'project.db')), contentOf(join(project, 'backups', listBackups(project)[0]!.name))]
  },
  {
    name: 'restoring',
    begins: 'backed-up',
    act: (_grounds, project) => ({ restore: listBackups(project)[0]!.name }),
    result: (project) => contentOf(join(project, 'project.db'))
  }
]

/** Runs the act in a process that may die. @returns null when it was killed */
async function live(grounds: Grounds, project: string, act: Doom['act'], killAt: number | null): Promise<Survived | null> {
  const doom: Doom = { directory: project, cacheDirectory: join(grounds.directory, 'cache'), dataDirectory: join(grounds.directory, 'data'), root, killAt, act }
  const child = spawn(process.execPath, [grounds.program, JSON.stringify(doom)], { stdio: ['ignore', 'pipe', 'pipe'] })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk) => (stdout += chunk))
  child.stderr.on('data', (chunk) => (stderr += chunk))
  const signal = await new Promise<NodeJS.Signals | null>((resolve) => child.on('close', (_code, by) => resolve(by)))
  if (signal === 'SIGKILL') return null
  if (stdout === '') throw new Error(`it ended without a word: ${stderr}`)
  return JSON.parse(stdout) as Survived
}

/** What must hold at any moment: the file is whole, keys lead somewhere, every row's states are there, no job is running. */
export function expectWhole(directory: string): void {
  const project = Project.open(directory)
  expect(project.jobs.list(50).filter(({ state }) => state === 'running' || state === 'queued')).toEqual([])
  const { statesDirectory } = project
  project.close()
  const db = new Database(join(directory, 'project.db'), { readonly: true })
  expect(db.pragma('quick_check', { simple: true })).toBe('ok')
  expect(db.pragma('foreign_key_check')).toEqual([])
  const stored = db.prepare('SELECT r.shard, r.offset, r.crc32, r.states * c.inputDim * 2 AS bytes FROM responses r JOIN collections c ON c.id = r.collection').all() as { shard: string; offset: number; crc32: number; bytes: number }[]
  db.close()
  for (const states of stored) expect(stateProblem(statesDirectory, states)).toBeNull()
}

/** @returns how often it was killed, of how many writes */
export async function killLoop(scenario: Scenario, grounds: Grounds, kills: number, random: Random): Promise<{ killed: number; writes: number }> {
  const place = join(grounds.directory, scenario.name)
  const begin = (name: string): string => {
    const project = join(place, name)
    cpSync(grounds.before[scenario.begins], project, { recursive: true })
    mkdirSync(`${project}-out`)
    return project
  }
  const undisturbed = begin('undisturbed')
  const act = scenario.act(grounds, undisturbed, random)
  const { writes, state, message } = (await live(grounds, undisturbed, act, null)) as Survived
  expect({ state, message }).toEqual({ state: 'done', message: null })
  const wanted = scenario.result(undisturbed)
  let killed = 0
  for (let i = 0; killed < kills; i++) {
    const project = begin(`${i}`)
    const again = scenario.act(grounds, project, random)
    const moments: number[] = []
    try {
      // once, and of three times one while it goes on
      do {
        moments.push(1 + Math.floor(random.uniform() * writes))
        if ((await live(grounds, project, again, moments.at(-1) as number)) === null) killed++
        expectWhole(project)
      } while (random.uniform() < 1 / 3 && moments.length < 3)
      const end = await live(grounds, project, again, null)
      expect(end).toMatchObject({ state: 'done', message: null })
      expectWhole(project)
      expect(scenario.result(project)).toEqual(wanted)
    } catch (error) {
      throw new Error(`${scenario.name}: killed before write ${moments.join(', then ')} of ${writes}`, { cause: error })
    }
    rmSync(project, { recursive: true })
    rmSync(`${project}-out`, { recursive: true })
  }
  rmSync(place, { recursive: true })
  return { killed, writes }
}
