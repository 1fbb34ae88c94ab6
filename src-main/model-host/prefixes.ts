/**
 * Sequences whose tokens begin alike decode the beginning once: the first of them leads, the others wait until it has
 * come so far and share its keys and values (copies of the cells' names, not of the cells). A follower decodes at
 * least its last prompt token itself, which gives it its own state and logits.
 */
import type { Context } from '../../native/llama.ts'
import type { Sequence } from './sequence.ts'

/** A shorter beginning is not worth a step's waiting. */
const leastShared = 16

/** The one to follow, and how many tokens are the same; null to go alone. */
export function leaderOf(sequence: Sequence, running: Iterable<Sequence>): { leader: Sequence; tokens: number } | null {
  let best: { leader: Sequence; tokens: number } | null = null
  if (sequence.alone) return null
  for (const leader of running) {
    if ((leader.sampler === null) !== (sequence.sampler === null)) continue // given responses are read in batches of their own
    const tokens = sameBeginning(sequence, leader)
    if (tokens >= leastShared && tokens > (best?.tokens ?? 0)) best = { leader, tokens }
  }
  return best
}

/** Gives those that wait what is decoded by now. Only between two steps. @returns tokens that need not be decoded */
export function takeOver(running: Iterable<Sequence>, context: Context): Map<Sequence, number> {
  const taken = new Map<Sequence, number>()
  for (const sequence of running) {
    if (!sequence.waits || sequence.leader === null || sequence.leader.position < sequence.shared) continue
    context.copySequence(sequence.leader.place, sequence.place, sequence.shared)
    sequence.position = sequence.shared
    taken.set(sequence, sequence.shared)
  }
  return taken
}

/** When a leader goes, the follower with the longest part of it leads the others; the cells' owner changes with it. */
export function leave(gone: Sequence, running: Iterable<Sequence>): void {
  const [heir, ...others] = [...running].filter(({ leader }) => leader === gone).sort((a, b) => b.shared - a.shared)
  if (heir !== undefined) {
    heir.leader = gone.leader
    heir.shared = Math.min(heir.shared, gone.shared)
    for (const other of others) other.leader = heir
  }
  gone.leader = null
  gone.shared = 0
}

function sameBeginning(sequence: Sequence, leader: Sequence): number {
  const most = Math.min(sequence.promptLength - 1, leader.length)
  let same = 0
  while (same < most && sequence.token(same) === leader.token(same)) same++
  return same
}
