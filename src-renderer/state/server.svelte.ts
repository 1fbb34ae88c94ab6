/** The local server as the window shows it. Its token is asked for only to be shown or copied. */
import type { ServerState } from '../../src-main/contract/server.ts'
import { call, on, onConnect } from './connection.ts'
import { notices } from './notices.svelte.ts'

class LocalServer {
  /** null until it is known */
  state = $state.raw<ServerState | null>(null)
  /** null while it is hidden */
  token = $state<string | null>(null)
  changing = $state(false)

  constructor() {
    on('server', (state) => (this.state = state))
    onConnect(() => void this.#read())
  }

  async #read(): Promise<void> {
    this.token = null
    this.state = (await notices.guard(() => call('server.state', {}))) ?? this.state
  }

  start(port: number | null): Promise<void> {
    return this.#change(() => call('server.start', { port }))
  }

  stop(): Promise<void> {
    return this.#change(() => call('server.stop', {}))
  }

  async readToken(renew = false): Promise<string | null> {
    return (await notices.guard(() => call('server.token', { renew })))?.token ?? null
  }

  async #change(ask: () => Promise<ServerState>): Promise<void> {
    this.changing = true
    const state = await notices.guard(ask)
    if (state !== undefined) this.state = state
    this.changing = false
  }
}

export const server = new LocalServer()
