/** Whether a window's old place can still be seen. */
export interface Area {
  x: number
  y: number
  width: number
  height: number
}

/** So much of the title bar must be on one display to take hold of it. */
const grip = { width: 120, height: 40 }

/**
 * The old place, made to fit the display that most of its upper edge is on; null where no display shows enough of it.
 * All in the units of the screen.
 */
export function shownAt(old: Area | null, displays: readonly Area[], smallest: { width: number; height: number }): Area | null {
  if (old === null) return null
  const shown = displays.map((display) => ({ display, width: overlap(old.x, old.width, display.x, display.width), height: overlap(old.y, grip.height, display.y, display.height) }))
  const best = shown.reduce<(typeof shown)[number] | null>((a, b) => (b.height >= grip.height && b.width > (a?.width ?? 0) ? b : a), null)
  if (best === null || best.width < grip.width) return null
  const { display } = best
  return {
    x: old.x, y: old.y,
    width: Math.max(smallest.width, Math.min(old.width, display.width)),
    height: Math.max(smallest.height, Math.min(old.height, display.height))
  }
}

function overlap(a: number, lengthA: number, b: number, lengthB: number): number {
  return Math.max(0, Math.min(a + lengthA, b + lengthB) - Math.max(a, b))
}
