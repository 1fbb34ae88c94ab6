/** Value functions with their weights, settings and curves. */
import type { Manifest } from '../../contract/device.ts'
import type { Epoch, TrainingSamples, TrainSettings, ValueFunction, ValueFunctionDetail } from '../../contract/value.ts'
import { StudioError } from '../../contract/errors.ts'
import type { Network } from '../../model-host/messages/train.ts'
import { packNetwork, unpackNetwork } from '../value/network.ts'
import { completeSettings } from '../value/stored-settings.ts'
import { weightedSum } from '../value/weighted-sum.ts'
import type { Db } from './database.ts'

export interface NewValueFunction {
  name: string
  collection: number | null
  source: string
  network: Network
  /** of an ensemble the other members, of the same shape; V is the mean of all */
  others?: Network[]
  scale: number
  rewardMean: number
  rewardScale: number
  settings: TrainSettings | null
  bestEpoch: number
  curve: Epoch[]
  calibration: { reward: number; predicted: number }[]
  /** null for an imported one */
  manifest: Manifest | null
  /** what it does where it was not trained; left out for an imported one */
  figures?: Figures
}

export interface Figures extends Pick<ValueFunctionDetail, 'memberFigures' | 'positions' | 'spread' | 'pairs'> {
  /** left out where none were asked for */
  samples?: TrainingSamples
  /** every unseen response with its mean of (V(h_t) - r)^2, in standardised rewards */
  heldOut: { response: number; error: number }[]
  /** of V over the unseen responses; null without any */
  returnError: number | null
  correlation: number | null
}

type Row = Omit<NewValueFunction, 'network' | 'others' | 'settings' | 'curve' | 'calibration' | 'manifest' | 'figures'> & {
  id: number
  created: string
  inputDim: number
  hiddenDims: string
  settings: string | null
  curve: string
  calibration: string
  members: number
  figures: string | null
}

const columns = 'id, name, collection, source, created, inputDim, hiddenDims, scale, rewardMean, rewardScale, settings, bestEpoch, curve, calibration, members, figures'

export class ValueFunctions {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  add(v: NewValueFunction): number {
    const hiddenDims = v.network.layers.slice(0, -1).map((layer) => layer.bias.length)
    const { lastInsertRowid } = this.#db
      .prepare(
        `INSERT INTO valueFunctions (name, collection, source, created, inputDim, hiddenDims, weights, scale, rewardMean, rewardScale, settings, bestEpoch, curve, calibration, manifest, members, figures)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
      )
      .run(
        v.name, v.collection, v.source, new Date().toISOString(), v.network.inputDim, JSON.stringify(hiddenDims), Buffer.concat([v.network, ...(v.others ?? [])].map(packNetwork)),
        v.scale, v.rewardMean, v.rewardScale, v.settings && JSON.stringify(v.settings), v.bestEpoch, JSON.stringify(v.curve), JSON.stringify(v.calibration),
        v.manifest && JSON.stringify(v.manifest), 1 + (v.others?.length ?? 0), v.figures === undefined ? null : JSON.stringify(v.figures)
      )
    return Number(lastInsertRowid)
  }

  delete(id: number): void {
    this.#db.prepare('DELETE FROM valueFunctions WHERE id = ?').run(id)
  }

  list(): ValueFunction[] {
    return (this.#db.prepare(`SELECT ${columns} FROM valueFunctions ORDER BY id`).all() as Row[]).map((row) => {
      const { curve: _curve, calibration: _calibration, memberFigures: _members, positions: _positions, spread: _spread, samples: _samples, ...summary } = toDetail(row)
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

  /** What it does on unseen responses; null for an imported one, and for one from before this was measured. */
  figures(id: number): Figures | null {
    const stored = this.#db.prepare('SELECT figures FROM valueFunctions WHERE id = ?').pluck().get(id) as string | null
    return stored === null ? null : (JSON.parse(stored) as Figures)
  }

  /** Of an ensemble the mean of its members, exactly: their hidden units side by side. */
  network(id: number): Network {
    const members = this.memberNetworks(id)
    return weightedSum(members.map((network) => ({ network, weight: 1 / members.length })))
  }

  /** One where it is no ensemble. */
  memberNetworks(id: number): Network[] {
    const { inputDim, hiddenDims, members } = this.detail(id)
    const weights = this.#db.prepare('SELECT weights FROM valueFunctions WHERE id = ?').pluck().get(id) as Buffer
    const bytes = weights.length / members
    return Array.from({ length: members }, (_, m) => unpackNetwork(weights.subarray(m * bytes, (m + 1) * bytes), inputDim, hiddenDims))
  }
}

function toDetail({ figures: stored, ...row }: Row): ValueFunctionDetail {
  const figures = stored === null ? null : (JSON.parse(stored) as Figures)
  const memberFigures = figures?.memberFigures ?? []
  const meanOf = (loss: 'trainLoss' | 'validationLoss'): number | undefined =>
    memberFigures.length === 0 ? undefined : memberFigures.reduce((sum, member) => sum + member[loss], 0) / memberFigures.length
  const curve = JSON.parse(row.curve) as Epoch[]
  const best = curve.find((epoch) => epoch.epoch === row.bestEpoch)
  return {
    ...row,
    hiddenDims: JSON.parse(row.hiddenDims) as number[],
    settings: row.settings === null ? null : completeSettings(JSON.parse(row.settings) as TrainSettings),
    epochs: curve.length,
    trainLoss: meanOf('trainLoss') ?? best?.trainLoss ?? 0,
    validationLoss: meanOf('validationLoss') ?? best?.validationLoss ?? 0,
    returnError: (row.members > 1 ? figures?.returnError : null) ?? best?.returnError ?? 0,
    correlation: (row.members > 1 ? figures?.correlation : null) ?? best?.correlation ?? 0,
    memberFigures,
    positions: figures?.positions ?? [],
    spread: figures?.spread ?? null,
    pairs: figures?.pairs ?? null,
    samples: figures?.samples ?? null,
    curve,
    calibration: JSON.parse(row.calibration) as { reward: number; predicted: number }[]
  }
}
