/** Collected responses; a row exists only once its states are on the disk. */
import type { Response } from '../../contract/collect.ts'
import { StudioError } from '../../contract/errors.ts'
import type { Db } from './database.ts'

export interface NewResponse {
  collection: number
  example: number
  sample: number
  seed: number
  promptText: string
  text: string
  tokens: Int32Array
  finish: 'end' | 'length'
  shard: string
  offset: number
  states: number
  crc32: number
}

/** Where states are: rows of a shard from a byte offset on. */
export interface StatePlace {
  shard: string
  offset: number
  states: number
}

export interface ResponseStates extends StatePlace {
  response: number
  example: number
  crc32: number
}

/** With its reward by one source. */
export interface LabelledStates extends ResponseStates {
  reward: number
}

export interface StoredResponse extends StatePlace {
  id: number
  crc32: number
}

export class Responses {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  add(r: NewResponse): number {
    const { lastInsertRowid } = this.#db
      .prepare(
        `INSERT INTO responses (collection, example, sample, seed, promptText, text, tokens, finish, shard, offset, states, crc32)
         VALUES (@collection, @example, @sample, @seed, @promptText, @text, @tokens, @finish, @shard, @offset, @states, @crc32)`
      )
      .run({ ...r, tokens: Buffer.from(r.tokens.buffer, r.tokens.byteOffset, r.tokens.byteLength) })
    return Number(lastInsertRowid)
  }

  /** One transaction for all of them. @returns their ids */
  addAll(responses: NewResponse[]): number[] {
    return this.#db.transaction(() => responses.map((one) => this.add(one)))()
  }

  skip(collection: number, example: number, sample: number, reason: string): void {
    this.#db.prepare('INSERT OR REPLACE INTO skippedExamples (collection, example, sample, reason) VALUES (?, ?, ?, ?)').run(collection, example, sample, reason)
  }

  skipped(collection: number): { line: number; reason: string }[] {
    return this.#db
      .prepare('SELECT DISTINCT e.line, s.reason FROM skippedExamples s JOIN examples e ON e.id = s.example WHERE s.collection = ? ORDER BY e.line')
      .all(collection) as { line: number; reason: string }[]
  }

  /** "example/sample" of everything that need not be generated again. */
  finishedKeys(collection: number): Set<string> {
    const keys = this.#db
      .prepare(
        `SELECT example || '/' || sample FROM responses WHERE collection = @collection
         UNION SELECT example || '/' || sample FROM skippedExamples WHERE collection = @collection`
      )
      .pluck()
      .all({ collection }) as string[]
    return new Set(keys)
  }

  /** Bytes of each shard that rows point to. */
  shardLengths(collection: number, inputDim: number): { shard: string; bytes: number }[] {
    return this.#db
      .prepare('SELECT shard, max(offset + states * ? * 2) AS bytes FROM responses WHERE collection = ? GROUP BY shard ORDER BY shard')
      .all(inputDim, collection) as { shard: string; bytes: number }[]
  }

  page(collection: number, options: { source: string | null; order: 'collected' | 'best' | 'worst'; offset: number; limit: number }): { total: number; responses: Response[] } {
    const order = { collected: 'r.id', best: 'w.value IS NULL, w.value DESC, r.id', worst: 'w.value IS NULL, w.value ASC, r.id' }[options.order]
    const responses = this.#db
      .prepare(
        `SELECT r.id, r.example, r.sample, e.prompt, r.text, r.states AS tokens, r.finish, w.value AS reward, w.failure AS rewardFailure
         FROM responses r JOIN examples e ON e.id = r.example LEFT JOIN rewards w ON w.response = r.id AND w.name = @source
         WHERE r.collection = @collection ORDER BY ${order} LIMIT @limit OFFSET @offset`
      )
      .all({ collection, ...options }) as Response[]
    const total = this.#db.prepare('SELECT count(*) FROM responses WHERE collection = ?').pluck().get(collection) as number
    return { total, responses }
  }

