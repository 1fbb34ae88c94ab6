/** The backends that the studio does not bring along: which there are for this machine, fetched and removed on wish. */
import type { FurtherBackend } from '../../src-main/contract/device.ts'
import { call } from './connection.ts'
import { deletions } from './deletions.svelte.ts'
import { downloads } from './downloads.svelte.ts'
import { model } from './model.svelte.ts'
import { notices } from './notices.svelte.ts'
import { studio } from './studio.svelte.ts'

class Backends {
  list = $state.raw<FurtherBackend[]>([])

  constructor() {
    downloads.onDone(() => void this.#come())
  }

  async look(): Promise<void> {
    this.list = (await notices.guard(() => call('device.backends', {}))) ?? this.list
  }

  /** With the one that it only adds to, where that is not here either. */
  async fetch(one: FurtherBackend): Promise<void> {
    for (const { id } of this.list.filter((other) => (other.id === one.id || other.id === one.needs) && !isHere(other))) await downloads.add({ kind: 'backend', id }, false)
  }

  /** It can be taken back for a while. */
  remove({ id, title }: FurtherBackend): void {
    deletions.add(keyOf(id), title, async () => {
      this.list = await call('device.removeBackend', { id })
      await model.planLoad()
    })
  }

  goes({ id, needs }: FurtherBackend): boolean {
    return deletions.has(keyOf(id)) || (needs !== null && deletions.has(keyOf(needs)))
  }

  /** A download has come to its end: of one of these, perhaps. */
  async #come(): Promise<void> {
    const before = new Set(this.list.filter(isHere).map(({ id }) => id))
    await this.look()
    const come = this.list.filter((one) => isHere(one) && !before.has(one.id))
    if (come.length === 0) return
    const names = come.map(({ title }) => title).join(' and ')
    const kept = model.choice
    const chosen = kept?.device === 'auto' || come.some(({ backend }) => backend === kept?.device)
    notices.add('info', `${names} is here. ${chosen ? 'A model that is loaded from now on can use it.' : 'Choose it as the device to use it.'}`, undefined, studio.model !== null && kept !== null && chosen ? { title: 'Load the model again', run: () => void model.chooseDevice(kept) } : undefined)
    await model.planLoad()
  }
}

export function isHere({ state }: FurtherBackend): boolean {
  return state === 'installed' || state === 'fetched'
}

const keyOf = (id: FurtherBackend['id']): string => `backend ${id}`

export const backends = new Backends()
