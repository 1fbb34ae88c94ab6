/** What people said: the strength of a response among the samples of its prompt, from single ratings and pairs alike. */
import { z } from 'zod'
import type { Project } from '../project/project.ts'
import type { Rating } from '../project/ratings.ts'
import { byRule } from './by-rule.ts'
import { itemKey } from './rating/agreement.ts'
import { strengths, type Comparison } from './rating/strengths.ts'
import type { RewardSource, ToScore } from './source.ts'

const settings = z.object({})

export const people: RewardSource<typeof settings> = {
  name: 'people',
  title: 'People',
  description: 'Ratings by hand, of single responses and of pairs: Bradley-Terry strengths from -1 to 1, where 0 is as good as neutral.',
  settings,
  changes: true, // as they go on rating
  collectedOnly: () => true,

  open(_settings, { project, signal }) {
    const known = new Map<number, number>()
    return Promise.resolve(byRule((item) => strengthOf(item, project, known), signal))
  },

  preview(_settings, { first }, { project }) {
    if (first?.response == null) return Promise.resolve({ sample: null, facts: [] })
    const { collection } = project.responses.text(first.response)
    const counts = project.ratings.counts(collection)
    const facts = [
      { name: 'Ratings of responses', value: String(counts.singles) },
      { name: 'Ratings of pairs', value: String(counts.pairs) },
      { name: 'Raters', value: String(project.ratings.raters(collection).length) }
    ]
    return Promise.resolve({ sample: null, facts })
  }
}

/** The samples of a prompt are judged together: what is found for the others waits in `known`. @throws Error for a response that nobody has rated */
function strengthOf({ response }: ToScore, project: Project, known: Map<number, number>): number {
  if (response === null) throw new Error('people rate only the responses of a collection')
  if (!known.has(response)) {
    const { collection, example } = project.responses.text(response)
    for (const [rated, strength] of promptStrengths(project.ratings.ofPrompt(collection, example))) known.set(rated, strength)
  }
  const strength = known.get(response)
  if (strength === undefined) throw new Error('nobody has rated it')
  known.delete(response)
  return strength
}

/** Each rated response's strength. Who rated the same more than once counts once, each time for a part. */
export function promptStrengths(ratings: readonly Rating[]): Map<number, number> {
  const responses = [...new Set(ratings.flatMap(({ first, second }) => (second === null ? [first] : [first, second])))]
  const index = new Map(responses.map((response, i) => [response, i]))
  const keyOf = ({ rater, first, second }: Rating): string => `${itemKey(second === null ? [first] : [first, second])} ${rater}`
  const times = new Map<string, number>()
  for (const rating of ratings) times.set(keyOf(rating), (times.get(keyOf(rating)) ?? 0) + 1)
  const comparisons = ratings.map((rating): Comparison => {
    const { first, second, value } = rating
    return { a: index.get(first) as number, b: second === null ? null : (index.get(second) as number), outcome: value, weight: 1 / (times.get(keyOf(rating)) as number) }
  })
  const found = strengths(responses.length, comparisons)
  return new Map(responses.map((response, i) => [response, found[i] as number]))
}
