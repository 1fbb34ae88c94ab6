/** Whether people who have rated the same said the same. */
import type { Agreement, RatingValue } from '../../../contract/rating.ts'
import type { Rating } from '../../project/ratings.ts'

/** Cohen's kappa (1960) of two columns of ratings: agreement beyond what their margins give by chance. null where they leave nothing to chance. */
export function agreementOf(pairs: readonly (readonly [RatingValue, RatingValue])[]): Agreement {
  const compared = pairs.length
  if (compared === 0) return { compared, agreed: null, kappa: null }
  const share = (of: (pair: readonly [RatingValue, RatingValue]) => boolean): number => pairs.filter(of).length / compared
  const agreed = share(([a, b]) => a === b)
  const chance = ([-1, 0, 1] as const).reduce<number>((sum, value) => sum + share(([a]) => a === value) * share(([, b]) => b === value), 0)
  return { compared, agreed, kappa: chance === 1 ? null : (agreed - chance) / (1 - chance) }
}

/** What one rater said the first and the second time. */
export function withSelf(ratings: readonly Rating[], rater: string): Agreement {
  const twice = [...byItem(ratings.filter((rating) => rating.rater === rater)).values()]
  return agreementOf(twice.flatMap(([first, second]) => (first === undefined || second === undefined ? [] : [[first.value, second.value] as const])))
}

/** What every two raters said the first time; of more than two, all their pairs together, in the order of their names. */
export function betweenRaters(ratings: readonly Rating[]): Agreement {
  const pairs: [RatingValue, RatingValue][] = []
  for (const said of byItem(ratings).values()) {
    const firsts = new Map<string, RatingValue>()
    for (const { rater, value } of said) if (!firsts.has(rater)) firsts.set(rater, value)
    const raters = [...firsts.keys()].sort()
    const values = raters.map((rater) => firsts.get(rater) as RatingValue)
    values.forEach((a, i) => values.slice(i + 1).forEach((b) => pairs.push([a, b])))
  }
  return agreementOf(pairs)
}

/** Ratings of the same response or pair, the oldest first, all as if a pair's lower id had been shown first. */
function byItem(ratings: readonly Rating[]): Map<string, { rater: string; value: RatingValue }[]> {
  const items = new Map<string, { rater: string; value: RatingValue }[]>()
  for (const { rater, first, second, value } of ratings) {
    const turned = second !== null && second < first
    const key = itemKey(second === null ? [first] : [first, second])
    const said = items.get(key) ?? []
    said.push({ rater, value: turned ? ((0 - value) as RatingValue) : value })
    items.set(key, said)
  }
  return items
}

/** The same for both orders of a pair. */
export function itemKey(responses: readonly number[]): string {
  return [...responses].sort((a, b) => a - b).join('/')
}
