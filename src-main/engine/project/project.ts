/** A project: a folder with project.db, and beside it states/ and search.db, which is made from project.db. */
import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import type { Backup, Project as ProjectSummary } from '../../contract/project.ts'
import { StudioError } from '../../contract/errors.ts'
import { statOf, syncToDisk } from '../files.ts'
import { ChatWords } from './chat-words.ts'
import { Collections } from './collections.ts'
import { Conversations } from './conversations.ts'
import { explained, openDatabase, type Db } from './database.ts'
import { Datasets } from './datasets.ts'
import { Evaluations } from './evaluations.ts'
import { Examples } from './examples.ts'
import { Jobs } from './jobs.ts'
import { backUp, backUpDaily } from './make-backup.ts'
import { sweepOrphans, type Swept } from './orphans.ts'
import { refuseForeign } from './own-files.ts'
import { PanePresets } from './pane-presets.ts'
import { PreferenceHeads } from './preference-heads.ts'
import { Ratings } from './ratings.ts'
import { Responses } from './responses.ts'
import { Rewards } from './rewards.ts'
import { SearchIndex } from './search-index.ts'
import { Turns } from './turns.ts'
import { ValueFunctions } from './value-functions.ts'

/** What a process that was killed while it made a project has left. */
const unfinished = /^(states|project\.db\.new(-wal|-shm)?)$/

export class Project {
  readonly directory: string
  readonly datasets: Datasets
  readonly examples: Examples
  readonly collections: Collections
  readonly responses: Responses
  readonly rewards: Rewards
  readonly ratings: Ratings
  readonly preferenceHeads: PreferenceHeads
  readonly valueFunctions: ValueFunctions
  readonly conversations: Conversations
  readonly turns: Turns
  readonly panePresets: PanePresets
  readonly evaluations: Evaluations
  readonly jobs: Jobs
  /** What was found in states/ at the opening that nothing refers to. */
  swept: Swept = { removed: 0, bytes: 0, setAside: 0 }
  readonly #db: Db
  /** of project.db, by which it is known again */
  readonly #identity: string
  readonly #search: SearchIndex

