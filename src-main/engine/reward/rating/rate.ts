/** Ratings by people: what comes next, what was said, how far it is agreed on. */
import type { RatingSummary, RatingTask, RatingValue } from '../../../contract/rating.ts'
import { StudioError } from '../../../contract/errors.ts'
import type { Project } from '../../project/project.ts'
import type { RatingMode } from '../../project/ratings.ts'
import { betweenRaters, itemKey, withSelf } from './agreement.ts'
import { nextItem, pairs, ratingsLeft, shown, singles, type Item } from './order.ts'

interface Place {
  collection: number
  mode: RatingMode
  rater: string
}

/** @throws StudioError 'not-found' */
export function nextTask(project: Project, place: Place): RatingTask | null {
  const { items, rated } = stateOf(project, place)
  const item = nextItem(items, rated, place.collection)
  if (item === null) return null
  const before = rated.filter((other) => itemKey(other) === itemKey(item)).length
  const responses = shown(item, place.rater, before).map((id) => ({ id, ...project.responses.text(id) }))
  const { prompt } = project.datasets.task(responses[0]!.example)
  return { prompt, responses: responses.map(({ id, text }) => ({ id, text })) }
}

/** @throws StudioError 'not-found' for no such response, 'bad-request' for a pair that is none */
export function rate(project: Project, { responses, value, rater }: { responses: number[]; value: RatingValue; rater: string }): { rating: number } {
  const [first, second] = responses as [number, number | undefined]
  const a = project.responses.text(first)
  if (second === undefined) return { rating: project.ratings.add(rater, first, null, value) }
  const b = project.responses.text(second)
  if (first === second) throw new StudioError('bad-request', 'a response cannot be compared with itself')
  if (a.collection !== b.collection || a.example !== b.example) throw new StudioError('bad-request', `responses ${first} and ${second} are not samples of one prompt`)
  return { rating: project.ratings.add(rater, first, second, value) }
}

/** @throws StudioError 'not-found' */
export function ratingSummary(project: Project, place: Place): RatingSummary {
  const { collection, mode, rater } = place
  const { items, rated } = stateOf(project, place)
  const known = new Set(rated.map(itemKey))
  const ratings = project.ratings.list(collection, mode)
  return {
    ...project.ratings.counts(collection),
    own: rated.length,
    left: ratingsLeft(items.filter((item) => !known.has(itemKey(item))).length, rated.length),
    raters: project.ratings.raters(collection),
    self: withSelf(ratings, rater),
    others: betweenRaters(ratings)
  }
}

/** All there is to rate, and what this rater has rated, the oldest first. */
function stateOf(project: Project, { collection, mode, rater }: Place): { items: Item[]; rated: Item[] } {
  project.collections.get(collection)
  const groups = project.responses.samples(collection)
  const rated = project.ratings.list(collection, mode).filter((rating) => rating.rater === rater)
  return { items: mode === 'single' ? singles(groups) : pairs(groups), rated: rated.map(({ first, second }) => (second === null ? [first] : [first, second])) }
}
