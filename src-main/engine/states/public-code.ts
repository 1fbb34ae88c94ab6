/**
 * What the public code's get_activations_only.py and reward_label.py leave in features/ (the paper's repository,
 * arXiv:2406.05954): for each split
 *
 *   <model>_<data>_token_wise_activations_<split>.pth   (R, L, D), padded to the longest response; bfloat16
 *   <model>_<data>_mask_<split>.pth                     (R, L) bool, true for the first T tokens of each
 *   <model>_<data>_labels_<split>.json                  (R, 1), written by torch.save in spite of its name; may be missing
 *   <model>_<data>_response_<split>.json                [{prompt, response, results}]: results is what follows the prompt
 *
 * Its states are those of the last layer as transformers gives them: after the final norm, that of token t being the one
 * whose logits t was drawn from, as ours.
 */
import { basename, dirname, join } from 'node:path'
import type { Split } from '../../contract/data.ts'
import { optionalTextOf, promptOf, textOf } from '../data/format.ts'
import type { Row } from '../data/row.ts'
import { statOf } from '../files.ts'
import { BadFile } from '../tensors/bad-file.ts'
import { elementBytes, isFloat, toIntegers } from '../tensors/dtype.ts'
import { rowsOf, type Tensor } from '../tensors/tensor.ts'
import { TensorFile } from '../tensors/tensor-file.ts'
import type { ResponseRow } from './layout.ts'
import { batchBytes, halvesOf, longestState, nextRow, refuseMore, rewardsIn, rowsIn, type ForeignResponse, type ForeignStates } from './source.ts'

const pattern = /^(.*?)_?token_wise_activations_(train|test)\.pth$/
export const publicReward = 'labels'

interface Part {
  split: Split
  file: TensorFile
  activations: Tensor
  /** T of each response */
  lengths: number[]
  rewards: Float32Array | null
  texts: string
}

export function isActivations(name: string): boolean {
  return pattern.test(name)
}

/** @param names files of one run: its train split, its test split or both. @throws BadFile, StudioError */
export async function openPublicFeatures(directory: string, names: string[]): Promise<ForeignStates> {
  const runs = new Set(names.map((name) => pattern.exec(name)?.[1]))
  if (runs.size > 1) throw new BadFile(`it has the features of several runs (${[...runs].slice(0, 5).join(', ')}); choose one file of token_wise_activations`)
  const parts: Part[] = []
  const close = async (): Promise<void> => {
    for (const { file } of parts) await file.close()
  }
  try {
    for (const name of [...names].sort().reverse()) parts.push(await openPart(join(directory, name))) // train before test
    const [first] = parts as [Part]
    const inputDim = first.activations.shape[2] as number
    if (parts.some(({ activations }) => activations.shape[2] !== inputDim)) throw new BadFile('its two splits have states of different lengths')
    const labelled = parts.some(({ rewards }) => rewards !== null)
    return {
      name: [...runs][0] || basename(directory),
      inputDim,
      responses: parts.reduce((sum, { lengths }) => sum + lengths.length, 0),
      model: null, settings: null, manifest: null,
      rewards: labelled ? [{ name: publicReward, from: null }] : [],
      async *read(signal) {
        for (const part of parts) yield* readPart(part, labelled, signal)
      },
      async check(signal) {
        for (const { file, activations } of parts) await file.check(activations, signal)
      },
      close
    }
  } catch (error) {
    await close()
    throw error
  }
}

async function openPart(path: string): Promise<Part> {
  const [, run = '', word = ''] = pattern.exec(basename(path)) ?? []
  const beside = (what: string): string => join(dirname(path), `${run === '' ? '' : `${run}_`}${what}_${word}`)
  const file = await TensorFile.open(path)
  try {
    const activations = file.tensor('')
    const [responses = 0, longest = 0, inputDim = 0] = activations.shape
    if (activations.shape.length !== 3 || !isFloat(activations.dtype) || inputDim < 1 || inputDim > longestState) throw new BadFile(`${basename(path)} is not a tensor of responses, tokens and numbers of a state`)
    const lengths = await single(`${beside('mask')}.pth`, async (mask, tensor) => lengthsOf(tensor, toIntegers(tensor.dtype, await mask.read(tensor)), responses, longest))
    const labels = [`${beside('labels')}.json`, `${beside('labels')}.pth`].find((candidate) => statOf(candidate) !== undefined)
    const rewards = labels === undefined ? null : await single(labels, (of, tensor) => rewardsIn(of, basename(labels), tensor, responses))
    return { split: word === 'train' ? 'train' : 'held-out', file, activations, lengths, rewards, texts: `${beside('response')}.json` }
  } catch (error) {
    await file.close()
    throw error
  }
}

async function single<T>(path: string, use: (file: TensorFile, tensor: Tensor) => Promise<T>): Promise<T> {
  const file = await TensorFile.open(path)
  try {
    const tensor = file.tensor('')
    await file.check(tensor)
    return await use(file, tensor)
  } finally {
    await file.close()
  }
}

/** A mask says how long each response is only where it is a run of ones and then zeros. */
function lengthsOf({ shape }: Tensor, mask: Float64Array, responses: number, longest: number): number[] {
  if (shape.length !== 2 || shape[0] !== responses || shape[1] !== longest) throw new BadFile(`its mask is not one of ${responses} responses of at most ${longest} tokens`)
  return Array.from({ length: responses }, (_, i) => {
    const row = mask.subarray(i * longest, (i + 1) * longest)
    const length = row.indexOf(0) === -1 ? longest : row.indexOf(0)
    if (!row.every((value, t) => value === (t < length ? 1 : 0))) throw new BadFile(`the mask of response ${i + 1} is not ones and then zeros`)
    return length
  })
}

async function* readPart({ file, activations, lengths, rewards, texts, split }: Part, labelled: boolean, signal: AbortSignal): AsyncGenerator<ForeignResponse[]> {
  const rows = rowsIn(texts, signal)
  const [, longest = 0, inputDim = 0] = activations.shape
  let batch: ForeignResponse[] = []
  let bytes = 0
  try {
    for (const [i, length] of lengths.entries()) {
      signal.throwIfAborted()
      const { line, row } = await nextRow(rows, i + 1)
      const read = await file.read({ ...rowsOf(activations, i, 1), shape: [1, length, inputDim] })
      const reward = rewards?.[i] ?? NaN
      batch.push({
        states: halvesOf(activations.dtype, read, i + 1),
        tokens: new Int32Array(),
        rewards: labelled ? [Number.isNaN(reward) ? null : reward] : [],
        row: toRow(line, row as Row, split, length < longest ? 'end' : 'length')
      })
      bytes += length * inputDim * elementBytes[activations.dtype]
      if (bytes < batchBytes) continue
      yield batch
      batch = []
      bytes = 0
    }
    if (batch.length > 0) yield batch
    await refuseMore(rows, lengths.length)
  } finally {
    await rows.return(undefined)
  }
}

function toRow(line: number, row: Row, split: Split, finish: ResponseRow['finish']): ResponseRow {
  try {
    const { prompt, messages } = promptOf(row, 'prompt')
    const whole = optionalTextOf(row, 'response')
    const response = optionalTextOf(row, 'results') ?? optionalTextOf(row, 'result') ?? (whole?.startsWith(prompt) === true ? whole.slice(prompt.length) : textOf(row, 'response'))
    return { prompt, messages, response, split, finish, rendered: prompt, seed: 0, chosen: null, rejected: null, columns: {} }
  } catch (error) {
    throw new BadFile(`row ${line} of its responses cannot be used: ${error instanceof Error ? error.message : String(error)}`)
  }
}
