/** Paired permutation tests (Fisher 1935): under no difference each prompt's difference may as well have the other sign. */
import { mulberry32 } from './random.ts'

/** Up to so many differences every pattern of signs is counted; beyond it, so many are drawn. */
const exactUpTo = 14
const drawn = 20_000
const seed = 20240605

/**
 * Two-sided p of the mean difference. Prompts without a difference count, too. null without any prompt.
 * Drawn patterns count the one that was seen, so that p is never 0 (Phipson & Smyth 2010).
 */
export function signFlipTest(differences: number[]): number | null {
  const n = differences.length
  if (n === 0) return null
  const seen = Math.abs(sum(differences))
  // sums of floats in another order differ in their last bits, and equals must count as such
  const asFar = seen - 1e-9 * differences.reduce((total, x) => total + Math.abs(x), 0)
  if (n <= exactUpTo) {
    let extreme = 0
    for (let signs = 0; signs < 2 ** n; signs++) {
      if (Math.abs(sum(differences, (i) => ((signs >> i) & 1) === 1)) >= asFar) extreme++
    }
    return extreme / 2 ** n
  }
  const random = mulberry32(seed)
  let extreme = 0
  for (let i = 0; i < drawn; i++) if (Math.abs(drawnSum(differences, random)) >= asFar) extreme++
  return (extreme + 1) / (drawn + 1)
}

/** With signs of 32 differences from each number drawn: tables have hundreds of these tests. */
function drawnSum(differences: number[], random: () => number): number {
  let total = 0
  let signs = 0
  for (let i = 0; i < differences.length; i++) {
    signs = i % 32 === 0 ? Math.floor(random() * 2 ** 32) : signs >>> 1
    total += (differences[i] as number) * (1 - 2 * (signs & 1)) // a branch on a random sign would be guessed wrong half the time
  }
  return total
}

function sum(values: number[], flips: (i: number) => boolean = () => false): number {
  return values.reduce((total, x, i) => total + (flips(i) ? -x : x), 0)
}

/** Holm's step-down correction (1979) of several p, in their order; those that were not measured are left out. */
export function holm(ps: (number | null)[]): (number | null)[] {
  const order = ps.flatMap((p, i) => (p === null ? [] : [{ p, i }])).sort((a, b) => a.p - b.p)
  const corrected: (number | null)[] = ps.map(() => null)
  let least = 0
  order.forEach(({ p, i }, rank) => (corrected[i] = least = Math.max(least, Math.min(1, p * (order.length - rank)))))
  return corrected
}
