/** Where things stand: the connection, the open project, the loaded model. */
import type { LoadedModel, Project } from '../../src-main/contract/entities.ts'
import { call, on, onConnect } from './connection.ts'
import { jobs } from './jobs.svelte.ts'
import { notices } from './notices.svelte.ts'

class Studio {
  ready = $state(false)
  version = $state('')
  project = $state.raw<Project | null>(null)
  recent = $state.raw<{ name: string; path: string }[]>([])
  model = $state.raw<LoadedModel | null>(null)
  modelNote = $state('')
  /** What the start screen is waiting for, as words. */
  opening = $state<string | null>(null)
  #projectListeners: ((other: boolean) => void)[] = []

  start(): void {
    onConnect((again) => {
      if (again) notices.add('warning', 'The engine was restarted. Finished work was kept.')
      void this.refresh(again)
    })
    on('project', (project) => this.#takeProject(project))
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
    this.#takeProject(project, everything)
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

  async close(): Promise<void> {
    await notices.guard(async () => {
      await call('project.close', {})
      this.#takeProject(null)
      await this.refresh()
    })
  }

  async #open(words: string, request: () => Promise<Project>): Promise<void> {
    this.opening = words
    await notices.guard(async () => {
      this.#takeProject(await request())
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

  #takeProject(project: Project | null, everything = false): void {
    const other = project?.id !== this.project?.id
    this.project = project
    if (other || everything) for (const fn of this.#projectListeners) fn(other)
  }
}

export const studio = new Studio()
