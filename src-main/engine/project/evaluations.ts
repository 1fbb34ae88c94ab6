/** Evaluations: methods compared on the same prompts, and every response behind the table with what was measured of it. */
import type { Manifest } from '../../contract/device.ts'
import { evaluateSettings, evaluationTable, type EvaluateSettings, type Evaluation, type EvaluationResponse, type EvaluationTable } from '../../contract/evaluate.ts'
import { StudioError } from '../../contract/errors.ts'
import { columnsOf } from '../evaluate/columns.ts'
import { methodLabels } from '../evaluate/labels.ts'
import type { Db } from './database.ts'

/** Which response of an evaluation. */
export interface ResponsePlace {
  example: number
  /** its column, see columns.ts */
  method: number
  /** from 0 */
  seed: number
}

export interface ScoredResponse extends ResponsePlace {
  text: string
  /** 0 where the prompt could not be answered */
  tokens: number
  /** mean |Delta h| / |h| over its tokens; null without control */
  edit: number | null
  reward: number | null
  failure: string | null
}

/** A reward, or why there is none: one of them is null. */
export interface Scored extends ResponsePlace {
  value: number | null
  failure: string | null
}

export interface Measure extends Scored {
  /** its label */
  metric: string
}

type Row = Omit<Evaluation, 'settings' | 'finished' | 'table'> & { settings: string; result: string | null }

const summary = `
  SELECT v.id, v.created, v.settings, d.name AS datasetName, v.result, v.report
  FROM evaluations v JOIN datasets d ON d.id = v.dataset`

export class Evaluations {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  create(settings: EvaluateSettings, manifest: Manifest): number {
    const { lastInsertRowid } = this.#db
      .prepare('INSERT INTO evaluations (dataset, settings, manifest, timings, created) VALUES (?, ?, ?, ?, ?)')
      .run(settings.dataset, JSON.stringify(settings), JSON.stringify(manifest), JSON.stringify(columnsOf(settings).map(() => [0, 0])), new Date().toISOString())
    return Number(lastInsertRowid)
  }

  delete(id: number): void {
    this.#db.prepare('DELETE FROM evaluations WHERE id = ?').run(id)
  }

  finish(id: number, table: EvaluationTable, report: string): void {
    this.#db.prepare('UPDATE evaluations SET result = ?, report = ?, extendedFrom = NULL WHERE id = ?').run(JSON.stringify(table), report, id)
  }

  /** Its old table stays until the new one is there. `settings` has the columns that there were, then others. */
  extend(id: number, settings: EvaluateSettings): void {
    const before = this.get(id).settings
    const added = columnsOf(settings).length - columnsOf(before).length
    const timings = [...this.timings(id), ...Array.from({ length: added }, () => [0, 0])]
    this.#db.prepare('UPDATE evaluations SET settings = ?, timings = ?, extendedFrom = ? WHERE id = ?').run(JSON.stringify(settings), JSON.stringify(timings), JSON.stringify(before), id)
  }

  /** The settings before the extension that is under way; null without one. */
  extendedFrom(id: number): EvaluateSettings | null {
    const stored = this.#db.prepare('SELECT extendedFrom FROM evaluations WHERE id = ?').pluck().get(id) as string | null
    return stored === null ? null : evaluateSettings.parse(JSON.parse(stored))
  }

