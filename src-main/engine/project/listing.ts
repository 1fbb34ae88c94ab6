/**
 * The examples of a data set that a filter lets through, in an order: their positions, found in steps of a few
 * milliseconds, so that a page is there as soon as it can be, a million rows block nobody, and any page of what was
 * found before is at hand.
 */
import type { ExampleFilter, ExampleOrder } from '../../contract/data.ts'
import type { Block, ExampleFacts } from './example-facts.ts'
import { searchTerms, type SearchTerm } from './search-words.ts'
import { narrow, type Matches, type TermMatches } from './term-matches.ts'

/** What a listing asks the project for; generators yield between their steps. */
export interface ListingSources {
  /** Brings the index of a block up to date. */
  index(block: Block): Generator<void, void>
  matches: TermMatches
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
      for (const [index, block] of facts.blocks.entries()) {
        if (index > 0) yield
        yield* sources.index(block)
        const matching = yield* this.#matching(index, terms, sources)
        for (let word = 0; matching !== null && word < matching.length; word++) {
          for (let bits = matching[word] as number; bits !== 0; bits &= bits - 1) {
            const position = block.from + word * 32 + 31 - Math.clz32(bits & -bits)
            if (passes(position)) this.#positions[this.#found++] = position
          }
        }
      }
    }
    if (this.#order !== 'line') yield* this.#sortByLength(this.#order === 'longest')
  }

  /** Which of the block's examples match every term; what is known already comes first. */
  *#matching(block: number, terms: SearchTerm[], { matches }: ListingSources): Generator<void, Matches> {
    let all: Uint32Array | null = null
    const unknown: SearchTerm[] = []
    for (const term of terms) {
      const known = matches.known(term, block)
      if (known === undefined) unknown.push(term)
      else if (known === null) return null
      else {
        all = all === null ? known.slice() : narrow(all, known)
        if (all === null) return null
      }
    }
    for (const [i, term] of unknown.entries()) {
      if (i > 0) yield
      const found = matches.find(term, block)
      if (found === null) return null
      all = all === null ? found.slice() : narrow(all, found)
      if (all === null) return null
    }
    return all
  }

  /** By length, of equal ones the earlier first: a radix sort of two digits, as a comparing one takes half a second for a million. */
  *#sortByLength(longestFirst: boolean): Generator<void, void> {
    let from = this.#positions.subarray(0, this.#found)
    for (const shift of [0, 16]) {
      const digits = new Uint16Array(from.length)
      const starts = new Uint32Array(0x10001)
      for (let i = 0; i < from.length; i++) {
        const digit = (this.facts.length(from[i] as number) >>> shift) & 0xffff
        starts[(digits[i] = longestFirst ? 0xffff - digit : digit) + 1]!++
        if (i % positionsOfStep === positionsOfStep - 1) yield
      }
      for (let digit = 1; digit < starts.length; digit++) starts[digit]! += starts[digit - 1] as number
      const to = new Uint32Array(from.length)
      for (let i = 0; i < from.length; i++) {
        to[starts[digits[i] as number]!++] = from[i] as number
        if (i % positionsOfStep === positionsOfStep - 1) yield
      }
      from = to
      yield
    }
    this.#positions = from
  }
}
