/** What a filter lets through, in words, and how each part of it is taken away. */
import type { AnswersKept, ExampleFilter } from '../../../src-main/contract/data.ts'
import { count, decimal } from '../../ui/format.ts'

export const answerTitles: Record<AnswersKept, string> = { pair: 'chosen and rejected', chosen: 'chosen only', rejected: 'rejected only', none: 'none' }

export interface FilterChip {
  text: string
  without: Partial<ExampleFilter>
}

export function filterChips(filter: ExampleFilter): FilterChip[] {
  const chips: FilterChip[] = []
  if (filter.split !== null) chips.push({ text: filter.split === 'train' ? 'train' : 'held out', without: { split: null } })
  if (filter.answers !== null) chips.push({ text: `answers: ${answerTitles[filter.answers]}`, without: { answers: null } })
  if (filter.duplicates !== 'all') chips.push({ text: filter.duplicates === 'first' ? 'first of each' : 'repeats', without: { duplicates: 'all' } })
  if (filter.minLength !== null || filter.maxLength !== null) {
    chips.push({ text: `${between(filter.minLength, filter.maxLength, count)} characters`, without: { minLength: null, maxLength: null } })
  }
  if (filter.reward !== null) {
    const { name, min, max } = filter.reward
    chips.push({ text: min === null && max === null ? `with reward ${name}` : `${name} ${between(min, max, (value) => decimal(value, 2))}`, without: { reward: null } })
  }
  return chips
}

function between(from: number | null, to: number | null, write: (value: number | null) => string): string {
  if (from === null) return `at most ${write(to)}`
  return to === null ? `at least ${write(from)}` : `${write(from)} to ${write(to)}`
}
