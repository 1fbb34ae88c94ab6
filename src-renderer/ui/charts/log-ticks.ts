/** Where a logarithmic axis has its numbers: few enough that none stands on another. */

const most = 5
/** Leading digits, from the densest set on. */
const sets = [[1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 5], [1, 3], [1]]

/** @param from above 0 @param to not below `from` @returns ascending, within both; at most five, but for a range of more than five decades, which has one a decade or fewer */
export function logTicks(from: number, to: number): number[] {
  if (to < 3 * from) return even(from, to)
  const decades = range(Math.floor(Math.log10(from)), Math.floor(Math.log10(to)))
  const within = (tick: number): boolean => tick >= from * (1 - 1e-9) && tick <= to * (1 + 1e-9)
  const candidates = sets.map((digits) => decades.flatMap((decade) => digits.map((digit) => Number(`${digit}e${decade}`))).filter(within))
  const ticks = candidates.find(({ length }) => length <= most) ?? every(candidates.at(-1) ?? [])
  return ticks.length >= 3 ? ticks : even(from, to)
}

/** Of a short range: even steps of 1, 2 or 5. */
function even(from: number, to: number): number[] {
  const rough = (to - from) / (most - 1)
  if (!(rough > 0)) return [from]
  const power = Math.floor(Math.log10(rough))
  const digit = [1, 2, 5, 10].find((one) => one * 10 ** power >= rough) ?? 10
  const step = digit * 10 ** power
  return range(Math.ceil(from / step), Math.floor(to / step)).map((i) => Number((i * step).toPrecision(12)))
}

function every(ticks: number[]): number[] {
  const step = Math.ceil(ticks.length / most)
  return ticks.filter((_, i) => i % step === 0)
}

function range(first: number, last: number): number[] {
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i)
}
