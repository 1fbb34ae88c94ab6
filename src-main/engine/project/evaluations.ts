/** Evaluations: methods compared on the same prompts, and every response behind the table. */
import type { Manifest } from '../../contract/device.ts'
import { evaluateSettings, evaluationTable, type EvaluateSettings, type Evaluation, type EvaluationResponse, type EvaluationTable } from '../../contract/entities.ts'
import { StudioError } from '../../contract/errors.ts'
import type { Db } from './database.ts'

export interface ScoredResponse {
  /** index in the settings' methods */
  method: number
  example: number
  text: string
  tokens: number
  /** mean |Delta h| / |h| over its tokens; null without control */
  edit: number | null
  reward: number | null
  failure: string | null
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
      .run(settings.dataset, JSON.stringify(settings), JSON.stringify(manifest), JSON.stringify(settings.methods.map(() => [0, 0])), new Date().toISOString())
    return Number(lastInsertRowid)
  }

  delete(id: number): void {
    this.#db.prepare('DELETE FROM evaluations WHERE id = ?').run(id)
  }

  finish(id: number, table: EvaluationTable, report: string): void {
    this.#db.prepare('UPDATE evaluations SET result = ?, report = ? WHERE id = ?').run(JSON.stringify(table), report, id)
  }

  list(): Evaluation[] {
    return (this.#db.prepare(`${summary} ORDER BY v.id`).all() as Row[]).map(toEvaluation)
  }

  get(id: number): Evaluation {
    const row = this.#db.prepare(`${summary} WHERE v.id = ?`).get(id) as Row | undefined
    if (row === undefined) throw new StudioError('not-found', `there is no evaluation ${id} in this project`)
    return toEvaluation(row)
  }

  /** [tokens, seconds] of each method's runs so far */
  timings(id: number): [number, number][] {
    return JSON.parse(this.#db.prepare('SELECT timings FROM evaluations WHERE id = ?').pluck().get(id) as string) as [number, number][]
  }

  addTiming(id: number, method: number, tokens: number, seconds: number): void {
    const timings = this.timings(id).map(([t, s], i) => (i === method ? [t + tokens, s + seconds] : [t, s]))
    this.#db.prepare('UPDATE evaluations SET timings = ? WHERE id = ?').run(JSON.stringify(timings), id)
  }

  manifest(id: number): Manifest {
    return JSON.parse(this.#db.prepare('SELECT manifest FROM evaluations WHERE id = ?').pluck().get(id) as string) as Manifest
  }

  addResponse(evaluation: number, r: ScoredResponse): void {
    this.#db
      .prepare(
        `INSERT OR REPLACE INTO evaluationResponses (evaluation, method, example, text, tokens, edit, reward, failure)
         VALUES (@evaluation, @method, @example, @text, @tokens, @edit, @reward, @failure)`
      )
      .run({ evaluation, ...r })
  }

  responses(evaluation: number): ScoredResponse[] {
    return this.#db
      .prepare('SELECT method, example, text, tokens, edit, reward, failure FROM evaluationResponses WHERE evaluation = ? ORDER BY example, method')
      .all(evaluation) as ScoredResponse[]
  }

  prompts(evaluation: number): number {
    return this.#db.prepare('SELECT count(DISTINCT example) FROM evaluationResponses WHERE evaluation = ?').pluck().get(evaluation) as number
  }

  /** Responses side by side, a row a prompt. */
  sideBySide(id: number, offset: number, limit: number): EvaluationResponse[] {
    const names = this.get(id).settings.methods.map((method) => method.name)
    const examples = this.#db
      .prepare('SELECT DISTINCT r.example AS id, e.prompt FROM evaluationResponses r JOIN examples e ON e.id = r.example WHERE r.evaluation = ? ORDER BY r.example LIMIT ? OFFSET ?')
      .all(id, limit, offset) as { id: number; prompt: string }[]
    const ofExample = this.#db.prepare('SELECT method, text, reward FROM evaluationResponses WHERE evaluation = ? AND example = ? ORDER BY method')
    return examples.map(({ id: example, prompt }) => ({
      example,
      prompt,
      byMethod: (ofExample.all(id, example) as { method: number; text: string; reward: number | null }[]).map(({ method, text, reward }) => ({
        name: names[method] ?? String(method),
        text,
        reward
      }))
    }))
  }
}

function toEvaluation({ result, ...row }: Row): Evaluation {
  return {
    ...row,
    settings: evaluateSettings.parse(JSON.parse(row.settings)), // older rows lack the newer settings
    finished: result !== null,
    table: result === null ? null : evaluationTable.parse(JSON.parse(result)) // older ones lack the newer figures
  }
}
