/** The steering methods that can be chosen, for the chat's panes and for evaluations. */
import type { MethodChoice, SteeringMethod } from '../../src-main/contract/control.ts'
import { defaultSettings } from '../ui/schema.ts'
import { call } from './connection.ts'
import { notices } from './notices.svelte.ts'
import { studio } from './studio.svelte.ts'
import { train } from './train.svelte.ts'

class Control {
  methods = $state.raw<SteeringMethod[]>([])

  constructor() {
    studio.onProjectChange(() => {
      if (studio.project !== null) void this.load()
    })
  }

  async load(): Promise<void> {
    this.methods = (await notices.guard(() => call('control.methods', {}))) ?? this.methods
  }

  /** A method with its default settings and, where it takes one, the newest value function. */
  choice(name: string): MethodChoice {
    const method = this.methods.find((one) => one.name === name)
    if (method === undefined) return { name, settings: {} }
    const settings = defaultSettings(method.settings)
    return { name, settings: this.needsValueFunction(name) && train.newest !== undefined ? { valueFunction: train.newest.id, ...settings } : settings }
  }

  needsValueFunction(name: string): boolean {
    const properties = this.methods.find((one) => one.name === name)?.settings['properties']
    return typeof properties === 'object' && properties !== null && 'valueFunction' in properties
  }

  /** Whether the choice can be run as it is. */
  complete(choice: MethodChoice): boolean {
    const required = this.methods.find((one) => one.name === choice.name)?.settings['required']
    return !Array.isArray(required) || required.every((name: string) => ![undefined, null, ''].includes(choice.settings[name] as string | null | undefined))
  }

  /** The two methods to begin with: the bare model, and the best way to steer it that is possible now. */
  beginnings(): MethodChoice[] {
    const second = train.newest === undefined ? 'prompting' : 're-control'
    return ['base', second].filter((name) => this.methods.some((method) => method.name === name)).map((name) => this.choice(name))
  }
}

/** Whether these are the same methods with the same settings. */
export function sameChoices(a: readonly MethodChoice[], b: readonly MethodChoice[]): boolean {
  const text = (choices: readonly MethodChoice[]): string => JSON.stringify(choices.map(({ name, settings }) => ({ name, settings })))
  return text(a) === text(b)
}

export const control = new Control()