  /** Of a collection, the oldest first. */
  ids(collection: number): number[] {
    return this.#db.prepare('SELECT id FROM responses WHERE collection = ? ORDER BY id').pluck().all(collection) as number[]
  }

  /** Of a collection, those to the same prompt together, in the order of their samples. */
  samples(collection: number): number[][] {
    const groups = new Map<number, number[]>()
    const rows = this.#db.prepare('SELECT id, example FROM responses WHERE collection = ? ORDER BY example, sample').all(collection) as { id: number; example: number }[]
    for (const { id, example } of rows) groups.set(example, [...(groups.get(example) ?? []), id])
    return [...groups.values()]
  }

  text(id: number): { collection: number; example: number; text: string } {
    const row = this.#db.prepare('SELECT collection, example, text FROM responses WHERE id = ?').get(id) as { collection: number; example: number; text: string } | undefined
    if (row === undefined) throw new StudioError('not-found', `there is no response ${id} in this project`)
    return row
  }

  /** @throws StudioError 'not-found' */
  get(id: number): { example: number; text: string; sample: number; states: number; finish: 'end' | 'length' } {
    const row = this.#db.prepare('SELECT example, text, sample, states, finish FROM responses WHERE id = ?').get(id) as ReturnType<Responses['get']> | undefined
    if (row === undefined) throw new StudioError('not-found', `there is no response ${id} in this project`)
    return row
  }

  /** @throws StudioError 'not-found' */
  place(id: number): StatePlace & { collection: number } {
    const row = this.#db.prepare('SELECT collection, shard, offset, states FROM responses WHERE id = ?').get(id) as ReturnType<Responses['place']> | undefined
    if (row === undefined) throw new StudioError('not-found', `there is no response ${id} in this project`)
    return row
  }

  /** Where each response's states are, the oldest first. */
  storedStates(collection: number): StoredResponse[] {
    return this.#db.prepare('SELECT id, shard, offset, states, crc32 FROM responses WHERE collection = ? ORDER BY id').all(collection) as StoredResponse[]
  }

  /** Everything of a response but its states. @throws StudioError 'not-found' */
  whole(id: number): Pick<NewResponse, 'example' | 'sample' | 'seed' | 'promptText' | 'text' | 'tokens' | 'finish'> {
    const row = this.#db.prepare('SELECT example, sample, seed, promptText, text, tokens, finish FROM responses WHERE id = ?').get(id) as
      | (Omit<ReturnType<Responses['whole']>, 'tokens'> & { tokens: Buffer }) | undefined
    if (row === undefined) throw new StudioError('not-found', `there is no response ${id} in this project`)
    return { ...row, tokens: new Int32Array(Uint8Array.from(row.tokens).buffer) }
  }

  labelledStates(collection: number, source: string): LabelledStates[] {
    return this.#db
      .prepare(
        `SELECT r.id AS response, r.example, r.shard, r.offset, r.states, r.crc32, w.value AS reward
         FROM responses r JOIN rewards w ON w.response = r.id AND w.name = ? AND w.value IS NOT NULL
         WHERE r.collection = ? AND r.states > 0 ORDER BY r.example, r.sample`
      )
      .all(source, collection) as LabelledStates[]
  }

  /** Whether they have a reward or not. */
  states(collection: number): ResponseStates[] {
    return this.#db
      .prepare('SELECT id AS response, example, shard, offset, states, crc32 FROM responses WHERE collection = ? AND states > 0 ORDER BY example, sample')
      .all(collection) as ResponseStates[]
  }

  /** The prompt as the data set has it, and the tokens. @throws StudioError 'not-found' */
  spelled(id: number): { prompt: string; tokens: Int32Array } {
    const row = this.#db.prepare('SELECT e.prompt, r.tokens FROM responses r JOIN examples e ON e.id = r.example WHERE r.id = ?').get(id) as { prompt: string; tokens: Buffer } | undefined
    if (row === undefined) throw new StudioError('not-found', `there is no response ${id} in this project`)
    return { prompt: row.prompt, tokens: new Int32Array(new Uint8Array(row.tokens).buffer) }
  }
}
