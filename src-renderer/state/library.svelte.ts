/** The models on this machine: the studio's own folder, folders that were added, and files that were chosen. */
import type { LibraryModel, ModelLibrary } from '../../src-main/contract/models.ts'
import { call, on } from './connection.ts'
import { deletions } from './deletions.svelte.ts'
import { downloads } from './downloads.svelte.ts'
import { notices } from './notices.svelte.ts'
import { fileName } from '../ui/format.ts'

class Library {
  found = $state.raw<ModelLibrary | null>(null)
  looking = $state(false)
  models = $derived(this.found?.models.filter(({ file }) => !deletions.has(keyOf(file))) ?? [])

  constructor() {
    on('model.library', (found) => (this.found = found))
    downloads.onDone(() => this.found !== null && void this.look())
  }

  async look(): Promise<void> {
    this.looking = true
    this.found = (await notices.guard(() => call('model.library', {}))) ?? this.found
    this.looking = false
  }

  async addFolder(): Promise<void> {
    const directory = await notices.guard(() => call('dialog.directory', { title: 'Add a folder of models' }))
    if (!directory) return
    this.looking = true
    this.found = (await notices.guard(() => call('model.addFolder', { directory }))) ?? this.found
    this.looking = false
  }

  async forget(path: string): Promise<void> {
    this.found = (await notices.guard(() => call('model.forget', { path }))) ?? this.found
  }

  /** Of a model that the studio downloaded; it can be taken back for a while. */
  delete({ file }: LibraryModel): void {
    deletions.add(keyOf(file), fileName(file), async () => {
      this.found = await call('model.delete', { file })
    })
  }
}

const keyOf = (file: string): string => `model ${file}`

export const library = new Library()
