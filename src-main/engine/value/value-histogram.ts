/** A histogram of numbers that come one by one: in bounded memory, whatever their range turns out to be. */

/** counted in steps of this; doubled where there come to be too many bins */
const finest = 0.01
const mostKept = 4096

export class ValueHistogram {
  #width = finest
  /** bin k: from k width to (k + 1) width */
  #counts = new Map<number, number>()

  add(value: number): void {
    const bin = Math.floor(value / this.#width)
    this.#counts.set(bin, (this.#counts.get(bin) ?? 0) + 1)
    while (this.#counts.size > mostKept) this.#double()
  }

  #double(): void {
    const counts = new Map<number, number>()
    for (const [bin, count] of this.#counts) counts.set(Math.floor(bin / 2), (counts.get(Math.floor(bin / 2)) ?? 0) + count)
    this.#counts = counts
    this.#width *= 2
  }

  /** Several over the same bins, at most so many, without gaps; no bins where nothing was added. Each comes to have wider bins by it. */
  static together(histograms: ValueHistogram[], most: number): { from: number; to: number; counts: number[] }[] {
    for (;;) {
      const width = Math.max(...histograms.map((one) => one.#width))
      for (const one of histograms) while (one.#width < width) one.#double()
      const bins = histograms.flatMap((one) => [...one.#counts.keys()])
      if (bins.length === 0) return []
      const [low, high] = bins.reduce(([a, b], bin) => [Math.min(a, bin), Math.max(b, bin)], [Infinity, -Infinity])
      if (high - low < most) {
        return Array.from({ length: high - low + 1 }, (_, i) => ({ from: (low + i) * width, to: (low + i + 1) * width, counts: histograms.map((one) => one.#counts.get(low + i) ?? 0) }))
      }
      for (const one of histograms) one.#double()
    }
  }
}
