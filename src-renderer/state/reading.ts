/** Reads an answer of the chat again, for what the base model says of each of its tokens. */
import { call, RequestFailure } from './connection.ts'
import type { Turn } from './turn.svelte.ts'

/** Nothing happens while it is being read already, or where the turn has no number yet. */
export async function readAgain(turn: Turn, index: number): Promise<void> {
  const pane = turn.panes[index]
  if (pane === undefined || turn.id === null || pane.reading.state === 'running') return
  pane.reading = { state: 'running' }
  try {
    const { tokens, note } = await call('chat.tokens', { turn: turn.id, pane: index })
    pane.steps = pane.steps.map((step, t) => ({ ...step, reading: tokens[t] }))
    pane.reading = { state: 'read', note }
  } catch (error) {
    // a message that is sent ends it
    const cancelled = error instanceof RequestFailure && error.code === 'cancelled'
    pane.reading = cancelled ? { state: 'none' } : { state: 'failed', reason: error instanceof Error ? error.message : String(error) }
  }
}
