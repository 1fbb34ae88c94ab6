/**
 * SHP (Ethayarajh et al. 2022): a post's history and, in the full set, two comments of which one is preferred: by
 * `labels` (1: A, 0: B), or where there is none by the higher score. Without comments it is a prompt.
 */
import { optionalTextOf, textOf, type Format } from '../format.ts'
import { userTurn } from '../messages.ts'
import type { Row } from '../row.ts'

export const shp: Format = {
  name: 'shp',
  parts: ['history', 'human_ref_A', 'human_ref_B', 'labels', 'score_A', 'score_B', 'split'],
  recognises: (row) => typeof row['history'] === 'string',
  parse(row) {
    const prompt = textOf(row, 'history')
    const a = optionalTextOf(row, 'human_ref_A')
    const b = optionalTextOf(row, 'human_ref_B')
    const [chosen, rejected] = a === null && b === null ? [null, null] : prefersA(row) ? [a, b] : [b, a]
    return { prompt, messages: userTurn(prompt), chosen, rejected, used: ['history', 'human_ref_A', 'human_ref_B'] }
  }
}

function prefersA(row: Row): boolean {
  const label = row['labels']
  if (label !== undefined && label !== null) {
    if (![0, 1].includes(Number(label)) || label === '') throw new Error('its "labels" is neither 0 nor 1')
    return Number(label) === 1
  }
  const [a, b] = ['score_A', 'score_B'].map((column) => (row[column] === undefined || row[column] === null ? NaN : Number(row[column])))
  if (a === undefined || b === undefined || Number.isNaN(a) || Number.isNaN(b)) throw new Error('it has neither "labels" nor scores of both comments, so neither is preferred')
  if (a === b) throw new Error('its comments have the same score and it has no "labels", so neither is preferred')
  return a > b
}
