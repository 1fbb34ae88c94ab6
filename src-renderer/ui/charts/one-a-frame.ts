/** Charts are drawn one a frame: those of four panes that change at once would make one frame late. */
const waiting = new Map<object, () => void>()

/** Draws in the next frame that is free. What this chart waited for before is not drawn. */
export function drawInTurn(chart: object, draw: () => void): void {
  if (waiting.size === 0) requestAnimationFrame(next)
  waiting.set(chart, draw)
}

/** The chart is gone. */
export function drawNoMore(chart: object): void {
  waiting.delete(chart)
}

function next(): void {
  const [first] = waiting
  if (first === undefined) return
  const [chart, draw] = first
  waiting.delete(chart)
  if (waiting.size > 0) requestAnimationFrame(next)
  draw()
}
