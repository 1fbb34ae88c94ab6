/** The landscape beside the chat: the surface of the value function that steered a turn, and the way of one token's state. */
import type { Landscape, LandscapePath, LandscapePlane } from '../../src-main/contract/landscape.ts'
import type { PointedToken } from './chat-view.svelte.ts'
import { call } from './connection.ts'
import { throttled } from './debounce.ts'

/** Ways that are kept: a walk back over an answer asks nobody. */
const mostKept = 2000

class ChatLandscape {
  plane = $state<LandscapePlane>('components')
  surface = $state.raw<Landscape | null>(null)
  path = $state.raw<LandscapePath | null>(null)
  /** the token that surface and path are of */
  of = $state.raw<PointedToken | null>(null)
  loading = $state(false)
  fault = $state<string | null>(null)

  #wanted: PointedToken | null = null
  #asking = false
  readonly #kept = new Map<string, LandscapePath>()
  /** as fast as a cursor is read, and no request behind another */
  readonly #later = throttled(() => void this.#follow(), 40)

  /** Shows this token as soon as that is possible; of several the last. */
  show(wanted: PointedToken): void {
    this.#wanted = wanted
    this.#later()
  }

  turn(plane: LandscapePlane): void {
    this.plane = plane
    this.surface = this.path = null
    const { of } = this
    this.of = null
    if (of !== null) this.show(of)
  }

  async #follow(): Promise<void> {
    if (this.#asking) return
    this.#asking = true
    try {
      for (let next = this.#wanted; next !== null; next = this.#wanted) {
        this.#wanted = null
        await this.#draw(next)
        if (this.#wanted === null) await this.#lookAhead(next)
      }
    } finally {
      this.#asking = false
    }
  }

  async #draw(wanted: PointedToken): Promise<void> {
    const { turn, pane, token } = wanted
    if (turn.id === null) return
    const { plane } = this
    const place = { turn: turn.id, pane, plane }
    const key = JSON.stringify([place, token])
    try {
      this.fault = null
      if (this.surface === null || this.of?.turn !== turn) {
        this.loading = true
        this.surface = await call('chat.landscape', place)
        this.path = null
      }
      const known = this.#kept.get(key)
      this.loading = known === undefined && (this.of?.turn !== turn || this.of.pane !== pane)
      const path = known ?? (await call('chat.ascent', { ...place, token }))
      if (plane !== this.plane) return
      this.#keep(key, path)
      this.path = path
      this.of = wanted
    } catch (error) {
      this.path = null
      this.of = wanted
      this.fault = error instanceof Error ? error.message : String(error)
    } finally {
      this.loading = false
    }
  }

  /** The next token's way, for somebody who walks on: it takes longer than a key press. */
  async #lookAhead({ turn, pane, token }: PointedToken): Promise<void> {
    const place = { turn: turn.id ?? 0, pane, plane: this.plane }
    const key = JSON.stringify([place, token + 1])
    if (this.fault !== null || this.#kept.has(key) || token + 1 >= (turn.panes[pane]?.steps.length ?? 0)) return
    const path = await call('chat.ascent', { ...place, token: token + 1 }).catch(() => null) // asked again, and told, when it is wanted
    if (path !== null) this.#keep(key, path)
  }

  #keep(key: string, path: LandscapePath): void {
    this.#kept.set(key, path)
    const [oldest] = this.#kept.keys()
    if (this.#kept.size > mostKept && oldest !== undefined) this.#kept.delete(oldest)
  }
}

export const chatLandscape = new ChatLandscape()
