/**
 * Successive halving (Jamieson & Talwalkar, AISTATS 2016; arXiv:1502.07943) of a sweep's points: every round has twice
 * the prompts of the one before, and only the best share of the points comes into the next.
 */

/** Prompts that a point has answered at the end of a round (from 0); the last round has all of them. */
export function promptsOfRound(prompts: number, rounds: number, round: number): number {
  return Math.ceil(prompts / 2 ** (rounds - 1 - round))
}

/** How many of so many points go on. */
export function goingOn(points: number, keep: number): number {
  return Math.max(1, Math.ceil(points * keep - 1e-9))
}

/**
 * The points that go on, in their order: those of the highest mean reward, of equal ones the earlier, and those without
 * any reward last.
 * @param means of `points`, in their order
 */
export function bestPoints(points: number[], means: (number | null)[], keep: number): number[] {
  const ranked = points.map((point, i) => ({ point, mean: means[i] ?? -Infinity })).sort((a, b) => (b.mean === a.mean ? a.point - b.point : b.mean - a.mean))
  return ranked.slice(0, goingOn(points.length, keep)).map(({ point }) => point).sort((a, b) => a - b)
}
