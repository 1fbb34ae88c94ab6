/** Value functions with their weights, settings and curves. */
import type { Manifest } from '../../contract/device.ts'
import type { Epoch, TrainSettings, ValueFunction, ValueFunctionDetail } from '../../contract/entities.ts'
import { StudioError } from '../../contract/errors.ts'
import type { Network } from '../../model-host/messages.ts'
import { packNetwork, unpackNetwork } from '../value/network.ts'
import type { Db } from './database.ts'

export interface NewValueFunction {
  name: string
  collection: number | null
  source: string
  network: Network
  scale: number
  rewardMean: number
  rewardScale: number
  settings: TrainSettings | null
  bestEpoch: number
  curve: Epoch[]
  calibration: { reward: number; predicted: number }[]
  /** null for an imported one */
  manifest: Manifest | null
}

type Row = Omit<NewValueFunction, 'network' | 'settings' | 'curve' | 'calibration' | 'manifest'> & {
  id: number
  created: string
  inputDim: number
  hiddenDims: string
  settings: string | null
  curve: string
  calibration: string
}

const columns = 'id, name, collection, source, created, inputDim, hiddenDims, scale, rewardMean, rewardScale, settings, bestEpoch, curve, calibration'

export class ValueFunctions {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  add(v: NewValueFunction): number {
    const hiddenDims = v.network.layers.slice(0, -1).map((layer) => layer.bias.length)
    const { lastInsertRowid } = this.#db
      .prepare(
        `INSERT INTO valueFunctions (name, collection, source, created, inputDim, hiddenDims, weights, scale, rewardMean, rewardScale, settings, bestEpoch, curve, calibration, manifest)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
      )
      .run(
        v.name, v.collection, v.source, new Date().toISOString(), v.network.inputDim, JSON.stringify(hiddenDims), packNetwork(v.network),
        v.scale, v.rewardMean, v.rewardScale, v.settings && JSON.stringify(v.settings), v.bestEpoch, JSON.stringify(v.curve), JSON.stringify(v.calibration),
        v.manifest && JSON.stringify(v.manifest)
      )
    return Number(lastInsertRowid)
  }

  delete(id: number): void {
    this.#db.prepare('DELETE FROM valueFunctions WHERE id = ?').run(id)
  }

  list(): ValueFunction[] {
    return (this.#db.prepare(`SELECT ${columns} FROM valueFunctions ORDER BY id`).all() as Row[]).map((row) => {
      const { curve: _curve, calibration: _calibration, ...summary } = toDetail(row)
      return summary
    })
  }

  /** @throws StudioError 'not-found' */
  detail(id: number): ValueFunctionDetail {
    const row = this.#db.prepare(`SELECT ${columns} FROM valueFunctions WHERE id = ?`).get(id) as Row | undefined
    if (row === undefined) throw new StudioError('not-found', `there is no value function ${id} in this project`)
    return toDetail(row)
  }

  /** How it was trained; null for an imported one, and for one from before manifests were kept. */
  manifest(id: number): Manifest | null {
    const stored = this.#db.prepare('SELECT manifest FROM valueFunctions WHERE id = ?').pluck().get(id) as string | null
    return stored === null ? null : (JSON.parse(stored) as Manifest)
  }

  network(id: number): Network {
    const { inputDim, hiddenDims } = this.detail(id)
    const weights = this.#db.prepare('SELECT weights FROM valueFunctions WHERE id = ?').pluck().get(id) as Buffer
    return unpackNetwork(weights, inputDim, hiddenDims)
  }
}

function toDetail(row: Row): ValueFunctionDetail {
  const curve = JSON.parse(row.curve) as Epoch[]
  const best = curve.find((epoch) => epoch.epoch === row.bestEpoch)
  return {
    ...row,
    hiddenDims: JSON.parse(row.hiddenDims) as number[],
    settings: row.settings === null ? null : (JSON.parse(row.settings) as TrainSettings),
    epochs: curve.length,
    trainLoss: best?.trainLoss ?? 0,
    validationLoss: best?.validationLoss ?? 0,
    returnError: best?.returnError ?? 0,
    correlation: best?.correlation ?? 0,
    curve,
    calibration: JSON.parse(row.calibration) as { reward: number; predicted: number }[]
  }
}
