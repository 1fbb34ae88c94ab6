/**
 * The examples of a data set that a filter lets through, in an order: their positions, found in steps of a few
 * milliseconds, so that a page is there as soon as it can be, a million rows block nobody, and any page of what was
 * found before is at hand.
 */
import type { ExampleFilter, ExampleOrder } from '../../contract/entities.ts'
import type { Block, ExampleFacts } from './example-facts.ts'
import { searchTerms } from './search-words.ts'

/** What a listing asks the project for; generators yield between their steps. */
export interface ListingSources {
  /** Brings the index of a block up to date. */
  index(block: Block): Generator<void, void>
  /** Ids of a block's examples that match a term, ascending. */
  find(block: Block, term: string): number[]
  /** Ids of the examples whose reward is within the bounds. */
  rewarded(reward: NonNullable<ExampleFilter['reward']>): Generator<void, Set<number>>
}

const positionsOfStep = 1 << 17

export class Listing {
  readonly facts: ExampleFacts
  readonly #order: ExampleOrder
  #positions: Uint32Array
  #found = 0
  #complete = false
  readonly #steps: Generator<void, void>

  constructor(facts: ExampleFacts, filter: ExampleFilter, order: ExampleOrder, sources: ListingSources) {
    this.facts = facts
    this.#order = order
    this.#positions = new Uint32Array(facts.count)
    this.#steps = this.#search(filter, sources)
  }

  /** How many positions can be asked for so far. */
  get known(): number {
    return this.#complete || this.#order === 'line' ? this.#found : 0
  }

  /** Whether these are all. */
  get complete(): boolean {
    return this.#complete
  }

  /** Goes on for a step. */
  step(): void {
    if (this.#steps.next().done === true) this.#complete = true
  }

  ids(offset: number, limit: number): Uint32Array {
    return this.#positions.subarray(offset, Math.min(offset + limit, this.known)).map((position) => this.facts.id(position))
  }

  *#search(filter: ExampleFilter, sources: ListingSources): Generator<void, void> {
    const { facts } = this
    const rewarded = filter.reward === null ? null : yield* sources.rewarded(filter.reward)
    const passes = (position: number): boolean =>
      (filter.split === null || facts.split(position) === filter.split) &&
      (filter.answers === null || facts.answers(position) === filter.answers) &&
      (filter.duplicates === 'all' || facts.repeats(position) === (filter.duplicates === 'repeated')) &&
      (filter.minLength === null || facts.length(position) >= filter.minLength) &&
      (filter.maxLength === null || facts.length(position) <= filter.maxLength) &&
      (rewarded === null || rewarded.has(facts.id(position)))

    const terms = searchTerms(filter.search)
    if (terms.length === 0) {
      for (let position = 0; position < facts.count; position++) {
        if (passes(position)) this.#positions[this.#found++] = position
        if (position % positionsOfStep === positionsOfStep - 1) yield
      }
    } else {
      for (const block of facts.blocks) {
        if (block.from > 0) yield
        yield* sources.index(block)
        for (const position of yield* this.#matching(block, terms, sources)) {
          if (passes(position)) this.#positions[this.#found++] = position
        }
      }
    }
    if (this.#order !== 'line') {
      yield
      this.#positions = byLength(this.#positions.subarray(0, this.#found), facts, this.#order === 'longest')
    }
  }

  /** Positions of the block's examples that match every term, ascending. */
  *#matching(block: Block, terms: string[], sources: ListingSources): Generator<void, Iterable<number>> {
    let matching: number[] | null = null
    for (const term of terms) {
      if (matching !== null) yield
      const ids = sources.find(block, term)
      matching = matching === null ? ids : common(matching, ids)
      if (matching.length === 0) return []
    }
    return this.#positionsOf(block, matching ?? [])
  }

  /** Ids and positions both ascend. */
  *#positionsOf(block: Block, ids: number[]): Generator<number> {
    let position = block.from
    for (const id of ids) {
      while (position < block.from + block.rows && this.facts.id(position) < id) position++
      if (position < block.from + block.rows && this.facts.id(position) === id) yield position
    }
  }
}

function common(a: number[], b: number[]): number[] {
  const both = new Set(b)
  return a.filter((id) => both.has(id))
}

/** By length, of equal ones the earlier first: a radix sort of two digits, as a comparing one takes half a second for a million. */
function byLength(positions: Uint32Array, facts: ExampleFacts, longestFirst: boolean): Uint32Array {
  let from = positions
  for (const shift of [0, 16]) {
    const digit = (position: number): number => {
      const value = (facts.length(position) >>> shift) & 0xffff
      return longestFirst ? 0xffff - value : value
    }
    const starts = new Uint32Array(0x10001)
    for (const position of from) starts[digit(position) + 1]!++
    for (let i = 1; i < starts.length; i++) starts[i]! += starts[i - 1] as number
    const to = new Uint32Array(from.length)
    for (const position of from) to[starts[digit(position)]!++] = position
    from = to
  }
  return from
}
