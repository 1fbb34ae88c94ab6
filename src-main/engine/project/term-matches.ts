/**
 * Which examples of each block match a term, remembered as a bit an example: somebody who types asks the same words
 * again with every letter, and where no word begins with "ass", none begins with "assi".
 */
import type { Block, ExampleFacts } from './example-facts.ts'
import type { SearchIndex } from './search-index.ts'
import type { SearchTerm } from './search-words.ts'

/** A bit for each example of a block; null where none matches. */
export type Matches = Uint32Array | null

/** Terms that are remembered: 125 KB each of a million examples. */
const keptTerms = 64

interface Remembered {
  term: SearchTerm
  /** by the block's index; undefined where it was not asked for */
  blocks: (Matches | undefined)[]
}

export class TermMatches {
  readonly #facts: ExampleFacts
  readonly #search: SearchIndex
  /** The one that was asked for last is the last. */
  readonly #terms = new Map<string, Remembered>()

  constructor(facts: ExampleFacts, search: SearchIndex) {
    this.#facts = facts
    this.#search = search
  }

  /** What is known without asking the index; undefined where that is nothing. */
  known({ expression, text }: SearchTerm, block: number): Matches | undefined {
    const own = this.#terms.get(expression)?.blocks[block]
    if (own !== undefined) return own
    for (const { term, blocks } of this.#terms.values()) {
      if (blocks[block] === null && term.open && text.startsWith(term.text)) return null
    }
    return undefined
  }

  /** Asks the index, which is up to date for this block. */
  find(term: SearchTerm, block: number): Matches {
    const remembered = this.#terms.get(term.expression) ?? { term, blocks: [] }
    this.#terms.delete(term.expression)
    this.#terms.set(term.expression, remembered)
    for (const old of [...this.#terms.keys()].slice(0, -keptTerms)) this.#terms.delete(old)
    const where = this.#facts.blocks[block] as Block
    return (remembered.blocks[block] = this.#bits(where, this.#search.find(where.searchKey, term.expression)))
  }

  /** Ids and positions both ascend. */
  #bits({ from, rows }: Block, ids: number[]): Matches {
    if (ids.length === 0) return null
    const bits = new Uint32Array(Math.ceil(rows / 32))
    let at = 0
    for (const id of ids) {
      while (at < rows && this.#facts.id(from + at) < id) at++
      if (at < rows && this.#facts.id(from + at) === id) bits[at >>> 5]! |= 1 << (at & 31)
    }
    return bits
  }
}

/** @param a is changed to hold what is in both */
export function narrow(a: Uint32Array, b: Uint32Array): Matches {
  let any = 0
  for (let i = 0; i < a.length; i++) any |= a[i]! &= b[i] as number
  return any === 0 ? null : a
}
