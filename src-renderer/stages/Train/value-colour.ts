/** From amber, one standard deviation of the reward below its mean, over nothing to teal. @param z V in those units */
export function valueColour(z: number): string {
  const bounded = Math.max(-1, Math.min(1, z))
  return `color-mix(in srgb, var(--value-${bounded < 0 ? 'low' : 'high'}) ${Math.round(Math.abs(bounded) * 50)}%, transparent)`
}
