/**
 * A Bradley-Terry head: P(chosen better) = sigmoid(r(chosen) - r(rejected)) with r = w h + b, h the mean of an answer's
 * states. (In cross-validation on HH-RLHF's harmless pairs it told more pairs apart than the last token's state, and both
 * together told no more.) Beside it, on the same pairs, what simpler ways come to: a plain logistic probe, which takes each answer
 * by itself as a good or a bad one, and the rule that the longer answer is the better one.
 */
import { createHash } from 'node:crypto'
import { setImmediate as breathe } from 'node:timers/promises'
import type { PreferenceHead } from '../../contract/preference.ts'
import { hits, leadOf, shareOf } from './accuracy.ts'
import { fitCrossValidated, folds, type Fit } from './cross-validation.ts'
import type { PairStates, PairTokens } from './features.ts'
import { score, type Rows } from './logistic.ts'

const breatheEveryMs = 20

export interface Pair {
  prompt: string
  tokens: PairTokens
}

/** Pairs with their states, which are read when they are needed. */
export interface PairSet {
  pairs: Pair[]
  states(pair: number): PairStates
}

export type TrainedHead = Pick<PreferenceHead, 'accuracy' | 'low' | 'high' | 'trainAccuracy' | 'strength' | 'probe' | 'lead' | 'longer'> & {
  /** on raw states (D) */
  weights: Float32Array
  bias: number
}

/** @param fitted told how far it is, in shares of the whole */
export async function trainHead(train: PairSet, heldOut: PairSet, size: number, seed: number, fitted: (share: number) => void, signal: AbortSignal): Promise<TrainedHead> {
  const answers = await readRows(train, size, signal)
  const { mean, deviation } = standardise(answers.values, size)
  const foldOf = train.pairs.map(({ prompt }) => createHash('sha256').update(`${seed}/${prompt}`).digest().readUInt32LE(0) % folds)
  const probe = await fitCrossValidated(answers, Uint8Array.from(answers.labels, (_, row) => foldOf[row >> 1] as number), (share) => fitted(share / 2), signal)
  const pairs: Rows = { values: differences(answers.values, size), size, labels: new Int8Array(train.pairs.length).fill(1) }
  const head = await fitCrossValidated(pairs, Uint8Array.from(foldOf), (share) => fitted(0.5 + share / 2), signal)

  const unseen = await readRows(heldOut, size, signal)
  apply(unseen.values, mean, deviation)
  const prompts = heldOut.pairs.map(({ prompt }) => prompt)
  const [own, probes] = [hitsOf(head, unseen), hitsOf(probe, unseen)]
  const longer = hits(heldOut.pairs.map(({ tokens }) => tokens.chosen), heldOut.pairs.map(({ tokens }) => tokens.rejected))
  const share = shareOf(own, prompts)
  const weights = Float32Array.from(head.weights, (w, i) => w / (deviation[i] as number))
  return {
    weights,
    bias: -weights.reduce((sum, w, i) => sum + w * (mean[i] as number), 0), // the mean training state has reward 0
    strength: head.strength,
    accuracy: share?.accuracy ?? null,
    low: share?.low ?? null,
    high: share?.high ?? null,
    trainAccuracy: shareOf(hitsOf(head, answers), train.pairs.map(({ prompt }) => prompt))?.accuracy ?? 0,
    probe: shareOf(probes, prompts),
    lead: leadOf(own, probes, prompts),
    longer: shareOf(longer, prompts)
  }
}

/** The pairs' answers as rows, chosen (1) and rejected (-1) in turns. */
async function readRows({ pairs, states }: PairSet, size: number, signal: AbortSignal): Promise<Rows> {
  const values = new Float32Array(2 * pairs.length * size)
  let breathed = performance.now()
  for (const pair of pairs.keys()) {
    const { chosen, rejected } = states(pair)
    for (const [side, state] of [chosen, rejected].entries()) values.set(state, (2 * pair + side) * size)
    if (performance.now() - breathed < breatheEveryMs) continue
    await breathe() // the engine has other things to do
    signal.throwIfAborted()
    breathed = performance.now()
  }
  return { values, size, labels: Int8Array.from({ length: 2 * pairs.length }, (_, row) => (row % 2 === 0 ? 1 : -1)) }
}

/** In place, each of the `size` numbers to mean 0 and deviation 1; one that never changes to 0. */
function standardise(values: Float32Array, size: number): { mean: Float64Array; deviation: Float64Array } {
  const rows = values.length / size
  const mean = new Float64Array(size)
  for (let at = 0; at < values.length; at++) mean[at % size]! += (values[at] as number) / rows
  const squares = new Float64Array(size)
  for (let at = 0; at < values.length; at++) squares[at % size]! += ((values[at] as number) - (mean[at % size] as number)) ** 2
  const deviation = squares.map((sum) => Math.sqrt(sum / rows) || 1)
  apply(values, mean, deviation)
  return { mean, deviation }
}

function apply(values: Float32Array, mean: Float64Array, deviation: Float64Array): void {
  const size = mean.length
  for (let at = 0; at < values.length; at++) values[at] = ((values[at] as number) - (mean[at % size] as number)) / (deviation[at % size] as number)
}

/** chosen - rejected (pairs, size) */
function differences(answers: Float32Array, size: number): Float32Array {
  const result = new Float32Array(answers.length / 2)
  for (let pair = 0; pair < result.length / size; pair++) {
    for (let i = 0; i < size; i++) result[pair * size + i] = (answers[2 * pair * size + i] as number) - (answers[(2 * pair + 1) * size + i] as number)
  }
  return result
}

/** @param answers chosen and rejected in turns */
function hitsOf({ weights }: Fit, answers: Rows): number[] {
  const scores = Array.from(answers.labels, (_, row) => score(answers, row, weights))
  return hits(scores.filter((_, row) => row % 2 === 0), scores.filter((_, row) => row % 2 === 1))
}
