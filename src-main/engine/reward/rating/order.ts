/**
 * What a person rates next. Everybody goes through a collection in the same shuffled order, so that raters soon have
 * something in common to agree on; every tenth is one that they have rated before, so that one can be compared with oneself.
 */
import { createHash } from 'node:crypto'
import { mix } from '../../collect/seed.ts'
import { itemKey } from './agreement.ts'

const repeatEvery = 10

/** One response, or two samples of the same prompt. */
export type Item = readonly number[]

/** Each response by itself. */
export function singles(groups: readonly (readonly number[])[]): Item[] {
  return groups.flat().map((response) => [response])
}

/** Samples of one prompt in a ring: as many comparisons as samples, each with two others, and all hang together. */
export function pairs(groups: readonly (readonly number[])[]): Item[] {
  return groups.flatMap((group) => (group.length < 2 ? [] : group.length === 2 ? [group] : group.map((response, i) => [response, group[(i + 1) % group.length] as number])))
}

/** @param rated what this rater has rated of the items so far, the oldest first. @returns null when everything is rated */
export function nextItem(items: readonly Item[], rated: readonly Item[], seed: number): Item | null {
  const times = new Map<string, number>()
  for (const item of rated) times.set(itemKey(item), (times.get(itemKey(item)) ?? 0) + 1)
  let next: Item | null = null
  let lowest = Infinity
  for (const item of items) {
    if (times.has(itemKey(item))) continue
    const place = placeOf(item, seed)
    if (place < lowest) [next, lowest] = [item, place]
  }
  if (next === null || (rated.length + 1) % repeatEvery !== 0) return next
  // the one that was rated the longest ago is the least remembered
  return rated.find((item) => times.get(itemKey(item)) === 1) ?? next
}

/** How many are still to come, repeats included, when `unrated` are left after `rated` ratings. */
export function ratingsLeft(unrated: number, rated: number): number {
  if (unrated === 0) return 0
  const fresh = unrated + rated - Math.floor(rated / repeatEvery)
  return fresh + Math.floor((fresh - 1) / (repeatEvery - 1)) - rated
}

/** As it is shown: which of a pair comes first is up to chance for each rater, and the other way round when it comes again. */
export function shown(item: Item, rater: string, timesBefore: number): number[] {
  const byChance = createHash('sha256').update(`${rater}\n${itemKey(item)}`).digest()[0]! & 1
  const sorted = [...item].sort((a, b) => a - b)
  return (byChance ^ (timesBefore & 1)) === 1 ? sorted.reverse() : sorted
}

function placeOf(item: Item, seed: number): number {
  return item.reduce((hash, response) => mix(hash ^ response), mix(seed))
}
