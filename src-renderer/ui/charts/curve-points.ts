/** What is done to a curve before it is drawn. */

export interface Point {
  x: number
  y: number | null
}

/**
 * Exponential moving average, y'_t = w y'_t-1 + (1 - w) y_t without the pull towards 0 at its beginning. Gaps stay gaps.
 * @param weight w, from 0 (the curve itself) to below 1
 */
export function smoothed(points: readonly Point[], weight: number): Point[] {
  let sum = 0
  let mass = 0
  return points.map(({ x, y }) => {
    if (y === null || !Number.isFinite(y)) return { x, y }
    sum = weight * sum + (1 - weight) * y
    mass = weight * mass + (1 - weight)
    return { x, y: sum / mass }
  })
}

/**
 * Few enough to draw often: of each stretch of the curve its first and last, its lowest and its highest point, in their order.
 * @returns `points` itself where there are no more than `most`
 */
export function thinned<P extends Point>(points: readonly P[], most = 800): readonly P[] {
  if (points.length <= most) return points
  const stretches = Math.max(1, Math.floor(most / 4))
  const kept: P[] = []
  for (let s = 0; s < stretches; s++) {
    const from = Math.floor((s * points.length) / stretches)
    const to = Math.floor(((s + 1) * points.length) / stretches) - 1
    let [low, high] = [from, from]
    for (let i = from; i <= to; i++) {
      const y = points[i]?.y ?? NaN
      if (y < (points[low]?.y ?? Infinity)) low = i
      if (y > (points[high]?.y ?? -Infinity)) high = i
    }
    for (const i of [...new Set([from, low, high, to])].sort((a, b) => a - b)) kept.push(points[i] as P)
  }
  return kept
}
