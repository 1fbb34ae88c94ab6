/** The machine's queue of downloads: models, and backends that they run on. */
import type { ModelDownload, ModelSource } from '../../src-main/contract/models.ts'
import { call, on, onConnect } from './connection.ts'
import { notices } from './notices.svelte.ts'

class Downloads {
  list = $state.raw<ModelDownload[]>([])
  active = $derived(this.list.filter(({ state }) => state === 'running' || state === 'waiting'))
  /** Those that can go on. */
  resting = $derived(this.list.filter(({ state }) => state === 'paused' || state === 'failed'))
  #doneListeners: (() => void)[] = []

  constructor() {
    on('model.downloads', (list) => this.#take(list))
    onConnect(() => void notices.guard(async () => this.#take(await call('model.downloads', {}))))
  }

  /** Calls `fn` when a model has come. */
  onDone(fn: () => void): void {
    this.#doneListeners.push(fn)
  }

  of(source: ModelSource): ModelDownload | undefined {
    return this.list.find((one) => isSame(one.source, source))
  }

  async add(source: ModelSource, use: boolean): Promise<void> {
    await notices.guard(() => call('model.download', { source, use }))
  }

  async act(action: 'pause' | 'resume' | 'cancel', download: number): Promise<void> {
    await notices.guard(() => call(`model.${action}Download`, { download }))
  }

  async resumeAll(): Promise<void> {
    for (const { id } of this.resting) await this.act('resume', id)
  }

  #take(list: ModelDownload[]): void {
    const before = new Map(this.list.map((one) => [one.id, one.state]))
    this.list = list
    if (list.some(({ id, state }) => state === 'done' && before.get(id) !== 'done')) for (const fn of this.#doneListeners) fn()
  }
}

/** Of a file of the hub whatever revision it was asked at. */
function isSame(a: ModelSource, b: ModelSource): boolean {
  if (a.kind === 'hub') return b.kind === 'hub' && a.name === b.name && a.path === b.path
  if (a.kind === 'address') return b.kind === 'address' && a.url === b.url
  return b.kind === a.kind && a.id === b.id
}

export const downloads = new Downloads()
