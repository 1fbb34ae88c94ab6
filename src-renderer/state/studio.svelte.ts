/** Where things stand: the connection, the open project with what its forms begin with, the loaded model. */
import type { LoadedModel } from '../../src-main/contract/device.ts'
import type { Project, StageSettings } from '../../src-main/contract/entities.ts'
import type { RecentProject } from '../../src-main/contract/shell.ts'
import { call, on, onConnect } from './connection.ts'
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
  /** What the start screen is waiting for, as words. */
  opening = $state<string | null>(null)
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
    return this.#open('Opening the project', () => call('project.open', { directory }))
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

  async #open(words: string, request: () => Promise<Project>): Promise<void> {
    this.opening = words
    await notices.guard(async () => {
      await this.#settle()
      await this.#takeProject(await request())
      await this.refresh()
    })
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
    if (other || everything) for (const fn of this.#projectListeners) fn(other)
  }
}

export const studio = new Studio()
