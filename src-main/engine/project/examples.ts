/** Browsing the examples of a data set: pages of what a filter lets through, and one example whole. */
import { setImmediate as others } from 'node:timers/promises'
import type { AnswersKept, Example, ExampleFilter, ExampleOrder, ExampleRow, Split } from '../../contract/data.ts'
import { StudioError } from '../../contract/errors.ts'
import type { Db } from './database.ts'
import { readMessages, type Datasets } from './datasets.ts'
import type { Block, ExampleFacts } from './example-facts.ts'
import { Listing, type ListingSources } from './listing.ts'
import type { SearchIndex, SearchText } from './search-index.ts'
import { TermMatches } from './term-matches.ts'

export interface ExampleQuery {
  dataset: number
  filter: ExampleFilter
  order: ExampleOrder
}

/** Others have their turn after so long. */
const sliceMs = 10
/** Beyond the page, so many are counted, or for so long. */
const countedRows = 10_000
const countingMs = 10

const keptListings = 4
const excerptLength = 300
const columnsShown = 200
const columnLength = 10_000
const rowsOfStep = 250
const labelsOfStep = 4000

const answersKept = `CASE WHEN chosen IS NULL THEN iif(rejected IS NULL, 'none', 'rejected') ELSE iif(rejected IS NULL, 'chosen', 'pair') END`
const rowColumns = `id, line, split, coalesce(ending, substr(prompt, -${excerptLength})) AS excerpt, ${answersKept} AS answers, length, duplicateOf`

export class Examples {
  readonly #db: Db
  readonly #datasets: Datasets
  readonly #search: SearchIndex
  /** Of the data set that was asked for last. */
  #current: { dataset: number; facts: ExampleFacts; matches: TermMatches } | null = null
  /** The newest last. */
  readonly #listings = new Map<string, Listing>()

  constructor(db: Db, datasets: Datasets, search: SearchIndex) {
    this.#db = db
    this.#datasets = datasets
    this.#search = search
  }

  /**
   * `exact` is false where there may be more than `total`.
   * @throws StudioError 'not-found' for a data set that is not there
   */
  async page(query: ExampleQuery, offset: number, limit: number): Promise<{ total: number; exact: boolean; examples: ExampleRow[] }> {
    const listing = this.#listing(query)
    const start = performance.now()
    let slice = start
    const counted = Math.max(countedRows, 2 * offset)
    while (!listing.complete && (listing.known < offset + limit || (listing.known < counted && performance.now() - start < countingMs))) {
      listing.step()
      if (performance.now() - slice < sliceMs) continue
      await others()
      slice = performance.now()
    }
    const row = this.#db.prepare(`SELECT ${rowColumns} FROM examples WHERE id = ?`)
    const examples = [...listing.ids(offset, limit)].flatMap((id) => (row.get(id) as ExampleRow | undefined) ?? [])
    return { total: listing.known, exact: listing.complete, examples: examples.map(onOneLine) }
  }

  /** Ids of all that the filter lets through, in their order; others have their turn in between. */
  async ids(query: ExampleQuery, signal: AbortSignal): Promise<Uint32Array> {
    const listing = this.#listing(query)
    while (!listing.complete) {
      signal.throwIfAborted()
      const slice = performance.now()
      while (!listing.complete && performance.now() - slice < sliceMs) listing.step()
      await others()
    }
    return listing.ids(0, listing.known)
  }

  /** @throws StudioError 'not-found' */
  get(id: number): Example {
    const row = this.#db.prepare(`SELECT ${rowColumns}, prompt, messages, chosen, rejected, columns FROM examples WHERE id = ?`).get(id) as StoredExample | undefined
    if (row === undefined) throw new StudioError('not-found', `there is no example ${id} in this project`)
    const columns = Object.entries(JSON.parse(row.columns) as Record<string, unknown>).slice(0, columnsShown)
    return {
      ...onOneLine(row),
      messages: readMessages(row),
      columns: columns.map(([name, value]) => ({ name, value: shortened(typeof value === 'string' ? value : (JSON.stringify(value) ?? '')) }))
    }
  }

  #listing({ dataset, filter, order }: ExampleQuery): Listing {
    const { examples } = this.#datasets.get(dataset)
    if (this.#current?.dataset !== dataset || this.#current.facts.count !== examples) {
      const facts = this.#datasets.facts(dataset)
      this.#current = { dataset, facts, matches: new TermMatches(facts, this.#search) }
      this.#listings.clear() // they are of other rows
    }
    const { facts, matches } = this.#current
    // labels can change without a trace: any write since counts
    const changes = filter.reward === null ? null : this.#db.prepare('SELECT total_changes()').pluck().get()
    const key = JSON.stringify([filter, order, changes])
    const listing = this.#listings.get(key) ?? new Listing(facts, filter, order, this.#sources(dataset, facts, matches))
    this.#listings.delete(key)
    this.#listings.set(key, listing)
    for (const old of [...this.#listings.keys()].slice(0, -keptListings)) this.#listings.delete(old)
    return listing
  }

  #sources(dataset: number, facts: ExampleFacts, matches: TermMatches): ListingSources {
    const db = this.#db
    const search = this.#search
    return {
      matches,

      *index(block: Block) {
        const text = db.prepare('SELECT id, prompt, chosen, rejected FROM examples WHERE id = ?')
        for (let rows = search.rows(block.searchKey); rows < block.rows; rows += rowsOfStep) {
          const texts: SearchText[] = []
          for (let position = block.from + rows; position < block.from + Math.min(rows + rowsOfStep, block.rows); position++) texts.push(text.get(facts.id(position)) as SearchText)
          search.add(block.searchKey, texts)
          yield
        }
      },

      *rewarded({ name, min, max }) {
        const examples = new Set<number>()
        const labellings = db
          .prepare('SELECT l.id FROM labellings l JOIN collections c ON c.id = l.collection WHERE c.dataset = ? AND l.name = ? AND l.counts = 1')
          .pluck()
          .all(dataset, name) as number[]
        const labels = db.prepare(
          `SELECT w.response, r.example, w.value FROM labels w JOIN responses r ON r.id = w.response
           WHERE w.labelling = ? AND w.response > ? ORDER BY w.response LIMIT ${labelsOfStep}`
        )
        for (const labelling of labellings) {
          for (let after = 0; ; ) {
            const page = labels.all(labelling, after) as { response: number; example: number; value: number | null }[]
            for (const { example, value } of page) {
              if (value !== null && value >= (min ?? -Infinity) && value <= (max ?? Infinity)) examples.add(example)
            }
            if (page.length < labelsOfStep) break
            after = (page.at(-1) as { response: number }).response
            yield
          }
        }
        return examples
      }
    }
  }
}

type StoredExample = ExampleRow & { split: Split; answers: AnswersKept; prompt: string; messages: string | null; chosen: string | null; rejected: string | null; columns: string }

function onOneLine<R extends ExampleRow>(row: R): R {
  return { ...row, excerpt: row.excerpt.replace(/\s+/g, ' ').trim() }
}

function shortened(text: string): string {
  return text.length <= columnLength ? text : `${text.slice(0, columnLength)}… (${text.length.toLocaleString('en-GB')} characters)`
}
