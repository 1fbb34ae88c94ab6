/**
 * Charts are drawn one a frame, as those of four panes that change at once would make one frame late, and each some times a
 * second: nobody reads a curve faster, and a token or an epoch may come with every frame.
 */
const waiting = new Map<object, () => void>()
const drawnAt = new WeakMap<object, number>()
const againAfterMs = 150

/** Draws in the next frame that is free and not too soon. What this chart waited for before is not drawn. */
export function drawInTurn(chart: object, draw: () => void): void {
  if (waiting.size === 0) requestAnimationFrame(next)
  waiting.set(chart, draw)
}

/** The chart is gone. */
export function drawNoMore(chart: object): void {
  waiting.delete(chart)
}

function next(now: number): void {
  for (const [chart, draw] of waiting) {
    if (now - (drawnAt.get(chart) ?? -Infinity) < againAfterMs) continue
    waiting.delete(chart)
    drawnAt.set(chart, now)
    draw()
    break
  }
  if (waiting.size > 0) requestAnimationFrame(next)
}
