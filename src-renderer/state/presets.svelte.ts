/** Named sets of panes: those of the project, and those that follow from its newest value function. */
import type { PanePreset } from '../../src-main/contract/chat.ts'
import type { MethodChoice } from '../../src-main/contract/control.ts'
import { call } from './connection.ts'
import { control } from './control.svelte.ts'
import { deletions } from './deletions.svelte.ts'
import { notices } from './notices.svelte.ts'
import { studio } from './studio.svelte.ts'
import { train } from './train.svelte.ts'

export interface BuiltInPreset {
  name: string
  methods: MethodChoice[]
}

/** Methods that edit states or choose tokens by any value function, and need nothing else. */
const steered = ['re-control', 'pre-control', 'cd-prefix']

class Presets {
  #saved = $state.raw<PanePreset[]>([])

  saved = $derived(this.#saved.filter(({ id }) => !deletions.has(deletionKey(id))))
  builtIn = $derived.by((): BuiltInPreset[] => {
    if (control.methods.length === 0) return []
    const set = (name: string, methods: string[]): BuiltInPreset => ({ name, methods: methods.map((one) => control.choice(one)) })
    const prompted = set('Base and prompting', ['base', 'prompting'])
    if (train.newest === undefined) return [prompted]
    const { name, settings } = control.choice('re-control')
    const alpha = typeof settings['alpha'] === 'number' ? settings['alpha'] : 1
    return [
      set('Base and RE-Control', ['base', 're-control']),
      set('All steered methods', ['base', ...steered]),
      { name: 'RE-Control at three step sizes', methods: [control.choice('base'), ...[0.5, 1, 2].map((factor) => ({ name, settings: { ...settings, alpha: alpha * factor } }))] },
      prompted
    ]
  })

  constructor() {
    studio.onProjectChange((other) => {
      if (other) this.#saved = []
      if (studio.project !== null) void this.#take(() => call('chat.presets', {}))
    })
  }

  /** @returns whether it was kept */
  save(name: string, methods: MethodChoice[]): Promise<boolean> {
    return this.#take(() => call('chat.savePreset', { name, methods }))
  }

  rename(id: number, name: string): Promise<boolean> {
    return this.#take(() => call('chat.renamePreset', { id, name }))
  }

  delete({ id, name }: PanePreset): void {
    deletions.add(deletionKey(id), `The preset “${name}”`, () => this.#take(() => call('chat.deletePreset', { id })))
  }

  async #take(ask: () => Promise<PanePreset[]>): Promise<boolean> {
    const list = await notices.guard(ask)
    if (list !== undefined) this.#saved = list
    return list !== undefined
  }
}

function deletionKey(id: number): string {
  return `preset ${id}`
}

export const presets = new Presets()