  /** Takes back the extension from these settings, and all that it made. @param metrics labels of those that stay */
  revert(id: number, before: EvaluateSettings, metrics: string[]): void {
    const columns = columnsOf(before).length
    this.#db.transaction(() => {
      this.#db.prepare('DELETE FROM evaluationResponses WHERE evaluation = ? AND (method >= ? OR seed >= ?)').run(id, columns, before.seeds)
      this.#db.prepare('DELETE FROM evaluationMeasures WHERE evaluation = ? AND metric NOT IN (SELECT value FROM json_each(?))').run(id, JSON.stringify(metrics))
      this.#db
        .prepare('UPDATE evaluations SET settings = ?, timings = ?, extendedFrom = NULL WHERE id = ?')
        .run(JSON.stringify(before), JSON.stringify(this.timings(id).slice(0, columns)), id)
    })()
  }

  list(): Evaluation[] {
    return (this.#db.prepare(`${summary} ORDER BY v.id`).all() as Row[]).map(toEvaluation)
  }

  get(id: number): Evaluation {
    const row = this.#db.prepare(`${summary} WHERE v.id = ?`).get(id) as Row | undefined
    if (row === undefined) throw new StudioError('not-found', `there is no evaluation ${id} in this project`)
    return toEvaluation(row)
  }

  /** [tokens, seconds] of each column's runs so far */
  timings(id: number): [number, number][] {
    return JSON.parse(this.#db.prepare('SELECT timings FROM evaluations WHERE id = ?').pluck().get(id) as string) as [number, number][]
  }

  addTiming(id: number, method: number, tokens: number, seconds: number): void {
    const timings = this.timings(id).map(([t, s], i) => (i === method ? [t + tokens, s + seconds] : [t, s]))
    this.#db.prepare('UPDATE evaluations SET timings = ? WHERE id = ?').run(JSON.stringify(timings), id)
  }

  /** Of successive halving: for each round that is decided, the sweep's points that went on. */
  rounds(id: number): number[][] {
    return JSON.parse(this.#db.prepare('SELECT rounds FROM evaluations WHERE id = ?').pluck().get(id) as string) as number[][]
  }

  addRound(id: number, points: number[]): void {
    this.#db.prepare('UPDATE evaluations SET rounds = ? WHERE id = ?').run(JSON.stringify([...this.rounds(id), points]), id)
  }

  /** By the label of a metric what a reader of its figures should know. */
  remarks(id: number): Record<string, string[]> {
    return JSON.parse(this.#db.prepare('SELECT remarks FROM evaluations WHERE id = ?').pluck().get(id) as string) as Record<string, string[]>
  }

  addRemarks(id: number, metric: string, remarks: string[]): void {
    const all = this.remarks(id)
    const known = all[metric] ?? []
    this.#db.prepare('UPDATE evaluations SET remarks = ? WHERE id = ?').run(JSON.stringify({ ...all, [metric]: [...new Set([...known, ...remarks])] }), id)
  }

  manifest(id: number): Manifest {
    return JSON.parse(this.#db.prepare('SELECT manifest FROM evaluations WHERE id = ?').pluck().get(id) as string) as Manifest
  }

  addResponse(evaluation: number, { tokenIds = null, ...response }: ScoredResponse & { tokenIds?: Int32Array | null }): void {
    this.#db
      .prepare(
        `INSERT INTO evaluationResponses (evaluation, example, method, seed, tokens, edit, reward, failure, text, tokenIds)
         VALUES (@evaluation, @example, @method, @seed, @tokens, @edit, @reward, @failure, @text, @tokenIds)
         ON CONFLICT DO UPDATE SET tokens = excluded.tokens, edit = excluded.edit, reward = excluded.reward, failure = excluded.failure, text = excluded.text, tokenIds = excluded.tokenIds`
      )
      .run({ evaluation, ...response, tokenIds: tokenIds && Buffer.from(tokenIds.buffer, tokenIds.byteOffset, tokenIds.byteLength) })
  }

  setRewards(evaluation: number, rewards: Scored[]): void {
    const set = this.#db.prepare('UPDATE evaluationResponses SET reward = @value, failure = @failure WHERE evaluation = @evaluation AND example = @example AND method = @method AND seed = @seed')
    this.#db.transaction(() => rewards.forEach((reward) => set.run({ evaluation, ...reward })))()
  }

  addMeasures(evaluation: number, measures: Measure[]): void {
    const add = this.#db.prepare(
      'INSERT OR REPLACE INTO evaluationMeasures (evaluation, example, method, seed, metric, value, failure) VALUES (@evaluation, @example, @method, @seed, @metric, @value, @failure)'
    )
    this.#db.transaction(() => measures.forEach((measure) => add.run({ evaluation, ...measure })))()
  }

  /** In the order of the prompts, of their columns and of the seeds. @param method null: of every column */
  responses(evaluation: number, method: number | null = null): ScoredResponse[] {
    return this.#db
      .prepare('SELECT example, method, seed, text, tokens, edit, reward, failure FROM evaluationResponses WHERE evaluation = ? AND method = coalesce(?, method) ORDER BY example, method, seed')
      .all(evaluation, method) as ScoredResponse[]
  }

  /** Of a column, without its texts. */
  figures(evaluation: number, method: number): Pick<ScoredResponse, 'example' | 'method' | 'edit' | 'reward'>[] {
    return this.#db
      .prepare('SELECT example, method, edit, reward FROM evaluationResponses WHERE evaluation = ? AND method = ? ORDER BY example, seed')
      .all(evaluation, method) as ReturnType<Evaluations['figures']>
  }

  /** Of the metrics with these labels, in the order of their responses. */
  measures(evaluation: number, metrics: string[]): Measure[] {
    return this.#db
      .prepare('SELECT example, method, seed, metric, value, failure FROM evaluationMeasures WHERE evaluation = ? AND metric IN (SELECT value FROM json_each(?)) ORDER BY example, method, seed')
      .all(evaluation, JSON.stringify(metrics)) as Measure[]
  }

  text(evaluation: number, { example, method, seed }: ResponsePlace): string | null {
    return (this.#db.prepare('SELECT text FROM evaluationResponses WHERE evaluation = ? AND example = ? AND method = ? AND seed = ? AND tokens > 0').pluck().get(evaluation, example, method, seed) as string | undefined) ?? null
  }

  /** As the project's model drew them, the end-of-text token included; null where they were not kept, or another model drew them. */
  tokenIds(evaluation: number, { example, method, seed }: ResponsePlace): Int32Array | null {
    const bytes = this.#db.prepare('SELECT tokenIds FROM evaluationResponses WHERE evaluation = ? AND example = ? AND method = ? AND seed = ?').pluck().get(evaluation, example, method, seed) as Buffer | null | undefined
    return bytes === null || bytes === undefined ? null : new Int32Array(Uint8Array.from(bytes).buffer)
  }

  /** Places of all that was answered or given up. */
  answered(evaluation: number): ResponsePlace[] {
    return this.#db.prepare('SELECT example, method, seed FROM evaluationResponses WHERE evaluation = ? ORDER BY example, method, seed').all(evaluation) as ResponsePlace[]
  }

  prompts(evaluation: number): number {
    return this.#db.prepare('SELECT count(DISTINCT example) FROM evaluationResponses WHERE evaluation = ?').pluck().get(evaluation) as number
  }

  /** Prompts that any column has answered, in their order. */
  examples(evaluation: number, offset: number, limit: number): number[] {
    return this.#db.prepare('SELECT DISTINCT example FROM evaluationResponses WHERE evaluation = ? ORDER BY example LIMIT ? OFFSET ?').pluck().all(evaluation, limit, offset) as number[]
  }

  /** Responses side by side, a row a prompt, its columns and their seeds in their order. */
  sideBySide(id: number, examples: number[]): EvaluationResponse[] {
    const columns = columnsOf(this.get(id).settings).map(({ choice }) => choice)
    const labels = methodLabels(columns)
    const ofExample = this.#db.prepare('SELECT method, seed, text, tokens, edit, reward, failure FROM evaluationResponses WHERE evaluation = ? AND example = ? ORDER BY method, seed')
    const measured = this.#db.prepare('SELECT method, seed, metric, value, failure FROM evaluationMeasures WHERE evaluation = ? AND example = ?')
    const prompt = this.#db.prepare('SELECT prompt, chosen AS preferred FROM examples WHERE id = ?')
    return examples.map((example) => {
      const measures = Map.groupBy(measured.all(id, example) as Measure[], ({ method, seed }) => `${method}/${seed}`)
      return {
        example,
        ...(prompt.get(example) as Pick<EvaluationResponse, 'prompt' | 'preferred'>),
        byMethod: (ofExample.all(id, example) as ScoredResponse[]).map(({ method, seed, ...response }) => ({
          method,
          name: columns[method]?.name ?? String(method),
          label: labels[method] ?? String(method),
          seed,
          ...response,
          measures: Object.fromEntries((measures.get(`${method}/${seed}`) ?? []).map(({ metric, value }) => [metric, value])),
          measureFailures: Object.fromEntries((measures.get(`${method}/${seed}`) ?? []).flatMap(({ metric, failure }) => (failure === null ? [] : [[metric, failure]])))
        }))
      }
    })
  }
}

function toEvaluation({ result, ...row }: Row): Evaluation {
  return {
    ...row,
    settings: evaluateSettings.parse(JSON.parse(row.settings)), // older rows lack the newer settings
    finished: result !== null,
    table: result === null ? null : labelled(evaluationTable.parse(JSON.parse(result))) // older ones lack the newer figures
  }
}

/** Tables of older versions have no labels. */
function labelled(table: EvaluationTable): EvaluationTable {
  const labels = methodLabels(table.methods)
  const first = table.methods[0]?.secondsPerToken ?? 0
  return {
    ...table,
    methods: table.methods.map((method, i) => (method.label === '' ? { ...method, label: labels[i] ?? method.name, timeRatio: first > 0 ? method.secondsPerToken / first : null } : method))
  }
}
