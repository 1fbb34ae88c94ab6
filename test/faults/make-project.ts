/**
 * Makes the fixture project of a schema version: `electron test/faults/make-project.ts [checkout]` (ELECTRON_RUN_AS_NODE=1,
 * the checkout built), where the checkout is of the version's own code, this one by default. Everything is done through
 * the contract, as the window does it, so that each row is what that version wrote. The folder goes to
 * test/faults/projects/NNNN.tar.gz. Fails when a table of the schema has no row.
 */
import Database from 'better-sqlite3'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { writeTinyModel } from '../fixtures/tiny-model.ts'

const root = resolve(process.argv[2] ?? join(import.meta.dirname, '..', '..'))
const schema = readdirSync(join(root, 'src-main', 'engine', 'project', 'migrations')).length
const directory = mkdtempSync(join(tmpdir(), 're-control-fixture-'))
const folder = join(directory, 'project')
const modelFile = join(directory, 'tiny.gguf')

interface Job { id: number; state: string; subject: number | null; failure: { message: string } | null }

const own = (path: string): Promise<Record<string, any>> => import(join(root, 'src-main', path)) as Promise<Record<string, any>>
const { Engine } = await own('engine/engine.ts')
const { createHandlers } = await own('engine/handlers.ts')
const { methods } = await own('contract/methods.ts')
const { answer } = await own('engine/serve.ts')
const { forkHost } = await own('engine/models/fork-host.ts')
const chatsDone: (() => void)[] = []
const engine = new Engine({
  launchHost: () => forkHost(join(root, 'out', 'main', 'model-host.js')),
  cacheDirectory: join(directory, 'cache'),
  dataDirectory: join(directory, 'data'),
  resourcesDirectory: join(root, 'resources'),
  tell: (event: string) => void (event === 'chat.done' && chatsDone.shift()?.())
})
const handlers = createHandlers(engine)

async function call(method: string, input: object = {}): Promise<any> {
  const reply = await answer(handlers, { id: 1, method, input })
  if ('failure' in reply) throw new Error(`${method}: ${reply.failure.message}`)
  return reply.output
}

async function run(method: string, input: object): Promise<Job> {
  const job = await engine.jobs.finished((await call(method, input)).id)
  if (job.state !== 'done') throw new Error(`${method}: ${job.failure?.message}`)
  return job
}

try {
  writeTinyModel(modelFile)
  mkdirSync(join(directory, 'data'))
  writeFileSync(join(directory, 'data', 'device.json'), '{"device": "cpu", "threads": 1}')
  await call('project.create', { directory: folder, modelFile })
  await fill()
  await engine.close()
  // what belongs to this machine and this run
  const db = new Database(join(folder, 'project.db'))
  const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").pluck().all() as string[]
  for (const table of tables) {
    for (const { name, type } of db.pragma(`table_info(${table})`) as { name: string; type: string }[]) {
      if (type === 'TEXT') db.prepare(`UPDATE ${table} SET "${name}" = replace("${name}", ?, '/home/ada/studio') WHERE instr("${name}", ?) > 0`).run(directory, directory)
    }
  }
  const empty = tables.filter((table) => db.prepare(`SELECT count(*) FROM ${table}`).pluck().get() === 0)
  const version = db.pragma('user_version', { simple: true }) as number
  db.pragma('journal_mode = DELETE')
  db.exec('VACUUM')
  db.close()
  for (const name of readdirSync(folder)) if (name.startsWith('search.db') || name.endsWith('.html')) rmSync(join(folder, name))
  if (empty.length > 0) throw new Error(`no row in ${empty.join(', ')}`)
  const target = join(import.meta.dirname, 'projects', `${String(version).padStart(4, '0')}.tar.gz`)
  mkdirSync(join(import.meta.dirname, 'projects'), { recursive: true })
  execFileSync('tar', ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '-I', 'gzip -9n', '-cf', target, '-C', folder, '.'])
  process.stdout.write(`${target}: ${statSync(target).size} bytes, ${tables.length} tables\n`)
} finally {
  rmSync(directory, { recursive: true, force: true })
}
process.exit()

/** A few rows of everything that a person can make. What this version's contract does not have yet is left out. */
async function fill(): Promise<void> {
  const rows = [
    // longer than the model's context: a collection leaves it out
    { prompt: 'again and '.repeat(4000), chosen: 'yes', rejected: 'no', score: 0, split: 'train' },
    ...Array.from({ length: 32 }, (_, i) => ({ prompt: `Question ${i}: what of ${i * 7}?`, chosen: `It is ${i}, and a good one.`, rejected: `No ${i}.`, score: Math.round(100 * Math.sin(i)) / 100, split: i < 24 ? 'train' : 'held-out' }))
  ]
  const file = join(directory, 'rows.jsonl')
  writeFileSync(file, `${rows.map((row) => `${JSON.stringify(row)}\n`).join('')}{broken\n`)
  const sampling = { temperature: 0.9, topK: 50, topP: 0.95, minP: 0 }
  const dataset = (await run('data.import', { file, format: null, map: {} })).subject
  const collection = (await run('collect.start', { dataset, limit: 7, samples: 2, maxTokens: 6, parallel: 2, seed: 5, deterministic: true, sampling })).subject
  await run('reward.start', { collection, source: 'column', settings: { column: 'score' } })
  await run('reward.start', { collection, source: 'tone', settings: {} })
  const valueFunction = (await run('train.start', { collection, source: 'column', hidden: 8, layers: 1, epochs: 3, patience: 0, batch: 8, seed: 2 })).subject
  const steered = { name: 're-control', settings: { valueFunction, alpha: 0.5, updates: 2 } }
  const evaluation = { dataset, split: 'held-out', limit: 3, methods: [{ name: 'base' }, steered], source: 'tone', maxTokens: 5, parallel: 2, sampling }
  await run('evaluate.start', 'evaluate.metrics' in methods ? { ...evaluation, metrics: [{ name: 'length', settings: {} }] } : evaluation)
  const finished = new Promise<void>((done) => chatsDone.push(done))
  await call('chat.send', { prompt: 'Who are you?', panes: [{ name: 'base' }, steered], maxTokens: 4, sampling })
  await finished
  if (schema >= 9) await call('chat.savePreset', { name: 'Two', methods: [{ name: 'base' }, steered] })
  if (schema >= 6) await call('chat.rate', { turn: 1, pane: 1, value: 1 })
  if (schema >= 6) {
    await call('people.rate', { responses: [1], value: 1, rater: 'Ada' })
    await call('people.rate', { responses: [1, 2], value: -1, rater: 'Ben' })
  }
  if (schema >= 5) await run('preference.train', { dataset, maxTokens: 8 })
}
