/**
 * What filters and orders ask of examples, kept apart from their texts: 24 bytes an example, in blocks of some thousand
 * examples, so that those of a million are read in milliseconds and walked through in memory.
 */
import { randomInt } from 'node:crypto'
import { StudioError } from '../../contract/errors.ts'
import type { AnswersKept, Split } from '../../contract/data.ts'
import type { Db } from './database.ts'

/** Examples of one block at most: as many as one step of a search looks at. */
export const rowsOfBlock = 8192

/** Numbers (uint32) of one example's record. */
const recordLength = 6
const field = { id: 0, line: 1, length: 2, digestLow: 3, digestHigh: 4, flags: 5 } as const
const flag = { heldOut: 1, chosen: 2, rejected: 4, repeats: 8 } as const

export interface ExampleFact {
  id: number
  line: number
  /** UTF-16 units of prompt and answers */
  length: number
  /** 64 bits that are the same for equal examples */
  digest: [low: number, high: number]
  split: Split
  chosen: boolean
  rejected: boolean
  /** whether it repeats an earlier example */
  repeats: boolean
}

export interface Block {
  /** its name in the search index */
  searchKey: number
  /** position of its first example in the data set */
  from: number
  rows: number
}

/** The facts of one data set; positions count its examples from 0 in the order of their lines. */
export class ExampleFacts {
  readonly count: number
  readonly blocks: Block[] = []
  /** (count, recordLength) */
  readonly #records: Uint32Array

  constructor(blocks: { searchKey: number; rows: number; facts: Buffer }[]) {
    this.count = blocks.reduce((sum, { rows }) => sum + rows, 0)
    this.#records = new Uint32Array(this.count * recordLength)
    const bytes = Buffer.from(this.#records.buffer)
    let from = 0
    for (const { searchKey, rows, facts } of blocks) {
      facts.copy(bytes, from * recordLength * 4)
      this.blocks.push({ searchKey, from, rows })
      from += rows
    }
  }

  id(position: number): number {
    return this.#at(position, field.id)
  }

  line(position: number): number {
    return this.#at(position, field.line)
  }

  length(position: number): number {
    return this.#at(position, field.length)
  }

  digest(position: number): [low: number, high: number] {
    return [this.#at(position, field.digestLow), this.#at(position, field.digestHigh)]
  }

  split(position: number): Split {
    return (this.#at(position, field.flags) & flag.heldOut) === 0 ? 'train' : 'held-out'
  }

  answers(position: number): AnswersKept {
    const kept = this.#at(position, field.flags) & (flag.chosen | flag.rejected)
    return kept === 0 ? 'none' : kept === flag.chosen ? 'chosen' : kept === flag.rejected ? 'rejected' : 'pair'
  }

  repeats(position: number): boolean {
    return (this.#at(position, field.flags) & flag.repeats) !== 0
  }

  #at(position: number, which: number): number {
    return this.#records[position * recordLength + which] as number
  }
}

export class ExampleBlocks {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  facts(dataset: number): ExampleFacts {
    return new ExampleFacts(this.#db.prepare('SELECT searchKey, rows, facts FROM exampleBlocks WHERE dataset = ? ORDER BY id').all(dataset) as { searchKey: number; rows: number; facts: Buffer }[])
  }

  /**
   * Adds to the last block, and to new ones where it is full; inside the transaction of the examples themselves.
   * @returns the blocks that were added to, each with how many of its rows are new
   */
  append(dataset: number, facts: ExampleFact[]): { searchKey: number; rows: number; added: number }[] {
    const last = this.#db.prepare('SELECT id, searchKey, rows, facts FROM exampleBlocks WHERE dataset = ? ORDER BY id DESC LIMIT 1').get(dataset) as
      { id: number; searchKey: number; rows: number; facts: Buffer } | undefined
    const changed: { searchKey: number; rows: number; added: number }[] = []
    const room = last === undefined ? 0 : Math.min(facts.length, rowsOfBlock - last.rows)
    if (last !== undefined && room > 0) {
      const { id, searchKey } = last
      const rows = last.rows + room
      this.#db.prepare('UPDATE exampleBlocks SET rows = ?, facts = ? WHERE id = ?').run(rows, Buffer.concat([last.facts, packed(facts.slice(0, room))]), id)
      changed.push({ searchKey, rows, added: room })
    }
    for (let from = room; from < facts.length; from += rowsOfBlock) {
      const part = facts.slice(from, from + rowsOfBlock)
      const searchKey = randomInt(1, 2 ** 47) // never that of a block which is gone, or of another copy of the project
      this.#db.prepare('INSERT INTO exampleBlocks (dataset, searchKey, rows, facts) VALUES (?, ?, ?, ?)').run(dataset, searchKey, part.length, packed(part))
      changed.push({ searchKey, rows: part.length, added: part.length })
    }
    return changed
  }

  /** The search key of one of the data set's blocks, or null when none is left. */
  first(dataset: number): number | null {
    return (this.#db.prepare('SELECT searchKey FROM exampleBlocks WHERE dataset = ? ORDER BY id LIMIT 1').pluck().get(dataset) as number | undefined) ?? null
  }

  delete(searchKey: number): void {
    this.#db.prepare('DELETE FROM exampleBlocks WHERE searchKey = ?').run(searchKey)
  }
}

function packed(facts: ExampleFact[]): Buffer {
  const records = new Uint32Array(facts.length * recordLength)
  for (const [i, { id, line, length, digest, split, chosen, rejected, repeats }] of facts.entries()) {
    if (id > 0xffffffff || line > 0xffffffff) throw new StudioError('bad-request', 'a project holds no more than 4,294,967,295 examples')
    const flags = (split === 'train' ? 0 : flag.heldOut) | (chosen ? flag.chosen : 0) | (rejected ? flag.rejected : 0) | (repeats ? flag.repeats : 0)
    records.set([id, line, length, ...digest, flags], i * recordLength)
  }
  return Buffer.from(records.buffer)
}
