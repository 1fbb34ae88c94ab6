/** The long answers of one turn, each with a scroll bar of its own, kept at the same part of their lengths. */
import type { Turn } from '../../state/turn.svelte.ts'

const members = new WeakMap<Turn, Set<HTMLElement>>()
/** Where a scroll position was set by us: the event that follows is not a person's. */
const placed = new WeakMap<HTMLElement, number>()

export function join(turn: Turn, element: HTMLElement): () => void {
  const all = members.get(turn) ?? new Set()
  members.set(turn, all.add(element))
  return () => void all.delete(element)
}

/** Sets a position that the others do not follow. */
export function place(element: HTMLElement, top: number): void {
  element.scrollTop = top
  placed.set(element, element.scrollTop)
}

/** @returns whether a person has scrolled */
export function byHand(element: HTMLElement): boolean {
  const at = placed.get(element)
  placed.delete(element)
  return at === undefined || Math.abs(at - element.scrollTop) > 1
}

/** The others go where this one is, as a share of what there is to scroll. */
export function lead(turn: Turn, element: HTMLElement): void {
  const range = element.scrollHeight - element.clientHeight
  if (range <= 0) return
  for (const other of members.get(turn) ?? []) {
    if (other !== element) place(other, (element.scrollTop / range) * (other.scrollHeight - other.clientHeight))
  }
}