  private constructor(directory: string, db: Db) {
    this.directory = directory
    this.#db = db
    this.#identity = identityOf(join(directory, 'project.db'))
    this.#search = new SearchIndex(join(directory, 'search.db'))
    this.datasets = new Datasets(db, this.#search)
    this.examples = new Examples(db, this.datasets, this.#search)
    this.collections = new Collections(db)
    this.responses = new Responses(db)
    this.rewards = new Rewards(db)
    this.ratings = new Ratings(db)
    this.preferenceHeads = new PreferenceHeads(db)
    this.valueFunctions = new ValueFunctions(db)
    const words = new ChatWords(db)
    this.conversations = new Conversations(db, words)
    this.turns = new Turns(db, this.conversations, words)
    this.panePresets = new PanePresets(db)
    this.evaluations = new Evaluations(db)
    this.jobs = new Jobs(db)
  }

  /** Makes the folder if need be. @throws StudioError 'bad-request' when it holds other files already. */
  static create(directory: string, modelFile: string | null): Project {
    const path = resolve(directory)
    if (existsSync(path)) {
      if (!statSync(path).isDirectory()) throw new StudioError('bad-request', `${path} is a file, not a folder`)
      if (existsSync(join(path, 'project.db'))) throw new StudioError('bad-request', `${path} is a project already`)
      if (readdirSync(path).some((name) => !unfinished.test(name))) throw new StudioError('bad-request', `${path} is not empty; choose a new or an empty folder`)
    }
    makeFolder(join(path, 'states'))
    // under another name until it is whole: half of a project could be neither opened nor made again
    const file = join(path, 'project.db.new')
    for (const end of ['', '-wal', '-shm']) rmSync(file + end, { force: true })
    const db = openDatabase(file)
    db.prepare('INSERT INTO project (id, name, modelFile, created) VALUES (?, ?, ?, ?)').run(randomUUID(), basename(path), modelFile, new Date().toISOString())
    db.close()
    renameSync(file, join(path, 'project.db'))
    syncToDisk(path)
    return Project.open(path)
  }

  /** @throws StudioError 'not-found' when there is no project, or what openDatabase throws. */
  static open(directory: string): Project {
    const path = resolve(directory)
    const file = join(path, 'project.db')
    if (!existsSync(file)) throw new StudioError('not-found', `there is no project in ${path} (no project.db)`)
    refuseForeign(path)
    mkdirSync(join(path, 'states'), { recursive: true })
    const db = openDatabase(file)
    try {
      const project = new Project(path, db)
      project.jobs.interruptRunning()
      project.swept = sweepOrphans(db, path)
      project.datasets.sweep()
      return project
    } catch (error) {
      db.close() // or it would stay locked for as long as this process lives
      throw explained(error, file)
    }
  }

  /**
   * Before work begins. SQLite would go on in a file that nobody finds again.
   * @throws StudioError 'not-found' when the folder was renamed, moved or deleted since it was opened
   */
  refuseMoved(): void {
    if (identityOf(join(this.directory, 'project.db')) === this.#identity) return
    throw new StudioError('not-found', `the project is no longer at ${this.directory}: its folder was renamed, moved or deleted while it was open. Close it, and open it where it is now`)
  }

  get statesDirectory(): string {
    return join(this.directory, 'states')
  }

  /** The pipeline that the project was made with; see pipeline.ts. */
  get settingsFile(): string {
    return join(this.directory, 'settings.json')
  }

  get modelFile(): string | null {
    return this.#row().modelFile
  }

  set modelFile(file: string | null) {
    this.#db.prepare('UPDATE project SET modelFile = ?').run(file)
  }

  summary(): ProjectSummary {
    const { id, name, modelFile, created } = this.#row()
    const count = (table: string): number => this.#db.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number
    return {
      id, name, modelFile, created,
      path: this.directory,
      modelPresent: modelFile !== null && existsSync(modelFile),
      counts: {
        datasets: count('datasets WHERE deleted = 0'),
        examples: this.#db.prepare('SELECT coalesce(sum(train + heldOut), 0) FROM datasets WHERE deleted = 0').pluck().get() as number,
        collections: count('collections'),
        responses: count('responses'),
        rewards: count('rewards WHERE value IS NOT NULL'),
        valueFunctions: count('valueFunctions'),
        evaluations: count('evaluations WHERE result IS NOT NULL')
      }
    }
  }

  /** The day's first, while the project is used. @returns null where none was due, or none could be made */
  backUpDaily(signal: AbortSignal): Promise<Backup | null> {
    return backUpDaily(this.#db, this.directory, signal)
  }

  /** On request; everything waits for it. @throws StudioError 'disk-full' or 'not-usable', or 'not-found' as refuseMoved */
  backUp(): Backup {
    this.refuseMoved()
    return backUp(this.#db, this.directory, 'request')
  }

  /** Everything that `work` writes is there after a crash, or nothing of it. */
  atomically<R>(work: () => R): R {
    return this.#db.transaction(work)()
  }

  close(): void {
    this.datasets.close()
    this.#search.close()
    this.#db.close()
  }

  #row(): { id: string; name: string; modelFile: string | null; created: string } {
    return this.#db.prepare('SELECT id, name, modelFile, created FROM project').get() as ReturnType<Project['summary']>
  }
}

/** The file itself, whatever its name; '' where there is none. */
function identityOf(file: string): string {
  const { dev, ino } = statOf(file) ?? {}
  return ino === undefined ? '' : `${dev} ${ino}`
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOSPC') throw error
    throw new StudioError('bad-request', `no project can be made there: the folder cannot be made (${code})`, { cause: error })
  }
}
