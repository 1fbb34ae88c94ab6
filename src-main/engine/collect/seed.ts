/**
 * The seed of one response, from the run's seed and the response's place: every method gets the same one for the
 * same prompt, and a resumed run draws what an uninterrupted one would. (Finaliser of MurmurHash3.)
 */
export function responseSeed(seed: number, line: number, sample: number): number {
  return mix(mix(mix(seed) ^ line) ^ sample)
}

/** Scrambles 32 bits. */
export function mix(value: number): number {
  let x = (value + 0x9e3779b9) >>> 0
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  return (x ^ (x >>> 16)) >>> 0
}
