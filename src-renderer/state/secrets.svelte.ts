/** Names of the keys that the system's keychain holds; a key itself goes in and never comes back. */
import { call } from './connection.ts'
import { notices } from './notices.svelte.ts'

class SecretList {
  /** null until it was asked for */
  safe = $state<boolean | null>(null)
  names = $state.raw<string[]>([])

  async refresh(): Promise<void> {
    const list = await notices.guard(() => call('secret.list', {}))
    if (list !== undefined) ({ safe: this.safe, names: this.names } = list)
  }

  /** @returns whether it is kept now */
  async keep(name: string, value: string): Promise<boolean> {
    const kept = await notices.guard(() => call('secret.set', { name, value }))
    await this.refresh()
    return kept !== undefined
  }

  async remove(name: string): Promise<void> {
    await notices.guard(() => call('secret.delete', { name }))
    await this.refresh()
  }
}

export const secrets = new SecretList()
