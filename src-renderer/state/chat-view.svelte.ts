/** How the answers of the chat are looked at: what was chosen for all of them, and the token under the cursor. */
import type { Turn } from './turn.svelte.ts'

export interface PointedToken {
  turn: Turn
  pane: number
  token: number
}

class ChatView {
  /** the text view without its Markdown */
  raw = $state(false)
  /** the long answers of a turn scroll together */
  together = $state(true)
  landscape = $state(false)
  pointed = $state.raw<PointedToken | null>(null)

  /** It stays the pointed one until another is pointed at. */
  point(turn: Turn, pane: number, token: number): void {
    this.pointed = { turn, pane, token }
  }
}

export const chatView = new ChatView()
