/** Preference heads with their weights. */
import type { Manifest } from '../../contract/device.ts'
import type { PreferenceHead, PreferenceSettings } from '../../contract/preference.ts'
import { StudioError } from '../../contract/errors.ts'
import type { Db } from './database.ts'

type Accuracies = Pick<PreferenceHead, 'accuracy' | 'low' | 'high' | 'probe' | 'lead' | 'longer'>

export type NewPreferenceHead = Omit<PreferenceHead, 'id' | 'created' | 'inputDim' | 'dataset' | 'model'> & {
  dataset: number
  /** (D), on raw states */
  weights: Float32Array
  bias: number
  manifest: Manifest
}

type Row = Omit<PreferenceHead, keyof Accuracies | 'settings' | 'model'> & { settings: string; accuracies: string; manifest: string }

const columns = 'id, dataset, datasetName, created, settings, inputDim, trainPairs, heldOutPairs, skipped, strength, trainAccuracy, accuracies, manifest'

export class PreferenceHeads {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  add(head: NewPreferenceHead): number {
    const { accuracy, low, high, probe, lead, longer, weights } = head
    const accuracies: Accuracies = { accuracy, low, high, probe, lead, longer }
    const { lastInsertRowid } = this.#db
      .prepare(
        `INSERT INTO preferenceHeads (dataset, datasetName, created, settings, inputDim, trainPairs, heldOutPairs, skipped, strength, trainAccuracy, accuracies, weights, bias, manifest)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
      )
      .run(
        head.dataset, head.datasetName, new Date().toISOString(), JSON.stringify(head.settings), weights.length, head.trainPairs, head.heldOutPairs, head.skipped,
        head.strength, head.trainAccuracy, JSON.stringify(accuracies), Buffer.from(weights.buffer, weights.byteOffset, weights.byteLength), head.bias, JSON.stringify(head.manifest)
      )
    return Number(lastInsertRowid)
  }

  delete(id: number): void {
    this.#db.prepare('DELETE FROM preferenceHeads WHERE id = ?').run(id)
  }

  list(): PreferenceHead[] {
    return (this.#db.prepare(`SELECT ${columns} FROM preferenceHeads ORDER BY id`).all() as Row[]).map(toHead)
  }

  /** @throws StudioError 'not-found' */
  get(id: number): PreferenceHead {
    const row = this.#db.prepare(`SELECT ${columns} FROM preferenceHeads WHERE id = ?`).get(id) as Row | undefined
    if (row === undefined) throw new StudioError('not-found', `there is no preference head ${id} in this project`)
    return toHead(row)
  }

  /** r = w h + b, w (D) */
  weights(id: number): { weights: Float32Array; bias: number } {
    const { inputDim } = this.get(id)
    const row = this.#db.prepare('SELECT weights, bias FROM preferenceHeads WHERE id = ?').get(id) as { weights: Buffer; bias: number }
    if (row.weights.length !== inputDim * 4) throw new StudioError('project-damaged', `the weights of preference head ${id} are damaged`)
    return { weights: new Float32Array(Uint8Array.from(row.weights).buffer), bias: row.bias }
  }
}

function toHead({ settings, accuracies, manifest, ...row }: Row): PreferenceHead {
  return { ...row, ...(JSON.parse(accuracies) as Accuracies), settings: JSON.parse(settings) as PreferenceSettings, model: (JSON.parse(manifest) as Manifest).model }
}
