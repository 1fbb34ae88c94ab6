/** The mean of rewards as it is shown: that of a standardised mix is 0 but for rounding, which is no number to read. */
export function shownMean({ mean, sd }: { mean: number | null; sd: number | null }): number | null {
  return mean !== null && Math.abs(mean) < 1e-12 * (sd ?? 0) ? 0 : mean
}
