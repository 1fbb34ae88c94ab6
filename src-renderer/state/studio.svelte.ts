/** Where things stand: the connection, the open project with what its forms begin with, the loaded model. */
import type { LoadedModel } from '../../src-main/contract/device.ts'
import type { StageSettings } from '../../src-main/contract/pipeline.ts'
import type { Backup, Project } from '../../src-main/contract/project.ts'
import type { RecentProject } from '../../src-main/contract/shell.ts'
import { call, on, onConnect, RequestFailure } from './connection.ts'
import { jobs } from './jobs.svelte.ts'
import { notices } from './notices.svelte.ts'

class Studio {
  ready = $state(false)
  version = $state('')
  project = $state.raw<Project | null>(null)
  /** What the forms begin with; there before its project is. */
  settings: StageSettings | null = null
  recent = $state.raw<RecentProject[]>([])
  model = $state.raw<LoadedModel | null>(null)
  modelNote = $state('')
  /** A project that could not be opened, with what can be put in its database's place; what can be read of it can be salvaged. */
  damaged = $state.raw<{ directory: string; message: string; backups: Backup[] } | null>(null)
  /** What the start screen is waiting for, as words. */
  opening = $state<string | null>(null)
  /** The notice of a project that could not be opened, until one is. */
  #refusal: number | null = null
  /** Projects are taken one after the other, as each first asks for its settings. */
  #taken: Promise<void> = Promise.resolve()
  #projectListeners: ((other: boolean) => void)[] = []
  #closeListeners: (() => Promise<void>)[] = []

  start(): void {
    onConnect((again) => void this.refresh(again))
    on('quitting', () => void this.#settle().finally(() => call('studio.readyToQuit', {})))
    // another project than this window's was asked for from outside of it: its jobs and its model are others too
    on('project', (project) => void (this.ready && project?.id !== this.project?.id ? this.refresh() : this.#takeProject(project)))
    on('model', ({ loaded, note }) => {
      this.model = loaded
      this.modelNote = note
    })
  }

  /**
   * Calls `fn` when a project was opened or closed (`other`), and when everything must be asked
   * again because the engine was restarted with the same project.
   */
  onProjectChange(fn: (other: boolean) => void): void {
    this.#projectListeners.push(fn)
  }

  async refresh(everything = false): Promise<void> {
    const state = await notices.guard(() => call('studio.state', {}))
    if (state === undefined) return
    this.version = state.version
    this.recent = state.recent
    this.model = state.model
    jobs.reset(state.jobs)
    const project = state.project ?? (everything ? await this.#reopened() : null)
    await this.#takeProject(project, everything)
    this.ready = true
  }

  openSample(): Promise<void> {
    return this.#open('Opening the sample project', () => call('project.openSample', {}))
  }

  open(directory: string): Promise<void> {
    return this.#open('Opening the project', () => call('project.open', { directory }).catch((error: unknown) => this.#offerBackups(directory, error)))
  }

  /** What was there is set aside in the project's folder. */
  restore(directory: string, backup: string): Promise<void> {
    this.damaged = null
    return this.#open('Restoring the backup', () => call('project.restore', { directory, backup }))
  }

  /** Into a new project beside the damaged one, which stays as it is; what was lost is told. */
  salvage(directory: string): Promise<void> {
    this.damaged = null
    return this.#open('Salvaging what can be read', async () => {
      const { project, tables } = await call('project.salvage', { directory })
      const lost = tables.filter((table) => table.lost !== 0).map(({ name, lost: rows }) => `${name}: ${rows === null ? 'some, nobody knows how many' : `at most ${rows}`}`)
      const read = tables.reduce((sum, { rows }) => sum + rows, 0)
      notices.add('warning', `${read} rows were salvaged into ${project.path}. ${lost.length === 0 ? 'None was lost' : `Rows that were lost: ${lost.join('; ')}`}`)
      return project
    })
  }

  /** Copies the open project's database into its backups folder. */
  async backUp(): Promise<void> {
    const backup = await notices.guard(() => call('project.backup', {}))
    if (backup !== undefined) notices.add('info', `Backed up as ${backup.name} in the project's backups folder, without the states`)
  }

  /** @throws what the opening failed with, where there is nothing to offer */
  async #offerBackups(directory: string, error: unknown): Promise<null> {
    if (!(error instanceof RequestFailure) || (error.code !== 'project-damaged' && error.code !== 'not-usable')) throw error
    const backups = await call('project.backups', { directory })
    if (backups.length === 0 && error.code !== 'project-damaged') throw error
    this.damaged = { directory, message: error.message, backups }
    return null
  }

  async chooseAndOpen(): Promise<void> {
    const directory = await notices.guard(() => call('dialog.directory', { title: 'Open a project' }))
    if (directory) await this.open(directory)
  }

  async chooseAndCreate(): Promise<void> {
    const directory = await notices.guard(() => call('dialog.directory', { title: 'Choose a folder for the new project' }))
    if (directory) await this.#open('Making the project', () => call('project.create', { directory }))
  }

  /** What must be done before the open project closes, as it cannot be done afterwards. */
  beforeClose(fn: () => Promise<void>): void {
    this.#closeListeners.push(fn)
  }

  async forget(path: string): Promise<void> {
    this.recent = (await notices.guard(() => call('studio.forgetRecent', { path }))) ?? this.recent
  }

  async close(): Promise<void> {
    await notices.guard(async () => {
      await this.#settle()
      await call('project.close', {})
      await this.#takeProject(null)
      await this.refresh()
    })
  }

  async #settle(): Promise<void> {
    for (const fn of this.#closeListeners) await fn()
  }

  async #open(words: string, request: () => Promise<Project | null>): Promise<void> {
    this.opening = words
    try {
      await this.#settle()
      const project = await request()
      if (project !== null) {
        await this.#takeProject(project)
        await this.refresh()
      }
    } catch (error) {
      this.#refusal = notices.report(error) ?? this.#refusal
    }
    this.opening = null
  }

  /** An engine that was restarted has no project open; the person's is still on the screen. */
  async #reopened(): Promise<Project | null> {
    const before = this.project
    if (before === null) return null
    const project = await notices.guard(() => call('project.open', { directory: before.path }))
    if (project === undefined) return null
    const state = await notices.guard(() => call('studio.state', {}))
    jobs.reset(state?.jobs ?? [])
    return project
  }

  #takeProject(project: Project | null, everything = false): Promise<void> {
    return (this.#taken = this.#taken.then(() => this.#take(project, everything)))
  }

  /** A project whose settings cannot be read is not shown: the notice says what to mend. */
  async #take(asked: Project | null, everything: boolean): Promise<void> {
    let project = asked
    if (project !== null && project.id !== this.project?.id) {
      this.settings = (await notices.guard(() => call('project.settings', {}))) ?? null
      if (this.settings === null) project = null
    }
    const other = project?.id !== this.project?.id
    this.project = project
    if (other && project !== null && this.#refusal !== null) {
      notices.dismiss(this.#refusal)
      this.#refusal = null
    }
    if (other || everything) for (const fn of this.#projectListeners) fn(other)
  }
}

export const studio = new Studio()
